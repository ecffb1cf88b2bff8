import type { Client } from '../../rr-client/client.ts'
import type {
  Answering,
  Bus,
  BusSnapshot,
  CloseOptions,
  CloseReport,
  ForceOptions,
  ForceReport,
  Handler,
  HandlerContext,
  ReplyOptions,
  RequestOptions,
} from '../../rr-client/index.ts'
import { TestBusError } from './error.ts'
import type { History } from './history.ts'
import { type Process, processHere } from './process.ts'
import { VirtualAnswering } from './virtual-answering.ts'
import type { Abandon, Wait } from './virtual-time.ts'

/** As the real client has it. */
const CLOSE_MS = 5_000

type AnyHandler = (body: unknown, ctx: HandlerContext) => unknown

/** A call of the test that has not settled. */
interface Pending {
  readonly promise: Promise<unknown>
  readonly abandon: Abandon
}

/** What the world does for its clients. */
export interface BusHost {
  readonly told: History
  /** Milliseconds since the world began. */
  readonly now: number
  sleep(ms: number): Promise<void>
  /** The client has ended, in good order. */
  left(bus: VirtualBus): void
}

/**
 * A client of the world: the real one, in a process that can be killed, frozen and slow. It only
 * adds that somebody waits, whose handler runs, and what is told of both.
 */
export class VirtualBus implements Bus {
  readonly process: Process
  readonly #client: Client
  readonly #host: BusHost
  readonly #pending = new Set<Pending>()
  readonly #running = new Set<Wait>()
  #closing: Promise<CloseReport> | undefined
  /** Its handlers start so much later. */
  slowMs = 0

  constructor(client: Client, process: Process, host: BusHost) {
    this.#client = client
    this.process = process
    this.#host = host
  }

  get instance(): string {
    return this.#client.instance
  }

  get isOver(): boolean {
    return this.process.isDead || this.#client.snapshot().state === 'closed'
  }

  /** Handlers that have started and not ended. */
  get running(): readonly Wait[] {
    return [...this.#running]
  }

  request<R>(topic: string, body: unknown, options?: RequestOptions): Promise<R> {
    const since = this.#host.now
    const tell = (how: string): void => {
      const tookMs = this.#host.now - since
      this.#host.told.tell(this.process.name, `${topic} ${how} after ${tookMs} ms`)
    }
    const ms = options?.timeoutMs ?? this.#client.timeoutMs
    return this.#follow(`the call of ${topic} by ${this.process.name}`, ms, () => {
      const call = this.#client.request<R>(topic, body, options)
      call.then(
        () => tell('was answered'),
        (error: unknown) => tell(`failed: ${endingOf(error)}`),
      )
      return call
    })
  }

  reply(topic: string, handler: Handler<never, never>, options?: ReplyOptions): Promise<Answering> {
    const run = handler as unknown as AnyHandler
    // What is no function the client itself refuses.
    const wrapped =
      typeof run === 'function'
        ? (body: unknown, ctx: HandlerContext): unknown => this.#handle(run, body, ctx)
        : run
    const what = `the declaration of ${topic} by ${this.process.name}`
    return this.#follow(what, 0, async () => {
      const answering = await this.#client.reply(topic, wrapped as never, options)
      return new VirtualAnswering(answering, (given) => this.#closeAnswering(answering, given))
    })
  }

  status() {
    return this.#client.status()
  }

  snapshot(): BusSnapshot {
    return this.#client.snapshot()
  }

  circuit(topic: string) {
    return this.#client.circuit(topic)
  }

  force(topic: string, options: ForceOptions): ForceReport {
    return this.#client.force(topic, options)
  }

  inspect(): Promise<unknown> {
    return this.#follow(`an inspection by ${this.process.name}`, this.#client.timeoutMs, () =>
      this.#client.inspect(),
    )
  }

  close(options?: CloseOptions): Promise<CloseReport> {
    if (this.process.isDead) return Promise.resolve(NOTHING)
    const ms = options?.timeoutMs ?? CLOSE_MS
    this.#closing ??= this.#follow(`the close of ${this.process.name}`, ms, async () => {
      const report = await this.#client.close(options)
      this.#host.left(this)
      return report
    })
    const closing = this.#closing
    // Refused for what it was asked: it can be asked again.
    closing.catch(() => {
      if (this.#closing === closing) this.#closing = undefined
    })
    return closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {})
  }

  /** Nobody will ever answer what the test still waits for. */
  abandon(why: string): void {
    for (const { promise, abandon } of this.#pending) {
      // A call that the test forgot is no reason to end the test.
      promise.catch(() => {})
      abandon(why)
    }
    this.#pending.clear()
    this.#running.clear()
  }

  #closeAnswering(answering: Answering, options?: CloseOptions): Promise<CloseReport> {
    if (this.process.isDead) return Promise.resolve(NOTHING)
    const what = `the close of ${answering.topic} at ${this.process.name}`
    return this.#follow(what, options?.timeoutMs ?? CLOSE_MS, () => answering.close(options))
  }

  /** Time moves while somebody waits for this, and a death ends the waiting. */
  #follow<T>(what: string, ms: number, begin: () => Promise<T>): Promise<T> {
    const { process } = this
    const isOwn = processHere() === process
    if (process.isDead) {
      // Code of a dead process does not go on, not even to learn of its death.
      if (isOwn) return new Promise(() => {})
      return Promise.reject(new TestBusError(`${what}: ${process.name} was killed before`))
    }
    let abandon: Abandon = () => {}
    const abandoned = new Promise<never>((_, reject) => {
      if (!isOwn) abandon = (why) => reject(new TestBusError(`${what}: ${why}`))
    })
    const wait = process.wait(what, ms, (why) => abandon(why))
    const promise = Promise.race([begin(), abandoned]).finally(() => {
      this.#pending.delete(pending)
      process.end(wait)
    })
    const pending: Pending = { promise, abandon }
    this.#pending.add(pending)
    return promise
  }

  #handle(run: AnyHandler, body: unknown, ctx: HandlerContext): unknown {
    const { name } = this.process
    const { topic, correlationId } = ctx
    const entry: Wait = { what: `the handler of ${topic} at ${name}`, since: this.#host.now }
    const tell = (how: string): void =>
      this.#host.told.tell(name, `handler of ${topic} ${how} (${correlationId})`)
    this.#running.add(entry)
    tell('started')
    const end = (how: string): void => {
      if (!this.#running.delete(entry)) return
      tell(how)
    }
    return this.process.run(() => {
      const work = this.slowMs === 0 ? run : this.#slowly(run)
      let result: unknown
      try {
        result = work(body, ctx)
      } catch (error) {
        end(`threw ${endingOf(error)}`)
        throw error
      }
      if (!isThenable(result)) {
        end('returned')
        return result
      }
      return Promise.resolve(result).then(
        (value) => {
          end('returned')
          return value
        },
        (error: unknown) => {
          end(`threw ${endingOf(error)}`)
          throw error
        },
      )
    })
  }

  #slowly(run: AnyHandler): AnyHandler {
    return async (body, ctx) => {
      await this.#host.sleep(this.slowMs)
      return run(body, ctx)
    }
  }
}

const NOTHING: CloseReport = { finished: 0, handedBack: 0, abandoned: 0 }

/** An error as the history has it: its code and outcome if it has them. */
const endingOf = (error: unknown): string => {
  const { code, outcome, message } = (error ?? {}) as Record<string, unknown>
  if (typeof code === 'string' && typeof outcome === 'string') return `${code}, ${outcome},`
  return typeof message === 'string' ? message : String(error)
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
