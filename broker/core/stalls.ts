import { Frame, Reason } from '../../bus/frame.ts'
import { encodeNumber } from '../../bus/topic-frames.ts'
import type { Dispatch } from './dispatch.ts'
import type { Queue } from './queue.ts'
import type { Routing } from './routing.ts'
import { mayStandIn } from './rules.ts'
import type { BrokerState } from './state.ts'
import type { Registration } from './topic.ts'

/** An owner that answers nothing for so long, while calls wait for it, has stalled ... */
const LEAST_MS = 250
/** ... or for so many times its slowest recent call, if that is longer (WIRE-SAFETY H10). */
const SLOWEST_FACTOR = 1.5
const BEAT_MS = 50
const NEVER = Number.POSITIVE_INFINITY

/**
 * Queues whose owner has stopped answering. While the topic has a better one they are pushed as
 * stalled, and what has not started goes back to its requesters, who send it elsewhere.
 */
export class Stalls {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  #beatenAt = 0

  constructor(state: BrokerState, routing: Routing, dispatch: Dispatch) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
  }

  get nextDeadline(): number {
    // Only queues in which something waits, or that are stalled, are looked at.
    const { starving, starvedAt } = this.#state
    return starving.size === 0 ? NEVER : Math.max(starvedAt, this.#beatenAt) + BEAT_MS
  }

  /** The owner's link has not acknowledged for a while, or does again. */
  onDoubt(now: number, registrations: Iterable<Registration>, isDoubtful: boolean): void {
    for (const { queue } of registrations) {
      if (queue === undefined || queue.state === 'gone') continue
      queue.isDoubtful = isDoubtful
      if (isDoubtful) {
        this.#state.starve(now, queue)
        this.#judge(now, queue)
      } else {
        this.#judge(now, queue)
        this.#dispatch.pump(now, queue)
      }
    }
  }

  onDeadline(now: number): void {
    if (now < this.nextDeadline) return
    this.#beatenAt = now
    for (const queue of [...this.#state.starving]) this.#judge(now, queue)
  }

  #judge(now: number, queue: Queue): void {
    const isSick = queue.isDoubtful || isSlow(now, queue)
    const isStalled = queue.state !== 'gone' && isSick && this.#hasBetter(queue)
    if (isStalled !== queue.isStalled) {
      queue.isStalled = isStalled
      this.#routing.changed(now, queue)
      this.#advise(queue, isStalled)
      if (isStalled) this.#recall(now, queue)
    }
    if (isStalled && queue.waiting > 0) this.#dispatch.handBack(now, queue, Reason.moved)
    const isWatched = isStalled || queue.isDoubtful || queue.waiting > 0
    if (!isWatched || queue.state === 'gone') this.#state.starving.delete(queue)
  }

  /** What the owner holds and has not started can be done sooner by another. */
  #recall(now: number, { handle, owner }: Queue): void {
    if (owner.link === undefined) return
    this.#state.send(now, owner.link, Frame.recall, encodeNumber(handle))
  }

  /** Another instance that may have its calls answers, or would at once. */
  #hasBetter(queue: Queue): boolean {
    const { name } = queue.topic
    const topic = this.#state.topics.get(name)
    const { list } = this.#state.rules
    for (const other of topic?.queues.values() ?? []) {
      if (other.owner === queue.owner || other.state !== 'writable') continue
      if (other.isStalled || other.isFull || other.isDoubtful) continue
      if (!mayStandIn(list, name, queue.owner.label, other.owner.label)) continue
      if (other.hasCredit(0) || other.answeredAt > queue.quietSince) return true
    }
    return false
  }

  #advise({ topic, handle, owner, isDoubtful }: Queue, isStalled: boolean): void {
    const about = { topic: topic.name, queue: handle, owner: owner.instance }
    const reason = isDoubtful ? 'its link does not acknowledge' : 'it answers nothing'
    if (isStalled) this.#state.effects.advise({ kind: 'queue_stalled', ...about, reason })
    else this.#state.effects.advise({ kind: 'queue_answers', ...about })
  }
}

const isSlow = (now: number, queue: Queue): boolean => {
  // Stalled, it gets no calls: once it owes nothing, only new ones can show how it does.
  if (queue.waiting === 0 && (!queue.isStalled || queue.unanswered === 0)) return false
  const limitMs = Math.max(LEAST_MS, queue.slowestMs * SLOWEST_FACTOR)
  return now - queue.quietSince > limitMs
}
