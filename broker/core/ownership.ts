import { Frame, Reason } from '../../bus/frame.ts'
import {
  type Assigned,
  encodeAssign,
  encodeAssigned,
  encodeRegistered,
} from '../../bus/topic-frames.ts'
import type { Dispatch } from './dispatch.ts'
import { ownersOf } from './owners.ts'
import { Queue } from './queue.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import { Takeover } from './takeover.ts'
import { isEligible, owns, type Registration, type Topic } from './topic.ts'

/** An ownership lasts so many times the silence limit without a sign of life. */
const LEASE_FACTOR = 2

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
  /** Topics that instances of other data centres take part in. */
  readonly #takeovers = new Set<Topic>()
  #nextQueue = 1

  constructor(state: BrokerState, routing: Routing, dispatch: Dispatch) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
  }

  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { takeover } of this.#takeovers) next = Math.min(next, takeover!.dueAt)
    return next
  }

  /** A client declares, on a new link or for the first time, that it answers a topic. */
  onDeclared(now: number, registration: Registration): void {
    const { topic, queue } = registration
    if (!registration.isLocal) topic.takeover ??= new Takeover()
    if (owns(registration) && queue!.state !== 'assigning') {
      // What was sent under the old epoch and not read is refused by the owner.
      queue!.epoch += 1
      queue!.state = 'transition'
    }
    if (owns(registration)) this.#tellAssigned(now, registration)
    this.settle(now, topic)
    if (!owns(registration)) this.#tellStandingBy(now, registration)
  }

  onWindow(now: number, { queue }: Registration): void {
    if (queue?.state === 'writable') this.#dispatch.pump(now, queue)
  }

  onAssigned(now: number, session: Session, told: Assigned): void {
    const queue = this.#state.queues.get(told.queue)
    if (queue === undefined || queue.owner !== session || queue.epoch !== told.epoch) return
    if (queue.state === 'writable') return
    queue.state = 'writable'
    const { topic, credit } = queue
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
    if (isLocal && reason !== 'lost') topic.takeover?.left(window)
    this.retire(now, registration, reason)
    this.settle(now, topic)
  }

  /** The owner's link is lost: its queue takes nothing new. */
  suspend(now: number, { queue }: Registration): void {
    if (queue === undefined || queue.state === 'gone') return
    queue.state = 'transition'
    queue.isDoubtful = false
    this.#routing.changed(now, queue)
  }

  /** The queue is no more for this owner; what waits in it goes back to its requesters. */
  retire(now: number, registration: Registration, reason: string): void {
    const { queue, topic, session } = registration
    if (queue === undefined || queue.state === 'gone') return
    queue.state = 'gone'
    this.#routing.changed(now, queue)
    this.#dispatch.handBack(now, queue, Reason.moved)
    this.#state.queues.delete(queue.handle)
    topic.queues.delete(queue.handle)
    if (topic.spare.length < topic.maxQueues) topic.spare.push(queue)
    const { handle, epoch } = queue
    if (session.link !== undefined && registration.isDeclared) {
      const payload = encodeAssigned({ queue: handle, epoch })
      this.#state.send(now, session.link, Frame.revoke, payload)
    }
    const owner = session.instance
    const about = { topic: topic.name, queue: handle, owner, reason }
    this.#state.effects.advise({ kind: 'queue_gone', ...about })
  }

  /** Brings the queues of a topic in line with who should own them. */
  settle(now: number, topic: Topic): void {
    const owners = ownersOf(topic, this.#hasRemote(now, topic))
    for (const registration of topic.registrations) {
      if (!owners.has(registration)) this.retire(now, registration, 'another instance answers')
    }
    for (const registration of owners) {
      if (!owns(registration) && registration.session.link !== undefined) {
        this.#give(now, registration)
      }
    }
    if (owners.size === 0) topic.spare = []
  }

  onDeadline(now: number): void {
    for (const topic of this.#takeovers) {
      if (topic.takeover!.dueAt <= now) this.settle(now, topic)
    }
  }

  /** Whether instances of other data centres take part in the topic now. */
  #hasRemote(now: number, topic: Topic): boolean {
    const { takeover } = topic
    if (takeover === undefined) return false
    let instances = 0
    let credit = 0
    let remote = 0
    for (const registration of topic.registrations) {
      if (!isEligible(registration)) continue
      if (!registration.isLocal) remote += 1
      else {
        instances += 1
        credit += registration.window
      }
    }
    const wasOn = takeover.isOn
    const isOn = takeover.update(now, { instances, credit, least: topic.minQueues }) && remote > 0
    if (isOn) this.#takeovers.add(topic)
    else this.#takeovers.delete(topic)
    if (takeover.isOn !== wasOn && remote > 0) {
      const kind = isOn ? 'idc_takeover' : 'idc_handover'
      this.#state.effects.advise({ kind, topic: topic.name, local: instances, remote })
    }
    return isOn
  }

  /** A queue for it: that of an owner that is gone, if there is one, otherwise a new one. */
  #give(now: number, registration: Registration): void {
    const { topic, session } = registration
    const before = topic.spare.shift()
    const handle = before?.handle ?? this.#nextQueue
    if (before === undefined) this.#nextQueue += 1
    const queue = new Queue(handle, topic, registration, session, this.#state.limits)
    if (before !== undefined) queue.epoch = before.epoch + 1
    registration.queue = queue
    this.#state.queues.set(handle, queue)
    topic.queues.set(handle, queue)
    this.#tellAssigned(now, registration)
  }

  #tellAssigned(now: number, { id, topic, session, queue }: Registration): void {
    const { handle, epoch } = queue!
    const leaseMs = this.#state.limits.silenceMs * LEASE_FACTOR
    const assign = { id, topic: topic.handle, queue: handle, epoch, leaseMs }
    this.#state.send(now, session.link!, Frame.assign, encodeAssign(assign))
  }

  /** Accepted, without a queue for the time being. */
  #tellStandingBy(now: number, { id, session }: Registration): void {
    const payload = encodeRegistered({ id, topic: 0, code: '', message: '' })
    this.#state.send(now, session.link!, Frame.registered, payload)
  }
}
