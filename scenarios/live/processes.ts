/** The processes of a benchmark or a drill: forking them, asking them, hurting them, and leaving none behind. */
import { type ChildProcess, fork } from 'node:child_process'
import { clock } from './clock.ts'
import { Guard } from './guardian.ts'
import type { Answer, News, Order } from './serve.ts'

// biome-ignore lint/suspicious/noExplicitAny: what verbs take and give is known where a part is named
type AnyVerb = (...args: any[]) => unknown
type Verb<V> = Extract<{ [K in keyof V]: V[K] extends AnyVerb ? K : never }[keyof V], string>
type Args<F> = F extends (...args: infer A) => unknown ? A : never
type Value<F> = F extends AnyVerb ? Awaited<ReturnType<F>> : never

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/** How long any one order may take: setting up 10,000 clients is the longest. */
const ORDER_MS = 60_000
const STOP_MS = 1_500

/** One forked process, asked by name and answered in any order. `V` are its verbs. */
export class Child<V> {
  readonly pid: number
  /** Resolves when the process has ended, with how it did. */
  readonly gone: Promise<string>
  readonly #part: string
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  /** What it tells by itself. */
  onNews: (news: unknown) => void = () => {}
  #lastId = 0

  constructor(part: string, process: ChildProcess) {
    this.#part = part
    this.#process = process
    this.pid = process.pid ?? 0
    this.gone = new Promise((resolve) => {
      process.once('exit', (code, signal) => resolve(`${signal ?? code}`))
      process.once('error', (error) => resolve(error.message))
    })
    process.on('message', (said: Answer | News) => {
      if ('news' in said) this.onNews(said.news)
      else this.#settle(said)
    })
    process.on('error', (error) => this.#fail(error))
    process.on('exit', (code, signal) =>
      this.#fail(new Error(`the ${part} process ended (${signal ?? code})`)),
    )
  }

  get isUp(): boolean {
    return this.pid > 0 && this.#process.exitCode === null && this.#process.signalCode === null
  }

  ask<N extends Verb<V>>(verb: N, ...args: Args<V[N]>): Promise<Value<V[N]>> {
    return this.askWithin(ORDER_MS, verb, ...args)
  }

  askWithin<N extends Verb<V>>(
    withinMs: number,
    verb: N,
    ...args: Args<V[N]>
  ): Promise<Value<V[N]>> {
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) {
        reject(new Error(`the ${this.#part} process is gone`))
        return
      }
      const id = ++this.#lastId
      const late = new Error(`the ${this.#part} process did not ${verb} within ${withinMs / 1e3} s`)
      const timer = setTimeout(() => this.#settle({ id, error: late.message }), withinMs)
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, timer })
      this.#process.send({ id, verb, arg: args[0] } satisfies Order, () => {})
    })
  }

  /** Returns when it did so. */
  signal(name: NodeJS.Signals): number {
    const at = clock()
    this.#process.kill(name)
    return at
  }

  /** Ends the process: politely by closing its channel, soon after by force. */
  async stop(): Promise<void> {
    if (!this.isUp) return
    const force = setTimeout(() => this.kill(), STOP_MS)
    if (this.#process.connected) this.#process.disconnect()
    await this.gone
    clearTimeout(force)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    if (error === undefined) waiting.resolve(value)
    else waiting.reject(new Error(error))
  }

  #fail(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error: error.message })
  }
}

interface Member {
  readonly pid: number
  readonly gone: Promise<string>
  stop(): Promise<void>
  kill(): void
}

/** All processes that are up. Whatever happens, even to this process, none is left. */
export class Crew {
  readonly #children = new Set<Member>()
  #guard: Guard | undefined
  #interrupted = false

  get interrupted(): boolean {
    return this.#interrupted
  }

  /** Starts a file that calls `serve`, as this part. */
  launch<V>(file: string, part: string, execArgv: string[] = []): Child<V> {
    if (this.#interrupted) throw new Error('interrupted')
    const process = fork(file, [part], { execArgv })
    const child = new Child<V>(part, process)
    this.#children.add(child)
    const guard = this.guard
    guard.watch(child.pid)
    void child.gone.then(() => {
      this.#children.delete(child)
      guard.forget(child.pid)
    })
    return child
  }

  /** The process that outlives this one, should it be killed, and ends what it has started. */
  get guard(): Guard {
    this.#guard ??= new Guard()
    return this.#guard
  }

  /** Those that are up now. */
  members(): ReadonlySet<Member> {
    return new Set(this.#children)
  }

  /** Stops all, or all but some that are needed longer. */
  async stop(except: ReadonlySet<Member> = new Set()): Promise<void> {
    const leaving = [...this.#children].filter((child) => !except.has(child))
    await Promise.all(leaving.map((child) => child.stop()))
    await this.#dismissGuard()
  }

  /** Ends all at once, however they stand; resolves when they are gone. */
  async kill(): Promise<void> {
    for (const child of this.#children) child.kill()
    await Promise.all([...this.#children].map(({ gone }) => gone))
  }

  /** The same, and gives everything back. */
  async end(): Promise<void> {
    await this.kill()
    await this.#dismissGuard()
  }

  /** Ends everything at once, for good; what was being asked fails. */
  interrupt(): void {
    this.#interrupted = true
    for (const child of this.#children) child.kill()
  }

  async #dismissGuard(): Promise<void> {
    const guard = this.#guard
    if (this.#children.size > 0 || guard === undefined) return
    this.#guard = undefined
    await guard.dismiss()
  }
}
