import { type Advisory, advisoryLevel } from '../bus/advisory.ts'
import { type Codec, jsonCodec } from '../bus/codec.ts'
import { BusError, invalid } from '../bus/errors.ts'
import type { Reason } from '../bus/frame.ts'
import { encodeHeaders, NO_BYTES, OwnHeader } from '../bus/headers.ts'
import type { LinkHost } from '../bus/io/link.ts'
import { Loop } from '../bus/io/loop.ts'
import type { Runtime } from '../bus/io/runtime.ts'
import { type Log, silentLog } from '../bus/log.ts'
import { checkTopic } from '../bus/names.ts'
import { Prng } from '../bus/prng.ts'
import { Slabs } from '../bus/slabs.ts'
import { Answerer, type AnswererHost, type AnyHandler } from './answerer.ts'
import { AnsweringHandle } from './answering.ts'
import type {
  Answering,
  Bus,
  BusSnapshot,
  CloseOptions,
  CloseReport,
  ForceOptions,
  ForceReport,
  Handler,
  ReplyOptions,
  RequestOptions,
} from './api.ts'
import { Calls, callerOf } from './calls.ts'
import { Circuits } from './circuits.ts'
import { cannotLink, closedError, withCause } from './client-errors.ts'
import type { Context, NestedCall } from './context.ts'
import { BrokerBook } from './core/broker-book.ts'
import { BrokerLink } from './core/broker-link.ts'
import { ClientCore } from './core/client-core.ts'
import type { HandlerReply, Mark } from './core/mark.ts'
import type { Registration } from './core/registration.ts'
import type { ClientEffects } from './core/state.ts'
import { Dialer } from './dialer.ts'
import { Drain } from './drain.ts'
import { Forces } from './forces.ts'
import { Inspections } from './inspections.ts'
import { type CheckedConnect, checkClose, checkReply } from './options.ts'
import { Orders } from './orders.ts'
import { RegistryFollower } from './registry-follower.ts'
import { Reporter } from './reporter.ts'
import { snapshotOf } from './snapshot.ts'
import { StatusStream } from './status.ts'

/** Where the brokers are, and who knows more of them. */
export interface Targets {
  readonly brokers: readonly (string | LinkHost)[]
  readonly registries: readonly string[]
}

/** The bus as users hold it: the promises and handlers around a client core. */
export class Client implements Bus, AnswererHost {
  readonly instance: string
  readonly codec: Codec
  readonly idc: string
  readonly runtime: Runtime
  readonly #options: CheckedConnect
  readonly #log: Log
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #dialer: Dialer
  readonly #circuits: Circuits
  readonly #status = new StatusStream()
  readonly #inspections: Inspections
  readonly #handles = new Map<Registration, AnsweringHandle>()
  readonly #drain: Drain
  readonly #book: BrokerBook
  /** Present if brokers are learned from registries. */
  readonly follower: RegistryFollower | undefined
  readonly #calls: Calls
  readonly #forces: Forces
  readonly #orders: Orders
  readonly #reporter: Reporter
  label: Buffer = NO_BYTES
  #isBegun = false
  #closing: Promise<CloseReport> | undefined
  /** Told about the first link, and about brokers that refuse; for `connect`. */
  onLink: (error: BusError | undefined, link: BrokerLink) => void = () => {}
  #goneReason = ''

  constructor({ brokers, registries }: Targets, options: CheckedConnect, runtime: Runtime) {
    this.runtime = runtime
    this.instance = runtime.newId()
    this.#options = options
    this.codec = options.codec ?? jsonCodec
    this.idc = options.idc
    this.#log = options.logger ?? silentLog
    this.#circuits = new Circuits(runtime, (advisory) => this.#advise(advisory))
    this.#inspections = new Inspections(runtime)
    if (options.label !== undefined) {
      this.label = encodeHeaders({}, { [OwnHeader.label]: options.label })
    }
    const hosts = new Map<BrokerLink, LinkHost>()
    const links = brokers.map((target, index) => {
      const link = new BrokerLink(index, typeof target === 'string' ? target : target.url)
      if (typeof target !== 'string') hosts.set(link, target)
      return link
    })
    this.#core = new ClientCore(
      {
        instance: this.instance,
        secret: runtime.newSecret(),
        replyTopic: runtime.newId(),
        name: options.name,
        idc: options.idc,
        label: options.label ?? '',
        token: options.token ?? '',
        maxInFlight: options.maxInFlight,
        pingMs: options.pingMs,
        silenceMs: options.silenceMs,
        firstCounter: 1,
      },
      this.#effects(),
      links,
      new Prng(runtime.newSeed()),
      new Slabs(),
      (outbox) => this.#loop.flushSoon(outbox),
    )
    this.#loop = new Loop(this.#core, runtime, options.silenceMs, (error) =>
      this.#log.error({ err: error }, 'defect in the client core'),
    )
    this.#dialer = new Dialer(hosts, options.tls, {
      onOpen: (link, wire) => this.#loop.post((now) => this.#core.onOpen(now, link, wire), link),
      onMessage: (link, message) =>
        this.#loop.postRead((now) => this.#core.onBatch(now, link, message), link),
      onGone: (link, reason, isFinal) => {
        this.#goneReason = `${link.url}: ${reason}`
        if (isFinal) this.onLink(cannotLink(this.#goneReason), link)
        this.#loop.post((now) => {
          this.#core.onClosed(now, link, reason)
          this.#book.onGone(link)
        }, link)
      },
    })
    this.#calls = new Calls(this, this.#core, this.#loop, this.#circuits)
    this.#forces = new Forces(runtime, this.#core, this.#loop, this.#circuits)
    this.#orders = new Orders(this.#core, this.#loop, this.#forces)
    this.#reporter = new Reporter(runtime, this.#core, this.#loop, this.#circuits)
    this.#drain = new Drain(this.#core, this.#loop, runtime)
    this.#book = new BrokerBook(this.#core)
    if (registries.length === 0) return
    this.follower = new RegistryFollower(registries, options, {
      found: (broker) => this.#loop.post((now) => this.#book.take(now, broker), undefined),
      advise: (advisory) => this.#core.state.effects.advise(advisory),
    })
  }

  /** Begins to dial; for `connect`. */
  start(): void {
    this.#loop.post(() => this.#core.start(), undefined)
    this.follower?.start()
  }

  /** Brokers known. */
  get brokers(): number {
    return this.#core.state.links.length
  }

  /** Why the last dial failed. */
  get goneReason(): string {
    return this.#goneReason
  }

  get maxBodyBytes(): number {
    let least = Number.POSITIVE_INFINITY
    for (const link of this.#core.state.links) least = Math.min(least, link.maxBodyBytes)
    return least
  }

  request<R>(topic: string, body: unknown, options?: RequestOptions): Promise<R> {
    return this.#calls.call(topic, body, options, undefined).promise as Promise<R>
  }

  async reply(
    topic: string,
    handler: Handler<never, never>,
    options: ReplyOptions = {},
  ): Promise<Answering> {
    checkTopic(topic)
    if (typeof handler !== 'function') throw invalid('handler', 'must be a function', handler)
    const { concurrency, prefetch, group, schema, standby, queues } = checkReply(options)
    this.#checkOpen()
    if (standby && this.follower !== undefined) {
      throw invalid('active/standby', 'needs a fixed list of brokers: connect with urls')
    }
    if (this.#core.registrations.byTopic(topic)?.state === 'open') {
      throw invalid('topic', `${topic} is answered by this bus already`)
    }
    const own = group ?? this.#options.group ?? this.#options.name
    const answerer = new Answerer(handler as AnyHandler, schema, concurrency, this)
    const handle = new AnsweringHandle(topic, own, (ms) => this.#closeAnswering(handle, ms))
    this.#loop.post((now) => {
      const { registrations } = this.#core
      const bounds = { isStandby: standby, minQueues: queues.min, maxQueues: queues.max }
      const ask = { topic, group: own, concurrency, prefetch, ...bounds, answerer }
      handle.registration = registrations.open(now, ask)
      this.#handles.set(handle.registration, handle)
    }, undefined)
    await handle.declared
    return handle
  }

  status(): AsyncIterableIterator<Advisory> {
    return this.#status.open()
  }

  snapshot(): BusSnapshot {
    const registries = this.follower?.snapshot() ?? []
    return {
      ...snapshotOf(this.now(), this.#core, this.#options, this.#circuits.views),
      registries,
    }
  }

  circuit(topic: string) {
    return this.#circuits.ask(checkTopic(topic))
  }

  force(topic: string, options: ForceOptions): ForceReport {
    return this.#forces.say(checkTopic(topic), options)
  }

  onUserError(where: string, error: unknown): void {
    this.#log.error({ err: error }, `${where} has thrown`)
  }

  inspect(): Promise<unknown> {
    if (this.#core.state.phase === 'closed') return Promise.reject(closedError())
    const link = this.#core.state.links.find((other) => other.isUp)
    if (link === undefined) {
      return Promise.reject(new BusError('not_connected', 'no broker is linked'))
    }
    return this.#inspections.ask(this.#options.timeoutMs, (id) =>
      this.#loop.post((now) => this.#core.inspect(now, link, id), undefined),
    )
  }

  close(options: CloseOptions = {}): Promise<CloseReport> {
    if (this.#closing !== undefined) return this.#closing
    try {
      this.#closing = this.#close(checkClose(options))
      return this.#closing
    } catch (error) {
      return Promise.reject(error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {})
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs
  }

  now(): number {
    return this.runtime.now()
  }

  begin(mark: Mark): boolean {
    this.#isBegun = false
    this.#loop.post(this.#beginStep, mark)
    return this.#isBegun
  }

  finish(mark: Mark, reply: HandlerReply): void {
    mark.reply = reply
    this.#loop.post(this.#finishStep, mark)
    this.#drain.onProgress()
  }

  mayStart(mark: Mark): boolean {
    let mayStart = false
    this.#loop.post((now) => {
      mayStart = this.#core.responder.mayStart(now, mark)
    }, mark)
    return mayStart
  }

  reject(mark: Mark, reason: Reason, text: string): void {
    this.#loop.post((now) => this.#core.responder.reject(now, mark, reason, text), mark)
    this.#drain.onProgress()
  }

  watch(mark: Mark): void {
    this.#loop.post((now) => this.#core.responder.watch(now, mark), mark)
  }

  nested(parent: Context, topic: string, body: unknown, options: RequestOptions): NestedCall {
    return this.#calls.call(topic, body, options, parent)
  }

  readonly #beginStep = (now: number, mark: Mark): void => {
    this.#isBegun = this.#core.responder.begin(now, mark)
  }

  readonly #finishStep = (now: number, mark: Mark): void => {
    this.#core.responder.finish(now, mark)
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return
    if (this.#core.state.phase === 'closed') throw closedError()
    throw new BusError('draining', 'this bus is closing', { details: { stage: 'requester' } })
  }

  #closeAnswering(handle: AnsweringHandle, timeoutMs: number): Promise<CloseReport> {
    return this.#drain.registrations([handle.registration!], timeoutMs)
  }

  async #close(timeoutMs: number): Promise<CloseReport> {
    this.#reporter.hurry()
    const report = await this.#drain.all(timeoutMs, (now) => this.#reporter.last(now))
    this.#loop.flushNow()
    this.follower?.close()
    this.#dialer.close()
    this.#loop.close()
    this.#circuits.close()
    this.#status.close()
    this.#inspections.close()
    this.#reporter.close()
    for (const handle of this.#handles.values()) handle.onDeclared(closedError())
    this.#handles.clear()
    return report
  }

  #effects(): ClientEffects {
    return {
      dial: (link) => this.#dialer.dial(link),
      hangUp: (link, code, reason) => this.#dialer.hangUp(link, code, reason),
      fulfil: (future, reply) => {
        const error = callerOf(future).fulfil(reply)
        this.#calls.settled(future, error)
        this.#drain.onProgress()
      },
      fail: (future, error) => {
        const caller = callerOf(future)
        const cause = error.code === 'cancelled' ? caller.abortReason : undefined
        caller.fail(cause === undefined ? error : withCause(error, cause))
        this.#calls.settled(future, error)
        this.#drain.onProgress()
      },
      invoke: (mark) => this.#loop.afterwards(takeMark, mark),
      abort: (mark, why) => {
        this.#loop.afterwards(() => (mark.runner as Context | undefined)?.abort(why), mark)
      },
      declared: (registration, error) => {
        this.#handles.get(registration)?.onDeclared(error)
      },
      ended: (registration) => {
        // Says nothing new to one that was declared, or refused.
        this.#handles.get(registration)?.onDeclared(closedError())
        this.#handles.delete(registration)
        this.#drain.onProgress()
      },
      linkUp: (link) => this.onLink(undefined, link),
      linkRefused: (link, error) => this.onLink(error, link),
      inspected: (id, piece, isLast) => this.#inspections.take(id, piece, isLast),
      observed: () => this.#reporter.retarget(),
      ordered: (link, order) => this.#orders.take(link, order),
      advise: (advisory) => this.#advise(advisory),
    }
  }

  #advise(advisory: Advisory): void {
    this.#status.tell(advisory)
    this.#reporter.tell(advisory)
    this.#log[advisoryLevel(advisory.kind)](advisory, advisory.kind)
  }
}

const takeMark = (mark: Mark): void => (mark.registration.answerer as Answerer).take(mark)
