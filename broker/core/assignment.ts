import { Fifo } from '../../bus/fifo.ts'
import { Frame } from '../../bus/frame.ts'
import {
  type Assigned,
  encodeNumber,
  encodeRegistered,
  type Register,
  type StandingNews,
  type Window,
} from '../../bus/topic-frames.ts'
import type { Backlog } from './backlog.ts'
import { OWNER_GRACE_MS } from './dispatch.ts'
import { listRefusal, type Refusal, refusalOf } from './offers.ts'
import type { Ownership } from './ownership.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import type { Registration, Topic } from './topic.ts'

/** A client that is back declares its topics within this. */
const DECLARE_MS = 1_000

interface Due {
  readonly session: Session
  readonly until: number
}

/**
 * Who offers to answer what: registrations come, go, are lost with their link and come back. What
 * that means for the queues is the business of `Ownership`.
 */
export class Assignment {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #ownership: Ownership
  readonly #backlog: Backlog
  readonly #registrations = new Map<Session, Map<number, Registration>>()
  /** Owners whose link was lost and whose queues are still kept for them. */
  readonly #away = new Fifo<Due>()
  /** Owners that are back, until they must have declared what they still answer. */
  readonly #back = new Fifo<Due>()

  constructor(state: BrokerState, routing: Routing, ownership: Ownership, backlog: Backlog) {
    this.#backlog = backlog
    this.#state = state
    this.#routing = routing
    this.#ownership = ownership
  }

  get nextDeadline(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(this.#away.peek()?.until ?? never, this.#back.peek()?.until ?? never)
  }

  /** What a session answers. */
  of(session: Session): Iterable<Registration> {
    return this.#registrations.get(session)?.values() ?? []
  }

  onRegister(now: number, session: Session, ask: Register): void {
    const own = this.#own(session)
    const known = own.get(ask.id)
    const topic = this.#routing.topic(ask.topic)
    const refusal = refusalOf(this.#state, session, ask, topic, own.size, known)
    if (refusal !== undefined) {
      this.#refuse(now, session, ask.id, refusal)
      if (topic !== undefined) this.#routing.forgetIfIdle(topic)
      return
    }
    const { maxQueues } = ask
    const areBoundsNew = topic!.maxQueues !== maxQueues
    topic!.group = ask.group
    topic!.minQueues = ask.minQueues
    topic!.maxQueues = maxQueues
    const registration = known ?? this.#add(session, topic!, ask)
    this.#resize(registration, ask)
    registration.isDeclared = true
    this.#ownership.onDeclared(now, registration, areBoundsNew)
  }

  /** The owner's share of the credit is another from now on. */
  onWindow(now: number, session: Session, told: Window): void {
    const registration = this.#registrations.get(session)?.get(told.id)
    if (registration === undefined) return
    this.#resize(registration, told)
    this.#ownership.onWindow(now, registration)
  }

  /** The owner knows it owns the queue: now requesters may. */
  onAssigned(now: number, session: Session, told: Assigned): void {
    this.#ownership.onAssigned(now, session, told)
  }

  /** How an instance of an active/standby topic stands in the votes of all brokers. */
  onStanding(now: number, session: Session, { id, standing, brokers }: StandingNews): void {
    const registration = this.#registrations.get(session)?.get(id)
    if (registration?.isStandby !== true) return
    registration.brokers = brokers
    const refusal = listRefusal(registration)
    if (refusal === undefined) {
      this.#ownership.votes.onStanding(now, registration, standing)
      return
    }
    this.#refuse(now, session, id, refusal)
    this.#remove(now, registration, refusal.message)
  }

  /** The owner has let a queue go. */
  onRevoked(now: number, session: Session, told: Assigned): void {
    const queue = this.#state.queues.get(told.queue)
    const topic = queue === undefined ? undefined : this.#state.topics.get(queue.topic.name)
    if (topic !== undefined) this.#ownership.votes.onRevoked(now, topic, session, told)
  }

  onUnregister(now: number, session: Session, id: number): void {
    const registration = this.#registrations.get(session)?.get(id)
    if (registration !== undefined) this.#remove(now, registration, 'unregistered')
    this.#state.send(now, session.link!, Frame.unregistered, encodeNumber(id))
  }

  /** The owner's link is lost: its queues take nothing new, and wait a moment for it. */
  onAway(now: number, session: Session): void {
    const registrations = this.#registrations.get(session)
    if (registrations === undefined) return
    for (const registration of registrations.values()) {
      registration.isDeclared = false
      this.#ownership.suspend(now, registration)
    }
    this.#away.push({ session, until: now + OWNER_GRACE_MS })
  }

  /** The client is back, and declares again what it still answers. */
  onBack(now: number, session: Session): void {
    if (this.#registrations.has(session)) this.#back.push({ session, until: now + DECLARE_MS })
  }

  /** The session has ended: nothing is kept. */
  onEnd(now: number, session: Session, reason: string): void {
    for (const registration of [...this.of(session)]) this.#remove(now, registration, reason)
    this.#registrations.delete(session)
  }

  /** Owners that did not come back: all losses of that time in one assignment. */
  onDeadline(now: number): void {
    const touched = new Set<Topic>()
    for (const session of takeDue(now, this.#away)) {
      // Back again, or lost anew, which has an entry of its own.
      if (session.link !== undefined || session.lostAt + OWNER_GRACE_MS > now) continue
      for (const registration of this.of(session)) {
        this.#ownership.retire(now, registration, 'owner lost')
        touched.add(registration.topic)
      }
    }
    for (const topic of touched) this.#ownership.settle(now, topic)
    for (const session of takeDue(now, this.#back)) {
      if (session.link === undefined) continue
      // It has declared more than could be taken in so far.
      if (this.#backlog.has(session)) this.onBack(now, session)
      else this.#dropUndeclared(now, session)
    }
  }

  #dropUndeclared(now: number, session: Session): void {
    for (const registration of [...this.of(session)]) {
      if (!registration.isDeclared) this.#remove(now, registration, 'not declared again')
    }
  }

  #own(session: Session): Map<number, Registration> {
    let registrations = this.#registrations.get(session)
    if (registrations === undefined) {
      registrations = new Map()
      this.#registrations.set(session, registrations)
    }
    return registrations
  }

  #add(session: Session, topic: Topic, ask: Register): Registration {
    const registration: Registration = {
      id: ask.id,
      session,
      topic,
      isLocal: session.idc === this.#state.identity.idc,
      isStandby: ask.isStandby,
      standing: undefined,
      brokers: 0,
      window: 1,
      windowBytes: 0,
      queue: undefined,
      isDeclared: true,
    }
    this.#own(session).set(ask.id, registration)
    topic.registrations.add(registration)
    return registration
  }

  #refuse(now: number, { link }: Session, id: number, refusal: Refusal): void {
    const payload = encodeRegistered({ id, topic: 0, ...refusal })
    this.#state.send(now, link!, Frame.registered, payload)
  }

  #resize(registration: Registration, { window, windowBytes }: Omit<Window, 'id'>): void {
    registration.window = Math.max(1, window)
    registration.windowBytes = windowBytes
  }

  #remove(now: number, registration: Registration, reason: string): void {
    const { topic, session } = registration
    this.#registrations.get(session)?.delete(registration.id)
    topic.registrations.delete(registration)
    this.#ownership.onRemoved(now, registration, reason)
    this.#routing.forgetIfIdle(topic)
  }
}

/** Takes what is due out of a row that is in order. */
function* takeDue(now: number, row: Fifo<Due>): Generator<Session> {
  for (let next = row.peek(); next !== undefined && next.until <= now; next = row.peek()) {
    row.shift()
    yield next.session
  }
}
