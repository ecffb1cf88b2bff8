import { u16, u32, u64 } from '../../bus/bytes.ts'
import { Flag, QueueState, Reason, Request, Stage } from '../../bus/frame.ts'
import { toldOf } from './call-trace.ts'
import type { Queue, Waiting } from './queue.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** Told to callers as the time after which a full queue is worth another try. */
const RETRY_AFTER_FULL_MS = 100

/** Saying no to a request: at once, naming the attempt, the reason, and the state of the queue. */
export class Refusals {
  readonly #state: BrokerState
  readonly #routing: Routing

  constructor(state: BrokerState, routing: Routing) {
    this.#state = state
    this.#routing = routing
  }

  /** To a request that waited. */
  waiting(now: number, message: Waiting, reason: Reason): void {
    if (reason === Reason.expired) this.#state.counters.expired += 1
    const { queue } = message
    queue.figures.refused(reason)
    this.#state.trace?.waiting(now, toldOf(reason), message, reason)
    this.#state.refuse(now, message, reason, {
      stage: Stage.queue,
      queueState: queue.routeState,
      queue: queue.handle,
      epoch: queue.epoch,
    })
  }

  /** A time that ran out by the caller's own word has expired; one we aged may be sent again. */
  late(now: number, origin: Session, b: Buffer, at: number, queue: Queue | undefined): void {
    const isOver = u32(b, at + Request.remainingMs) === 0
    if (isOver) this.#state.counters.expired += 1
    this.frame(now, origin, b, at, isOver ? Reason.expired : Reason.moved, queue)
  }

  full(now: number, origin: Session, b: Buffer, at: number, queue: Queue): void {
    const { maxDepth } = queue.topic.limits
    this.frame(now, origin, b, at, Reason.full, queue, maxDepth, queue.depth, RETRY_AFTER_FULL_MS)
    this.tellFull(now, queue)
  }

  /** Requesters should know that it takes nothing more. */
  tellFull(now: number, queue: Queue): void {
    if (!this.#routing.tellFull(now, queue)) return
    this.#state.effects.advise({
      kind: 'queue_full',
      topic: queue.topic.name,
      queue: queue.handle,
      depth: queue.depth,
      limit: queue.topic.limits.maxDepth,
    })
  }

  frame(
    now: number,
    origin: Session,
    b: Buffer,
    at: number,
    reason: Reason,
    queue: Queue | undefined,
    limit = 0,
    current = 0,
    retryAfterMs = 0,
  ): void {
    const call = {
      origin,
      flags: b[at + Request.flags]! & Flag.long,
      attempt: u16(b, at + Request.attempt),
      counter: u64(b, at + Request.counter),
    }
    const { trace, unqueued } = this.#state
    ;(queue?.figures ?? unqueued).refused(reason)
    if (trace !== undefined) {
      const { counter, attempt } = call
      const owner = queue?.owner.handle ?? 0
      const flags = b[at + Request.flags]!
      trace.note(now, toldOf(reason), origin.handle, counter, flags, attempt, queue, owner, reason)
    }
    this.#state.refuse(now, call, reason, {
      stage: queue === undefined ? Stage.broker : Stage.queue,
      queueState: queue === undefined ? QueueState.gone : queue.routeState,
      queue: u32(b, at + Request.queue),
      epoch: queue?.epoch ?? 0,
      limit,
      current,
      retryAfterMs,
    })
  }
}
