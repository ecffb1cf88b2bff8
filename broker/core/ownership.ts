import { Frame, Reason } from '../../bus/frame.ts'
import { type Assigned, encodeAssigned, encodeRegistered } from '../../bus/topic-frames.ts'
import type { Dispatch } from './dispatch.ts'
import { Handover } from './handover.ts'
import { ownersOf } from './owners.ts'
import type { Routing } from './routing.ts'
import { isSetApart } from './rules.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import { Takeover } from './takeover.ts'
import { isEligible, isHeld, owns, type Registration, type Topic } from './topic.ts'
import { Votes } from './votes.ts'

const DRAINS = 'the broker drains'
const NOBODY: ReadonlySet<Registration> = new Set()
/** A topic with more offers is settled once per turn of the loop: each time costs a walk over all. */
const LARGE = 64

/**
 * Who owns which queue. The broker decides, the client obeys: each instance that should have a queue
 * of a topic gets one, which becomes writable once its owner has confirmed it; one that should not
 * loses it, and what waits there goes back to its requesters.
 *
 * A queue follows its owner: without bounds none ever changes hands, so a restarted instance costs
 * one queue and moves no other. With `max`, the queue of an owner that is gone goes to one that stood
 * by, under the same handle and a higher epoch.
 */
export class Ownership {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  readonly #handover: Handover
  /** Topics that instances of other data centres take part in. */
  readonly #takeovers = new Set<Topic>()
  /** Large topics to be settled at the end of the turn, and who has declared since the last time. */
  readonly #unsettled = new Map<Topic, Registration[]>()
  /** Of topics with one active instance the votes decide who owns the queue. */
  readonly votes: Votes
  /** When a takeover is to be looked at again, at the earliest. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(state: BrokerState, routing: Routing, dispatch: Dispatch) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
    this.#handover = new Handover(state)
    this.votes = new Votes(state, routing, dispatch, this.#handover)
  }

  get nextDeadline(): number {
    return Math.min(this.votes.nextDeadline, this.#dueAt)
  }

  /** Large topics wait to be settled, once for all that has happened in this turn. */
  get isBehind(): boolean {
    return this.#unsettled.size > 0
  }

  onTurn(now: number): void {
    for (const [topic, declared] of this.#unsettled) {
      this.#unsettled.delete(topic)
      this.#settleNow(now, topic)
      for (const registration of declared) this.#tellIfStandingBy(now, registration)
    }
  }

  /**
   * A client declares, on a new link or for the first time, that it answers a topic, perhaps with other
   * bounds for its queues than were known.
   */
  onDeclared(now: number, registration: Registration, areBoundsNew: boolean): void {
    const { topic } = registration
    if (registration.isStandby) {
      this.votes.onDeclared(registration)
      return
    }
    if (!registration.isLocal) topic.takeover ??= new Takeover()
    if (owns(registration)) this.#assignAgain(now, registration)
    // Told nothing: it waits for another broker, or for this one to resume.
    if (!this.#state.isOpen) return
    if (isForAll(topic) && !areBoundsNew) {
      if (!owns(registration)) this.#give(now, registration)
    } else if (topic.registrations.size > LARGE) this.#settleLater(topic).push(registration)
    else {
      this.#settleNow(now, topic)
      this.#tellIfStandingBy(now, registration)
    }
  }

  /** What was sent under the old epoch and not read is refused by the owner. */
  #assignAgain(now: number, registration: Registration): void {
    const queue = registration.queue!
    if (queue.state !== 'assigning') {
      queue.epoch += 1
      queue.state = 'transition'
    }
    this.#handover.tellAssigned(now, registration, queue)
  }

  /** The rules that set instances apart are others now. */
  onRules(now: number): void {
    for (const topic of this.#state.topics.values()) {
      if (topic.takeover !== undefined) this.settle(now, topic)
    }
  }

  onWindow(now: number, { queue }: Registration): void {
    if (queue?.state === 'writable') this.#dispatch.pump(now, queue)
  }

  onAssigned(now: number, session: Session, told: Assigned): void {
    const queue = this.#state.queues.get(told.queue)
    if (queue === undefined || queue.owner !== session || queue.epoch !== told.epoch) return
    if (queue.state === 'writable') return
    const { topic, credit } = queue
    const { vote } = this.#state.topics.get(topic.name)!
    if (vote !== undefined && !this.votes.onConfirmed(now, vote, queue)) return
    queue.state = 'writable'
    this.#routing.changed(now, queue)
    this.#routing.tellFirst(now, queue)
    const payload = encodeRegistered({ id: credit.id, topic: topic.handle, code: '', message: '' })
    this.#state.send(now, session.link!, Frame.registered, payload)
    this.#state.effects.advise({
      kind: 'queue_assigned',
      topic: topic.name,
      queue: queue.handle,
      owner: session.instance,
      epoch: queue.epoch,
    })
    this.#dispatch.pump(now, queue)
  }

  /** The offer is withdrawn, or its client is gone for good. */
  onRemoved(now: number, registration: Registration, reason: string): void {
    const { topic, isLocal, window } = registration
    if (registration.isStandby) {
      this.votes.onRemoved(now, registration, reason)
      return
    }
    if (isLocal && reason !== 'lost') topic.takeover?.left(window)
    this.retire(now, registration, reason)
    this.settle(now, topic)
  }

  /** The owner's link is lost: its queue takes nothing new. */
  suspend(now: number, registration: Registration): void {
    const { queue } = registration
    if (registration.isStandby) this.votes.onAway(registration)
    if (queue === undefined || queue.state === 'gone') return
    queue.state = 'transition'
    queue.isDoubtful = false
    this.#routing.changed(now, queue)
  }

  /** The queue is no more for this owner; what waits in it goes back to its requesters. */
  retire(now: number, registration: Registration, reason: string): void {
    const { queue, topic, session } = registration
    if (queue === undefined || queue.state === 'gone') return
    if (registration.isStandby) {
      this.votes.handBack(now, registration)
      return
    }
    this.#handover.remove(topic, queue)
    this.#routing.changed(now, queue)
    this.#dispatch.handBack(now, queue, Reason.moved)
    if (topic.spare.length < topic.maxQueues) topic.spare.push(queue)
    const { handle, epoch } = queue
    if (session.link !== undefined && registration.isDeclared) {
      const payload = encodeAssigned({ queue: handle, epoch })
      this.#state.send(now, session.link, Frame.revoke, payload)
    }
    this.#handover.adviseGone(queue, reason)
  }

  /** Brings the queues of a topic in line with who should own them, now or at the end of the turn. */
  settle(now: number, topic: Topic): void {
    if (topic.vote !== undefined) return
    if (topic.registrations.size === 0) topic.spare = []
    if (isForAll(topic)) return
    if (topic.registrations.size > LARGE) this.#settleLater(topic)
    else this.#settleNow(now, topic)
  }

  /** An operator has said who may own queues of the topic: one instance less or more, nobody, or all again. */
  onWord(now: number, topic: Topic): void {
    if (topic.vote === undefined) this.#settleNow(now, topic)
    else this.votes.onWord(now, topic)
  }

  #settleLater(topic: Topic): Registration[] {
    const declared = this.#unsettled.get(topic) ?? []
    this.#unsettled.set(topic, declared)
    return declared
  }

  #settleNow(now: number, topic: Topic): void {
    const isOpen = this.#state.isOpen
    const owners = isOpen ? ownersOf(topic, this.#hasRemote(now, topic)) : NOBODY
    for (const registration of topic.registrations) {
      if (owners.has(registration)) continue
      const why = isHeld(registration) ? 'held by an operator' : 'another instance answers'
      this.retire(now, registration, isOpen ? why : DRAINS)
    }
    for (const registration of owners) {
      if (!owns(registration) && registration.session.link !== undefined) {
        this.#give(now, registration)
      }
    }
    if (owners.size === 0) topic.spare = []
  }

  onDeadline(now: number): void {
    this.votes.onDeadline(now)
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const topic of this.#takeovers) {
      if (topic.takeover!.dueAt <= now) this.#settleNow(now, topic)
      else this.#dueAt = Math.min(this.#dueAt, topic.takeover!.dueAt)
    }
  }

  /** Whether instances of other data centres take part in the topic now. */
  #hasRemote(now: number, topic: Topic): boolean {
    const { takeover } = topic
    if (takeover === undefined) return false
    let instances = 0
    let credit = 0
    let linked = 0
    let linkedCredit = 0
    let remote = 0
    for (const registration of topic.registrations) {
      if (!isEligible(registration)) continue
      if (!registration.isLocal) {
        remote += 1
        continue
      }
      // Set apart by rules it is no help to calls that no rule means.
      if (isSetApart(this.#state.rules.list, topic.name, registration.session.label)) continue
      instances += 1
      credit += registration.window
      if (!registration.isDeclared) continue
      linked += 1
      linkedCredit += registration.window
    }
    const wasOn = takeover.isOn
    const local = { instances, credit, linked, linkedCredit, least: topic.minQueues }
    const isOn = takeover.update(now, local) && remote > 0
    if (isOn) {
      this.#takeovers.add(topic)
      this.#dueAt = Math.min(this.#dueAt, takeover.dueAt)
    } else this.#takeovers.delete(topic)
    if (takeover.isOn !== wasOn && remote > 0 && takeover.isForLoss) {
      const kind = isOn ? 'idc_takeover' : 'idc_handover'
      this.#state.effects.advise({ kind, topic: topic.name, local: instances, remote })
    }
    return isOn
  }

  /** A queue for it: that of an owner that is gone, if there is one, otherwise a new one. */
  #give(now: number, registration: Registration): void {
    const before = registration.topic.spare.shift()
    const queue = this.#handover.open(registration, before)
    // In transition for those who knew it: they wait for it and do not find the topic deserted.
    if (before !== undefined) this.#routing.changed(now, queue)
    this.#handover.tellAssigned(now, registration, queue)
  }

  #tellIfStandingBy(now: number, registration: Registration): void {
    const { session, topic } = registration
    if (owns(registration) || session.link === undefined) return
    if (topic.registrations.has(registration)) this.#handover.tellStandingBy(now, registration)
  }
}

/** Every instance that answers the topic has a queue: nobody else's coming or going touches that. */
const isForAll = ({ maxQueues, takeover, holds }: Topic): boolean =>
  maxQueues === 0 && takeover === undefined && holds.size === 0
