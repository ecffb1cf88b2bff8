import { Frame, Reason } from '../../bus/frame.ts'
import { isName, isTopic } from '../../bus/names.ts'
import {
  type Assigned,
  encodeAssign,
  encodeNumber,
  encodeRegistered,
  type Register,
} from '../../bus/topic-frames.ts'
import { type Dispatch, OWNER_GRACE_MS } from './dispatch.ts'
import { Queue } from './queue.ts'
import type { Registration } from './registration.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** Topics one client may answer. */
const MAX_REGISTRATIONS = 20_000
/** An ownership lasts so many times the silence limit without a sign of life. */
const LEASE_FACTOR = 2
/** A client that is back declares its topics within this. */
const DECLARE_MS = 1_000

/**
 * Who owns which queue. The broker decides, the client obeys: every registration of a topic gets a
 * queue of its own, which becomes writable once its owner has confirmed it.
 */
export class Assignment {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  readonly #registrations = new Map<Session, Map<number, Registration>>()
  #nextQueue = 1
  /** Owners whose link was lost and whose queues are still kept for them. */
  readonly #away: { session: Session; until: number }[] = []
  /** Owners that are back, until they must have declared what they still answer. */
  readonly #back: { session: Session; until: number }[] = []

  constructor(state: BrokerState, routing: Routing, dispatch: Dispatch) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
  }

  get nextDeadline(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(this.#away[0]?.until ?? never, this.#back[0]?.until ?? never)
  }

  onRegister(now: number, session: Session, ask: Register): void {
    const refusal = this.#refusalOf(session, ask)
    if (refusal !== undefined) {
      this.#answer(now, session, ask.id, 0, refusal.code, refusal.message)
      return
    }
    const topic = this.#routing.topic(ask.topic)!
    const known = this.#of(session).get(ask.id)
    if (known !== undefined) {
      known.window = Math.max(1, ask.window)
      known.windowBytes = ask.windowBytes
      known.isDeclared = true
      this.#assign(now, session, known)
      return
    }
    const registration: Registration = {
      id: ask.id,
      topic,
      window: Math.max(1, ask.window),
      windowBytes: ask.windowBytes,
      queue: undefined,
      isDeclared: true,
    }
    this.#of(session).set(ask.id, registration)
    topic.registrations += 1
    topic.group = ask.group
    this.#assign(now, session, registration)
  }

  /** The owner knows it owns the queue: now requesters may. */
  onAssigned(now: number, session: Session, told: Assigned): void {
    const queue = this.#state.queues.get(told.queue)
    if (queue === undefined || queue.owner !== session || queue.epoch !== told.epoch) return
    if (queue.state === 'writable') return
    queue.state = 'writable'
    const { topic, credit } = queue
    this.#routing.changed(now, queue)
    this.#routing.tellFirst(now, queue)
    this.#answer(now, session, credit.id, topic.handle, '', '')
    this.#state.effects.advise({
      kind: 'queue_assigned',
      topic: topic.name,
      queue: queue.handle,
      owner: session.instance,
      epoch: queue.epoch,
    })
    this.#dispatch.pump(now, queue)
  }

  onUnregister(now: number, session: Session, id: number): void {
    const registration = this.#of(session).get(id)
    if (registration !== undefined) this.#remove(now, session, registration, 'unregistered')
    this.#state.send(now, session.link!, Frame.unregistered, encodeNumber(id))
  }

  /** The owner's link is lost: its queues take nothing new, and wait a moment for it. */
  onAway(now: number, session: Session): void {
    const registrations = this.#registrations.get(session)
    if (registrations === undefined) return
    for (const registration of registrations.values()) {
      registration.isDeclared = false
      const { queue } = registration
      if (queue === undefined || queue.state === 'gone') continue
      queue.state = 'transition'
      this.#routing.changed(now, queue)
    }
    this.#away.push({ session, until: now + OWNER_GRACE_MS })
  }

  /** The client is back, and declares again what it still answers. */
  onBack(now: number, session: Session): void {
    if (this.#registrations.has(session)) this.#back.push({ session, until: now + DECLARE_MS })
  }

  /** The session has ended: nothing is kept. */
  onEnd(now: number, session: Session, reason: string): void {
    for (const registration of [...(this.#registrations.get(session)?.values() ?? [])]) {
      this.#remove(now, session, registration, reason)
    }
    this.#registrations.delete(session)
  }

  /** Owners that did not come back: what waits for them goes back, all in one. */
  onDeadline(now: number): void {
    while (this.#away.length > 0 && this.#away[0]!.until <= now) {
      const { session } = this.#away.shift()!
      // Back again, or lost anew, which has an entry of its own.
      if (session.link !== undefined || session.lostAt + OWNER_GRACE_MS > now) continue
      for (const { queue } of this.#registrations.get(session)?.values() ?? []) {
        if (queue !== undefined) this.#retire(now, queue, 'owner lost')
      }
    }
    while (this.#back.length > 0 && this.#back[0]!.until <= now) {
      const { session } = this.#back.shift()!
      if (session.link === undefined) continue
      for (const registration of [...(this.#registrations.get(session)?.values() ?? [])]) {
        if (!registration.isDeclared) this.#remove(now, session, registration, 'not declared again')
      }
    }
  }

  #of(session: Session): Map<number, Registration> {
    let registrations = this.#registrations.get(session)
    if (registrations === undefined) {
      registrations = new Map()
      this.#registrations.set(session, registrations)
    }
    return registrations
  }

  #refusalOf(session: Session, ask: Register): { code: string; message: string } | undefined {
    if (!isTopic(ask.topic) || !isName(ask.group)) {
      return { code: 'invalid_argument', message: 'topic or group is not a valid name' }
    }
    if (!session.mayReply(ask.topic)) {
      return { code: 'forbidden', message: `this token may not answer ${ask.topic}` }
    }
    const topic = this.#routing.topic(ask.topic)
    if (topic === undefined) {
      const limit = this.#state.limits.maxTopics
      return { code: 'overloaded', message: `the broker knows ${limit} topics, its limit` }
    }
    const known = this.#of(session).get(ask.id)
    if (known !== undefined && known.topic !== topic) {
      return { code: 'invalid_argument', message: `registration ${ask.id} is for another topic` }
    }
    if (topic.registrations > 0 && topic.group !== ask.group) {
      const message = `topic ${ask.topic} is answered by group ${topic.group}, not ${ask.group}`
      return { code: 'forbidden', message }
    }
    if (this.#of(session).size >= MAX_REGISTRATIONS) {
      return { code: 'overloaded', message: `one client may answer ${MAX_REGISTRATIONS} topics` }
    }
    return undefined
  }

  /** Gives the registration its queue, or the one it had under a new epoch. */
  #assign(now: number, session: Session, registration: Registration): void {
    const state = this.#state
    const old = registration.queue
    let queue = old
    if (old === undefined || old.state === 'gone') {
      queue = new Queue(this.#nextQueue, registration.topic, registration, session, state.limits)
      this.#nextQueue += 1
      registration.queue = queue
      state.queues.set(queue.handle, queue)
      registration.topic.queues.set(queue.handle, queue)
    } else if (old.state !== 'assigning') {
      // What was sent under the old epoch and not read is refused by the owner.
      old.epoch += 1
      old.state = 'transition'
    }
    const assign = {
      id: registration.id,
      topic: registration.topic.handle,
      queue: queue!.handle,
      epoch: queue!.epoch,
      leaseMs: state.limits.silenceMs * LEASE_FACTOR,
    }
    state.send(now, session.link!, Frame.assign, encodeAssign(assign))
  }

  #remove(now: number, session: Session, registration: Registration, reason: string): void {
    const { topic, queue } = registration
    this.#of(session).delete(registration.id)
    topic.registrations -= 1
    if (queue !== undefined) this.#retire(now, queue, reason)
    this.#routing.forgetIfIdle(topic)
  }

  /** The queue is no more; what waits in it goes back to its requesters. */
  #retire(now: number, queue: Queue, reason: string): void {
    if (queue.state === 'gone') return
    queue.state = 'gone'
    this.#routing.changed(now, queue)
    this.#dispatch.handBack(now, queue, Reason.moved)
    this.#state.queues.delete(queue.handle)
    this.#state.topics.get(queue.topic.name)?.queues.delete(queue.handle)
    this.#state.effects.advise({
      kind: 'queue_gone',
      topic: queue.topic.name,
      queue: queue.handle,
      owner: queue.owner.instance,
      reason,
    })
  }

  #answer(
    now: number,
    to: Session,
    id: number,
    topic: number,
    code: string,
    message: string,
  ): void {
    const payload = encodeRegistered({ id, topic, code, message })
    this.#state.send(now, to.link!, Frame.registered, payload)
  }
}
