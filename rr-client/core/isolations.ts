import { QueueState, Reason } from '../../bus/frame.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import { type Forced, Isolation } from './isolation.ts'
import type { RouteQueue } from './route-queue.ts'
import type { ClientState } from './state.ts'

/** Refusals by a responder that say: not here, not now. */
const UNWILLING: ReadonlySet<Reason> = new Set([
  Reason.moved,
  Reason.stale,
  Reason.draining,
  Reason.marks_full,
  Reason.link_full,
  Reason.full,
])

/** An operator's word about queues of a topic. */
export interface Force {
  /** `probe` lets one call through to an isolated queue; `auto` takes an earlier word back. */
  to: Forced | 'probe' | 'auto'
  /** Only queues of this instance. Default: all of the topic. */
  instance?: string
  /** Only queues of owners in this data centre. Default: all. */
  idc?: string
  until: number
  reason: string
}

/** Which ends of calls count against which queue, and what follows. */
export class Isolations {
  readonly #state: ClientState

  constructor(state: ClientState) {
    this.#state = state
  }

  /** The queue did not answer in its usual time, or lost the call. */
  failed(now: number, future: RequestResponseFuture, queue: RouteQueue): void {
    if (future.probeOf === queue) {
      this.probed(now, future, 'badly')
      return
    }
    queue.isolation ??= new Isolation(now)
    const { prng, counters, effects } = this.#state
    const forMs = queue.isolation.fail(now, hasOther(queue), prng)
    if (forMs === 0) return
    const { topic } = queue
    topic.probeAt = Math.min(topic.probeAt, queue.isolation.probeAt)
    counters.isolations += 1
    effects.advise({ kind: 'queue_isolated', ...namesOf(queue), forMs })
  }

  /** One attempt was refused. Only what expired there counts; a responder's no is news of the way. */
  refused(
    now: number,
    future: RequestResponseFuture,
    attempt: Attempt,
    isByResponder: boolean,
  ): void {
    const queue = attempt.queue!
    const { reason } = future.refusal!
    if (future.probeOf === queue) this.probed(now, future, 'badly')
    else if (reason === Reason.expired && isSlow(now, attempt)) this.failed(now, future, queue)
    if (isByResponder && UNWILLING.has(reason)) queue.noteRefusal(now)
  }

  /** The time of a call is over, and one attempt has not been answered. */
  late(now: number, future: RequestResponseFuture, attempt: Attempt): void {
    if (attempt.queue === undefined) return
    if (isSlow(now, attempt)) this.failed(now, future, attempt.queue)
  }

  /** The probe of an isolated queue has ended. */
  probed(now: number, future: RequestResponseFuture, end: 'well' | 'badly' | 'unknown'): void {
    const queue = future.probeOf!
    future.probeOf = undefined
    if (queue.isolation === undefined) return
    queue.isolation.probed(now, end, this.#state.prng)
    queue.topic.probeAt = Math.min(queue.topic.probeAt, queue.isolation.probeAt)
    if (end === 'well') this.#state.effects.advise({ kind: 'queue_restored', ...namesOf(queue) })
  }

  /** An operator decides. Returns how many queues that meant. */
  force(now: number, queues: readonly RouteQueue[], force: Force): number {
    const { to, instance, idc, until, reason } = force
    const meant = queues.filter(
      (queue) =>
        (instance === undefined || queue.instance === instance) &&
        (idc === undefined || queue.idc === idc),
    )
    for (const queue of meant) {
      queue.isolation ??= new Isolation(now)
      queue.isolation.force(now, to, until, reason)
      queue.topic.probeAt = Math.min(queue.topic.probeAt, queue.isolation.probeAt)
      this.#state.effects.advise({ kind: 'queue_forced', ...namesOf(queue), to, reason })
    }
    return meant.length
  }
}

/** Another instance could take its calls: the last route of a topic is never isolated. */
const hasOther = ({ topic, instance }: RouteQueue): boolean =>
  topic.queues.some(
    (other) =>
      other.instance !== instance &&
      other.state === QueueState.writable &&
      other.link.isUp &&
      other.isolation?.isOpen !== true,
  )

const namesOf = ({ topic, handle, link, instance }: RouteQueue) => ({
  topic: topic.name,
  queue: handle,
  broker: link.broker,
  instance,
})

/** It waited longer than what is slow for that queue: impatience is not the queue's fault. */
const isSlow = (now: number, { queue, sentAt }: Attempt): boolean => now - sentAt > queue!.slowMs
