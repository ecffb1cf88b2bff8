import { type Advisory, advisoryLevel } from '../bus/advisory.ts'
import { type Codec, jsonCodec } from '../bus/codec.ts'
import { BusError, invalid } from '../bus/errors.ts'
import type { Reason } from '../bus/frame.ts'
import { encodeHeaders, NO_BYTES, OwnHeader } from '../bus/headers.ts'
import { monotonicClock } from '../bus/io/clock.ts'
import { newId, newSecret, newSeed } from '../bus/io/ids.ts'
import type { MemoryHost } from '../bus/io/link-memory.ts'
import { Loop } from '../bus/io/loop.ts'
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
  Handler,
  ReplyOptions,
  RequestOptions,
} from './api.ts'
import { callFacts } from './call-facts.ts'
import { Caller } from './caller.ts'
import { Circuits } from './circuits.ts'
import type { Context, NestedCall } from './context.ts'
import { BrokerLink } from './core/broker-link.ts'
import { ClientCore } from './core/client-core.ts'
import type { CallFacts, RequestResponseFuture } from './core/future.ts'
import type { HandlerReply, Mark } from './core/mark.ts'
import type { Registration } from './core/registration.ts'
import type { ClientEffects } from './core/state.ts'
import { Dialer } from './dialer.ts'
import { Drain } from './drain.ts'
import { Inspections } from './inspections.ts'
import { type CheckedConnect, checkClose, checkReply } from './options.ts'
import { snapshotOf } from './snapshot.ts'
import { StatusStream } from './status.ts'

/** Topics whose names were found good, so that each is looked at once. */
const MAX_CHECKED = 50_000

/** The bus as users hold it: the promises and handlers around a client core. */
export class Client implements Bus, AnswererHost {
  readonly instance: string = newId()
  readonly codec: Codec
  readonly idc: string
  readonly #options: CheckedConnect
  readonly #log: Log
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #dialer: Dialer
  readonly #circuits = new Circuits()
  readonly #status = new StatusStream()
  readonly #inspections = new Inspections()
  readonly #handles = new Map<Registration, AnsweringHandle>()
  readonly #drain: Drain
  readonly #checked = new Set<string>()
  label: Buffer = NO_BYTES
  #isBegun = false
  #closing: Promise<CloseReport> | undefined
  /** Told about the first link, and about brokers that refuse; for `connect`. */
  onLink: (error: BusError | undefined, link: BrokerLink) => void = () => {}
  #goneReason = ''

  constructor(targets: readonly (string | MemoryHost)[], options: CheckedConnect) {
    this.#options = options
    this.codec = options.codec ?? jsonCodec
    this.idc = options.idc
    this.#log = options.logger ?? silentLog
    if (options.label !== undefined) {
      this.label = encodeHeaders({}, { [OwnHeader.label]: options.label })
    }
    const hosts = new Map<BrokerLink, MemoryHost>()
    const links = targets.map((target, index) => {
      const link = new BrokerLink(index, typeof target === 'string' ? target : target.url)
      if (typeof target !== 'string') hosts.set(link, target)
      return link
    })
    this.#core = new ClientCore(
      {
        instance: this.instance,
        secret: newSecret(),
        replyTopic: newId(),
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
      new Prng(newSeed()),
      new Slabs(),
      (outbox) => this.#loop.flushSoon(outbox),
    )
    this.#loop = new Loop(this.#core, monotonicClock, options.silenceMs, (error) =>
      this.#log.error({ error }, 'defect in the client core'),
    )
    this.#dialer = new Dialer(hosts, options.tls, {
      onOpen: (link, wire) => this.#loop.post((now) => this.#core.onOpen(now, link, wire), link),
      onMessage: (link, message) =>
        this.#loop.postRead((now) => this.#core.onBatch(now, link, message), link),
      onGone: (link, reason, isFinal) => {
        this.#goneReason = `${link.url}: ${reason}`
        if (isFinal) this.onLink(cannotLink(this.#goneReason), link)
        this.#loop.post((now) => this.#core.onClosed(now, link, reason), link)
      },
    })
    this.#drain = new Drain(this.#core, this.#loop)
  }

  /** Begins to dial; for `connect`. */
  start(): void {
    this.#loop.post(() => this.#core.start(), undefined)
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
    return this.#call(topic, body, options, undefined).promise as Promise<R>
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
    return snapshotOf(this.#core, this.#options, this.#circuits.size)
  }

  circuit(topic: string) {
    return this.#circuits.ask(checkTopic(topic))
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
    return monotonicClock()
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

  reject(mark: Mark, reason: Reason, text: string): void {
    this.#loop.post((now) => this.#core.responder.reject(now, mark, reason, text), mark)
    this.#drain.onProgress()
  }

  watch(mark: Mark): void {
    this.#loop.post((now) => this.#core.responder.watch(now, mark), mark)
  }

  nested(parent: Context, topic: string, body: unknown, options: RequestOptions): NestedCall {
    return this.#call(topic, body, options, parent)
  }

  readonly #beginStep = (now: number, mark: Mark): void => {
    this.#isBegun = this.#core.responder.begin(now, mark)
  }

  readonly #finishStep = (now: number, mark: Mark): void => {
    this.#core.responder.finish(now, mark)
  }

  readonly #requestStep = (now: number, caller: Caller): void => {
    caller.future = this.#core.request(now, caller.facts, caller)
  }

  readonly #cancel = (caller: Caller): void => {
    this.#loop.post((now) => {
      if (caller.future !== undefined) this.#core.requester.cancel(now, caller.future)
    }, caller)
  }

  /** Every call, of users and of handlers. What is wrong with it rejects; nothing is thrown. */
  #call(
    topic: string,
    body: unknown,
    options: RequestOptions | undefined,
    parent: Context | undefined,
  ): NestedCall {
    let facts: CallFacts
    try {
      // The loop of a closed bus runs no step: the call would never be settled.
      if (this.#core.state.phase === 'closed') throw closedError()
      if (!this.#checked.has(topic)) this.#checkTopic(topic)
      facts = callFacts(this, topic, body, options, parent)
    } catch (error) {
      return { promise: Promise.reject(error), cancel: () => {} }
    }
    const caller = new Caller(facts, this.codec)
    const gate = this.#circuits.size === 0 ? 'free' : this.#circuits.gate(topic)
    const cancel = (): void => this.#cancel(caller)
    if (gate === 'free') this.#begin(caller, options?.signal)
    else if (BusError.is(gate)) caller.fail(gate)
    else {
      caller.isTrial = true
      const trial = gate.fire(() => {
        this.#begin(caller, options?.signal)
        return caller.promise
      })
      const promise = trial.catch((error: unknown) => {
        throw this.#circuits.translate(topic, error)
      })
      return { promise, cancel }
    }
    return { promise: caller.promise, cancel }
  }

  #begin(caller: Caller, signal: AbortSignal | undefined): void {
    if (signal !== undefined) caller.listen(signal, this.#cancel)
    this.#loop.post(this.#requestStep, caller)
  }

  #checkTopic(topic: string): void {
    checkTopic(topic)
    if (this.#checked.size < MAX_CHECKED) this.#checked.add(topic)
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
    const report = await this.#drain.all(timeoutMs)
    this.#loop.flushNow()
    this.#dialer.close()
    this.#loop.close()
    this.#circuits.close()
    this.#status.close()
    this.#inspections.close()
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
        if (this.#circuits.size > 0 || error !== undefined) this.#settled(future, error)
        this.#drain.onProgress()
      },
      fail: (future, error) => {
        const caller = callerOf(future)
        const cause = error.code === 'cancelled' ? caller.abortReason : undefined
        caller.fail(cause === undefined ? error : withCause(error, cause))
        this.#settled(future, error)
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
      advise: (advisory) => {
        this.#status.tell(advisory)
        this.#log[advisoryLevel(advisory.kind)](advisory, advisory.kind)
      },
    }
  }

  #settled(future: RequestResponseFuture, error: unknown): void {
    if (callerOf(future).isTrial) return
    const { topic } = future.facts
    if (error === undefined) this.#circuits.succeed(topic)
    else this.#circuits.fail(topic, error)
  }
}

const takeMark = (mark: Mark): void => (mark.registration.answerer as Answerer).take(mark)

const callerOf = (future: RequestResponseFuture): Caller => future.caller as Caller

const closedError = (): BusError =>
  new BusError('not_connected', 'this bus is closed', { details: { stage: 'requester' } })

const cannotLink = (reason: string): BusError =>
  new BusError('not_connected', `no link can be made to ${reason}`, {
    details: { stage: 'link' },
  })

const withCause = (error: BusError, cause: unknown): BusError => {
  const { code, message, outcome, details } = error
  return new BusError(code, message, { outcome, details, cause })
}
