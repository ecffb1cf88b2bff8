import { Arena } from '../../bus/arena.ts'
import { remainingMs } from '../../bus/batch.ts'
import { setU32, u16, u32, u64 } from '../../bus/bytes.ts'
import { Deadlines } from '../../bus/deadlines.ts'
import { Cancel, Flag, Reason, Request, WAIT_DECAY } from '../../bus/frame.ts'
import { decodeHeaders, OwnHeader } from '../../bus/headers.ts'
import { Told } from './call-trace.ts'
import { copyFrame } from './frame-copy.ts'
import type { Queue, Waiting } from './queue.ts'
import { Refusals } from './refusals.ts'
import type { Routing } from './routing.ts'
import { callKey, type Link, type Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** Bytes of waiting requests that one broker holds at most, over all queues. */
const MAX_WAITING_BYTES = 512 * 1_048_576
/** A lost owner's queue keeps what waits for so long, in case the owner is back at once. */
export const OWNER_GRACE_MS = 150

/**
 * The way of a request through the broker: admission, then forward at once if the owner has credit,
 * otherwise wait. A request is never moved to another instance here; what was not forwarded is
 * handed back to its requester (rule 1).
 */
export class Dispatch {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #refusals: Refusals
  readonly #byId = new Map<number, Waiting>()
  readonly #deadlines = new Deadlines((id) => this.#byId.get(id)?.deadline ?? -1)
  readonly #arena = new Arena()
  #nextId = 1

  constructor(state: BrokerState, routing: Routing) {
    this.#state = state
    this.#routing = routing
    this.#refusals = new Refusals(state, routing)
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  get waiting(): number {
    return this.#byId.size
  }

  /** A request frame from a requester's link. */
  onRequest(now: number, link: Link, origin: Session, b: Buffer, at: number, end: number): void {
    const state = this.#state
    state.counters.requests += 1
    const flags = b[at + Request.flags]!
    if ((flags & Flag.pinned) !== 0) {
      this.#onPinned(now, link, origin, b, at, end)
      return
    }
    const queue = state.queues.get(u32(b, at + Request.queue))
    if (
      queue === undefined ||
      u64(b, at + Request.life) !== state.identity.life ||
      u64(b, at + Request.epoch) !== queue.epoch ||
      u32(b, at + Request.target) !== queue.owner.handle ||
      queue.state !== 'writable'
    ) {
      this.#refusals.frame(now, origin, b, at, Reason.stale, queue)
      return
    }
    const leftMs = remainingMs(now, link.pulse, state.stoppedMs, b, at)
    if (leftMs <= 0) {
      this.#refusals.late(now, origin, b, at, queue)
      return
    }
    const size = end - at
    if (size > state.limits.maxBodyBytes + TOP_HEADERS) {
      const limit = state.limits.maxBodyBytes
      this.#refusals.frame(now, origin, b, at, Reason.too_large, queue, limit, size)
      return
    }
    if (origin.grant !== undefined && !origin.mayRequest(queue.topic.name)) {
      this.#refusals.frame(now, origin, b, at, Reason.forbidden, queue)
      return
    }
    if (queue.waiting === 0 && queue.hasCredit(size)) {
      if (!queue.checkDepth(size)) this.#refusals.full(now, origin, b, at, queue)
      else this.#forward(now, origin, queue.owner, queue, b, at, end, leftMs)
      return
    }
    this.#admit(now, origin, queue, b, at, end, leftMs)
  }

  onCancel(now: number, origin: Session, b: Buffer, at: number, end: number): void {
    const state = this.#state
    const isLong = (b[at + Cancel.flags]! & Flag.long) !== 0
    const id = origin.waiting.get(callKey(u64(b, at + Cancel.counter), isLong))
    const waiting = id === undefined ? undefined : this.#byId.get(id)
    state.counters.cancelled += 1
    if (waiting !== undefined && waiting.attempt <= u16(b, at + Cancel.attempt)) {
      this.#takeOut(waiting)
      state.trace?.waiting(now, Told.cancelled, waiting, 0)
      this.afterRoom(now, waiting.queue)
      return
    }
    const owner = state.sessions.get(u32(b, at + Cancel.target))
    if (owner?.link === undefined) return
    state.introduce(now, owner, origin)
    if (state.trace !== undefined) {
      const [counter, attempt] = [u64(b, at + Cancel.counter), u16(b, at + Cancel.attempt)]
      const queue = state.queues.get(u32(b, at + Cancel.queue))
      const flags = b[at + Cancel.flags]!
      const { handle } = origin
      state.trace.note(now, Told.cancelled, handle, counter, flags, attempt, queue, owner.handle, 0)
    }
    const out = owner.link.outbox
    const to = out.pass(now, b, at, end)
    setU32(out.bytes, to + Cancel.origin, origin.handle)
  }

  /** The owner answered one delivery, or the window grew: forward what waits and fits. */
  pump(now: number, queue: Queue): void {
    for (let size = queue.nextSize(); size >= 0; size = queue.nextSize()) {
      if (queue.state !== 'writable' || !queue.hasCredit(size)) break
      const message = queue.shift()!
      this.#forget(message)
      if (message.deadline <= now) this.#refusals.waiting(now, message, Reason.expired)
      else this.#forwardWaiting(now, queue, message)
      this.#release(message)
    }
    this.afterRoom(now, queue)
  }

  /** Gives everything that waits in a queue back to its requesters. */
  handBack(now: number, queue: Queue, reason: Reason): number {
    let count = 0
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
      this.#forget(message)
      this.#refusals.waiting(now, message, reason)
      this.#release(message)
      count += 1
    }
    this.#state.counters.handedBack += count
    return count
  }

  /** Drops what a requester has waiting, which is gone for good. */
  dropOrigin(now: number, origin: Session): void {
    for (const id of [...origin.waiting.values()]) {
      const message = this.#byId.get(id)!
      this.#takeOut(message)
      this.#state.trace?.waiting(now, Told.cancelled, message, 0)
      this.afterRoom(now, message.queue)
    }
  }

  /** Requests that waited past their deadline. */
  onDeadline(now: number): void {
    this.#deadlines.due(now, (id) => {
      const message = this.#byId.get(id)!
      this.#takeOut(message)
      this.#refusals.waiting(now, message, Reason.expired)
      this.afterRoom(now, message.queue)
    })
  }

  /** The queue is over its limit now: it takes nothing until it has become shorter. */
  fill(now: number, queue: Queue): void {
    if (queue.isFull) return
    queue.isFull = true
    this.#refusals.tellFull(now, queue)
  }

  /** The queue has become shorter: it may take messages again. */
  afterRoom(now: number, queue: Queue): void {
    if (!queue.reopens()) return
    this.#state.effects.advise({
      kind: 'queue_accepts',
      topic: queue.topic.name,
      queue: queue.handle,
      depth: queue.depth,
    })
    this.#routing.changed(now, queue)
  }

  /** Refuses a request of a batch that is too old to be believed (rule 4). */
  refuseStaleBatch(now: number, origin: Session, b: Buffer, at: number): void {
    this.#state.counters.staleBatches += 1
    this.#refusals.frame(now, origin, b, at, Reason.stale_batch, undefined)
  }

  /** Addressed to an instance: forwarded at once, without queue, credit or watermark. */
  #onPinned(now: number, link: Link, origin: Session, b: Buffer, at: number, end: number): void {
    const state = this.#state
    const headersAt = at + Request.head
    const headersEnd = headersAt + u32(b, at + Request.headersLength)
    const headers = decodeHeaders(b, headersAt, headersEnd)
    const owner = state.byInstance.get(headers[OwnHeader.to] ?? '')
    const leftMs = remainingMs(now, link.pulse, state.stoppedMs, b, at)
    if (leftMs <= 0) this.#refusals.late(now, origin, b, at, undefined)
    else if (!origin.mayRequest(headers[OwnHeader.topic] ?? '')) {
      this.#refusals.frame(now, origin, b, at, Reason.forbidden, undefined)
    } else if (owner?.link === undefined || owner.link.outbox.isClogged) {
      const settlingMs = state.settlingMs(now)
      this.#refusals.frame(now, origin, b, at, Reason.instance_absent, undefined, 0, 0, settlingMs)
    } else this.#forward(now, origin, owner, undefined, b, at, end, leftMs)
  }

  #admit(
    now: number,
    origin: Session,
    queue: Queue,
    b: Buffer,
    at: number,
    end: number,
    remainingMs: number,
  ): void {
    const state = this.#state
    const size = end - at
    const flags = b[at + Request.flags]!
    if ((flags & Flag.loop) !== 0) {
      this.#refusals.frame(now, origin, b, at, Reason.loop, queue)
      return
    }
    if (!queue.checkDepth(size)) {
      this.#refusals.full(now, origin, b, at, queue)
      return
    }
    if (state.waitingBytes + size > MAX_WAITING_BYTES) {
      this.#refusals.frame(
        now,
        origin,
        b,
        at,
        Reason.full,
        queue,
        MAX_WAITING_BYTES,
        state.waitingBytes,
      )
      return
    }
    const waitMs = queue.expectedWaitMs()
    if (waitMs > remainingMs) {
      const [limit, current] = [remainingMs, Math.ceil(waitMs)]
      this.#refusals.frame(now, origin, b, at, Reason.too_slow, queue, limit, current, current)
      return
    }
    this.#enqueue(now, origin, queue, b, at, end, remainingMs)
  }

  #enqueue(
    now: number,
    origin: Session,
    queue: Queue,
    b: Buffer,
    at: number,
    end: number,
    remainingMs: number,
  ): void {
    const message: Waiting = {
      id: this.#nextId,
      origin,
      queue,
      counter: u64(b, at + Request.counter),
      flags: b[at + Request.flags]!,
      attempt: u16(b, at + Request.attempt),
      since: now,
      deadline: now + remainingMs,
      size: end - at,
      copy: copyFrame(this.#arena, b, at, end),
      isGone: false,
    }
    this.#nextId += 1
    queue.push(now, message)
    if (queue.waiting === 1) this.#state.starve(now, queue)
    this.#state.waitingBytes += message.size
    this.#byId.set(message.id, message)
    origin.waiting.set(callKey(message.counter, (message.flags & Flag.long) !== 0), message.id)
    this.#deadlines.arm(now, message.deadline, message.id)
    origin.link?.addCall(now)
    this.#state.trace?.waiting(now, Told.queued, message, 0)
  }

  #forwardWaiting(now: number, queue: Queue, message: Waiting): void {
    const { origin, copy, size, deadline } = message
    const { bytes, at } = copy
    queue.waitedMs = Math.max(now - message.since, queue.waitedMs * WAIT_DECAY)
    this.#forward(now, origin, queue.owner, queue, bytes, at, at + size, deadline - now)
  }

  #release({ copy }: Waiting): void {
    if (copy.chunk !== undefined) this.#arena.release(copy.chunk)
  }

  /** Sends a request to an instance. From here on it may have run. */
  #forward(
    now: number,
    origin: Session,
    owner: Session,
    queue: Queue | undefined,
    b: Buffer,
    at: number,
    end: number,
    remainingMs: number,
  ): void {
    const state = this.#state
    const link = owner.link!
    state.introduce(now, owner, origin)
    const size = end - at
    const delivery = state.deliveries.take(origin, owner, queue)
    delivery.sentAt = now
    delivery.counter = u64(b, at + Request.counter)
    delivery.flags = b[at + Request.flags]!
    delivery.attempt = u16(b, at + Request.attempt)
    delivery.size = size
    if (queue !== undefined) {
      queue.unanswered += 1
      queue.unansweredBytes += size
    }
    state.trace?.delivery(now, Told.dispatched, delivery, 0)
    const to = link.outbox.pass(now, b, at, end)
    const { bytes } = link.outbox
    setU32(bytes, to + Request.origin, origin.handle)
    setU32(bytes, to + Request.delivery, delivery.number)
    setU32(bytes, to + Request.remainingMs, remainingMs)
    if (queue === undefined) setU32(bytes, to + Request.target, owner.handle)
    link.addCall(now)
    origin.link?.addCall(now)
    state.heartbeat.touch(now, link)
  }

  #takeOut(message: Waiting): void {
    message.queue.remove(message)
    this.#forget(message)
    this.#release(message)
  }

  #forget(message: Waiting): void {
    this.#state.waitingBytes -= message.size
    this.#byId.delete(message.id)
    message.origin.waiting.delete(callKey(message.counter, (message.flags & Flag.long) !== 0))
    message.origin.link?.dropCall()
  }
}

/** Headers and the fixed head of a request beside its body. */
const TOP_HEADERS = 20_000
