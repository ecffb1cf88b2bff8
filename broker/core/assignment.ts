import { Frame } from '../../bus/frame.ts'
import {
  type Assigned,
  encodeNumber,
  encodeRegistered,
  type Register,
  type Window,
} from '../../bus/topic-frames.ts'
import { OWNER_GRACE_MS } from './dispatch.ts'
import { refusalOf } from './offers.ts'
import type { Ownership } from './ownership.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import type { Registration, Topic } from './topic.ts'

/** A client that is back declares its topics within this. */
const DECLARE_MS = 1_000

/**
 * Who offers to answer what: registrations come, go, are lost with their link and come back. What
 * that means for the queues is the business of `Ownership`.
 */
export class Assignment {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #ownership: Ownership
  readonly #registrations = new Map<Session, Map<number, Registration>>()
  /** Owners whose link was lost and whose queues are still kept for them. */
  readonly #away: { session: Session; until: number }[] = []
  /** Owners that are back, until they must have declared what they still answer. */
  readonly #back: { session: Session; until: number }[] = []

  constructor(state: BrokerState, routing: Routing, ownership: Ownership) {
    this.#state = state
    this.#routing = routing
    this.#ownership = ownership
  }

  get nextDeadline(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(this.#away[0]?.until ?? never, this.#back[0]?.until ?? never)
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
      const { code, message } = refusal
      const payload = encodeRegistered({ id: ask.id, topic: 0, code, message })
      this.#state.send(now, session.link!, Frame.registered, payload)
      if (topic !== undefined) this.#routing.forgetIfIdle(topic)
      return
    }
    topic!.group = ask.group
    topic!.minQueues = ask.minQueues
    topic!.maxQueues = ask.isStandby ? 1 : ask.maxQueues
    const registration = known ?? this.#add(session, topic!, ask)
    this.#resize(registration, ask)
    registration.isDeclared = true
    this.#ownership.onDeclared(now, registration)
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
    while (this.#away.length > 0 && this.#away[0]!.until <= now) {
      const { session } = this.#away.shift()!
      // Back again, or lost anew, which has an entry of its own.
      if (session.link !== undefined || session.lostAt + OWNER_GRACE_MS > now) continue
      for (const registration of this.of(session)) {
        this.#ownership.retire(now, registration, 'owner lost')
        touched.add(registration.topic)
      }
    }
    for (const topic of touched) this.#ownership.settle(now, topic)
    while (this.#back.length > 0 && this.#back[0]!.until <= now) {
      const { session } = this.#back.shift()!
      if (session.link === undefined) continue
      for (const registration of [...this.of(session)]) {
        if (!registration.isDeclared) this.#remove(now, registration, 'not declared again')
      }
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
      window: 1,
      windowBytes: 0,
      queue: undefined,
      isDeclared: true,
    }
    this.#own(session).set(ask.id, registration)
    topic.registrations.add(registration)
    return registration
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
