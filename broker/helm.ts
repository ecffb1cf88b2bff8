import type { Advisory } from '../bus/advisory.ts'
import { BusError, invalid } from '../bus/errors.ts'
import type { Loop } from '../bus/io/loop.ts'
import type { Runtime } from '../bus/io/runtime.ts'
import type { Order, OrderAnswer } from '../bus/order.ts'
import type { TraceEvent } from '../bus/trace.ts'
import type { BrokerCore } from './core/broker-core.ts'
import type { Session } from './core/session.ts'
import type { BrokerIdentity, SessionState } from './core/state.ts'
import type { BrokerView, SessionView } from './core/view.ts'
import { checkLimits } from './options.ts'
import { Orders } from './orders.ts'
import type { ClientIdentity, DepthLimits, Steering, Watcher } from './steering.ts'

const MAX_WITHIN_MS = 86_400_000

interface Drained {
  readonly handedBack: number
  readonly abandoned: number
}

/** A drain that somebody waits for. */
interface Draining {
  readonly promise: Promise<Drained>
  readonly resolve: (drained: Drained) => void
}

/**
 * How operators look at a broker and steer it: words go into its core by the loop's door, what is to
 * be told comes out after the step in which it happened, so that who hears it may answer at once.
 */
export class Helm implements Steering {
  readonly id: string
  readonly idc: string
  readonly life: number
  readonly #core: BrokerCore
  readonly #loop: Loop
  readonly #runtime: Runtime
  readonly #orders: Orders
  readonly #onDefect: (error: unknown) => void
  #watcher: Watcher | undefined
  #draining: Draining | undefined
  #isClosed = false

  constructor(
    { id, idc, life }: BrokerIdentity,
    core: BrokerCore,
    loop: Loop,
    runtime: Runtime,
    onDefect: (error: unknown) => void,
  ) {
    this.id = id
    this.idc = idc
    this.life = life
    this.#core = core
    this.#loop = loop
    this.#runtime = runtime
    this.#onDefect = onDefect
    this.#orders = new Orders(
      (instance, number, json) =>
        this.#do((now) => core.observing.order(now, instance, number, json)) === true,
      runtime,
    )
  }

  now(): number {
    return this.#runtime.now()
  }

  snapshot(): BrokerView {
    return this.#core.view(this.now())
  }

  sessions(after: string, limit: number): SessionView[] {
    return this.#core.sessions(this.now(), after, limit)
  }

  session(instance: string): SessionView | undefined {
    return this.#core.session(this.now(), instance)
  }

  trace(correlationId: string): TraceEvent[] {
    return this.#core.trace(this.now(), correlationId)
  }

  watch(watcher: Watcher): void {
    if (this.#watcher !== undefined) throw invalid('watcher', 'is there already: one at a time')
    this.#watcher = watcher
    this.#do(() => this.#core.observing.watch())
  }

  order(instance: string, order: Order, withinMs: number): Promise<OrderAnswer> {
    return this.#orders.order(instance, order, withinMs)
  }

  keepOrder(order: Order, id: string, until: number): void {
    this.#orders.keep(order, id, until)
  }

  dropOrder(id: string): void {
    this.#orders.drop(id)
  }

  hold(topic: string, instance: string, reason: string, forMs: number): boolean {
    const verdict = this.#do((now) => this.#core.holds.hold(now, topic, instance, reason, forMs))
    if (verdict !== 'too_many') return verdict === 'held'
    const message = 'too many instances are held already; release some of them'
    throw new BusError('overloaded', message, { details: { stage: 'broker' } })
  }

  release(topic: string, instance: string): boolean {
    return this.#do((now) => this.#core.holds.release(now, topic, instance)) === true
  }

  drain(withinMs: number): Promise<Drained> {
    if (this.#isClosed) return Promise.reject(closed())
    const ms = Math.max(0, Math.min(MAX_WITHIN_MS, withinMs))
    if (this.snapshot().state === 'drained') return Promise.resolve({ handedBack: 0, abandoned: 0 })
    this.#draining ??= newDraining()
    const { promise } = this.#draining
    this.#do((now) => this.#core.drain.begin(now, ms))
    return promise
  }

  resume(): void {
    this.#do((now) => this.#core.drain.resume(now))
    this.#endDrain({ handedBack: this.#core.drain.handedBack, abandoned: 0 })
  }

  kick(instance: string, reason: string, banMs: number): boolean {
    return this.#do((now) => this.#core.kick(now, instance, reason, banMs)) === true
  }

  setLimits(
    topic: string,
    limits: Partial<DepthLimits>,
  ): { before: DepthLimits; after: DepthLimits } | undefined {
    const checked = checkLimits(limits)
    return this.#do((now) => this.#core.setLimits(now, topic, checked))
  }

  /** For the broker: an advisory of it, or of something beside its core. */
  advised(advisory: Advisory): void {
    this.#tell((watcher) => watcher.advised(advisory))
  }

  /** The rest is for the core: what it tells of its clients, and the end of a drain. */
  readonly reported = (session: Session, json: Buffer): void => {
    this.#tell((watcher) => watcher.reported(identityOf(session), json))
  }

  readonly ordered = ({ instance }: Session, number: number, json: Buffer): void =>
    this.#loop.afterwards(() => this.#orders.onAnswer(instance, number, json), undefined)

  readonly sessionIs = (session: Session, state: SessionState): void => {
    this.#loop.afterwards(() => {
      if (state === 'up') this.#orders.onUp(session.instance)
      else this.#orders.onLost(session.instance)
    }, undefined)
    this.#tell((watcher) => watcher.clientIs(identityOf(session), state))
  }

  readonly drained = (handedBack: number, abandoned: number): void =>
    this.#loop.afterwards(() => this.#endDrain({ handedBack, abandoned }), undefined)

  close(): void {
    this.#isClosed = true
    this.#orders.close()
    this.#endDrain({ handedBack: this.#core.drain.handedBack, abandoned: 0 })
  }

  #endDrain(drained: Drained): void {
    this.#draining?.resolve(drained)
    this.#draining = undefined
  }

  /** Undefined if the broker is closed. Must not be called within a step. */
  #do<T>(step: (now: number) => T): T | undefined {
    let done: T | undefined
    this.#loop.post((now) => {
      done = step(now)
    }, undefined)
    return done
  }

  #tell(tell: (watcher: Watcher) => void): void {
    const watcher = this.#watcher
    if (watcher === undefined) return
    this.#loop.afterwards(() => {
      try {
        tell(watcher)
      } catch (error) {
        this.#onDefect(error)
      }
    }, undefined)
  }
}

/** Who it is, and nothing that must not be shown: a session has a secret. */
const identityOf = ({ instance, name, idc, label }: Session): ClientIdentity => ({
  instance,
  name,
  idc,
  label,
})

const newDraining = (): Draining => {
  let resolve: Draining['resolve'] = () => {}
  const promise = new Promise<Drained>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

const closed = (): BusError => new BusError('not_connected', 'the broker is closed')
