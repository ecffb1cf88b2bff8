import { Frame } from '../../bus/frame.ts'
import { encodeAssign, encodeRegistered } from '../../bus/topic-frames.ts'
import { Queue } from './queue.ts'
import type { BrokerState } from './state.ts'
import type { Registration, Topic } from './topic.ts'

/** What it takes to give a queue to an instance, whoever decides that it gets one. */
export class Handover {
  readonly #state: BrokerState
  #nextHandle = 1

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** A queue for the instance: one that was another's, in a higher epoch, or a new one. */
  open(registration: Registration, before: Queue | undefined): Queue {
    const { topic, session } = registration
    const handle = before?.handle ?? this.#nextHandle
    if (before === undefined) this.#nextHandle += 1
    const queue = new Queue(handle, topic, registration, session)
    if (before !== undefined) {
      before.leaveFigures(topic.ended)
      queue.epoch = before.epoch + 1
    }
    registration.queue = queue
    this.#state.queues.set(handle, queue)
    topic.queues.set(handle, queue)
    return queue
  }

  /** Nobody finds the queue any more. */
  remove(topic: Topic, queue: Queue): void {
    queue.state = 'gone'
    queue.leaveFigures(topic.ended)
    this.#state.queues.delete(queue.handle)
    topic.queues.delete(queue.handle)
  }

  tellAssigned(now: number, registration: Registration, queue: Queue): void {
    this.#assign(now, registration, queue, this.#state.leaseMs)
  }

  /** A vote that is for no time: it must be let go, and the broker told so. */
  tellTaken(now: number, registration: Registration, queue: Queue): void {
    this.#assign(now, registration, queue, 0)
  }

  #assign(now: number, registration: Registration, queue: Queue, leaseMs: number): void {
    const { id, topic, session } = registration
    const { handle, epoch } = queue
    const assign = { id, topic: topic.handle, queue: handle, epoch, leaseMs }
    this.#state.send(now, session.link!, Frame.assign, encodeAssign(assign))
  }

  /** Accepted, without a queue for the time being. */
  tellStandingBy(now: number, { id, session }: Registration): void {
    const payload = encodeRegistered({ id, topic: 0, code: '', message: '' })
    this.#state.send(now, session.link!, Frame.registered, payload)
  }

  adviseGone({ topic, handle, owner }: Queue, reason: string): void {
    const about = { topic: topic.name, queue: handle, owner: owner.instance, reason }
    this.#state.effects.advise({ kind: 'queue_gone', ...about })
  }
}
