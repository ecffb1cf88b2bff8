import { setU32, u32, u64 } from '../../bus/bytes.ts'
import { Flag, Frame, Reason, Refusal, Reply, Stage } from '../../bus/frame.ts'
import { decodeHeaders, OwnHeader } from '../../bus/headers.ts'
import { Told, toldOf } from './call-trace.ts'
import type { Delivery } from './deliveries.ts'
import type { Dispatch } from './dispatch.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** Replies kept for one requester that is away, at most, in bytes. */
const MAX_HELD_BYTES = 1_048_576

/**
 * The way back: replies, and refusals by responders. Never fenced: a reply is a true statement about
 * an execution, whatever became of the queue (rule 5). The broker stamps whom it came from; the
 * requester judges.
 */
export class Returns {
  readonly #state: BrokerState
  readonly #dispatch: Dispatch

  constructor(state: BrokerState, dispatch: Dispatch) {
    this.#state = state
    this.#dispatch = dispatch
  }

  /** A reply or refusal frame from a responder; `to`, `from` and `delivery` stand alike in both. */
  onReturn(now: number, from: Session, b: Buffer, at: number, end: number): void {
    const state = this.#state
    state.counters.replies += 1
    const to = u32(b, at + Reply.to)
    const delivery = state.deliveries.find(u32(b, at + Reply.delivery), from)
    let origin: Session | undefined
    let load = 0
    if (delivery !== undefined && delivery.counter === u64(b, at + Reply.counter)) {
      origin = delivery.origin!
      if (b[at + 4] === Frame.reply && delivery.queue !== undefined) {
        delivery.queue.noteReply(now, now - delivery.sentAt)
        load = delivery.queue.load
      }
      if (to === 0 || origin.handle === to) {
        this.#count(now, delivery, b, at)
        this.release(now, delivery)
      }
    }
    const isStray = origin === undefined
    if (origin === undefined || (to !== 0 && origin.handle !== to)) {
      origin = to !== 0 ? state.sessions.get(to) : this.#byReplyTopic(b, at)
    }
    if (isStray && origin !== undefined) this.#traceStray(now, origin, from, b, at)
    if (origin === undefined) state.counters.repliesDropped += 1
    else if (origin.link === undefined) this.#hold(origin, from, b, at, end)
    else this.#passOn(now, origin, from, b, at, end, load)
  }

  /** It answers no delivery of ours: it was sent another way, or one that is over here. */
  #traceStray(now: number, { handle }: Session, from: Session, b: Buffer, at: number): void {
    const { trace } = this.#state
    if (trace === undefined) return
    const isReply = b[at + 4] === Frame.reply
    const why = b[at + (isReply ? Reply.kind : Refusal.reason)]!
    const usual = isReply ? Told.replied : toldOf(why)
    const what = u32(b, at + Reply.delivery) === 0 ? usual : Told.late
    const [counter, flags] = [u64(b, at + Reply.counter), b[at + Reply.flags]!]
    trace.note(now, what, handle, counter, flags, 0, undefined, from.handle, why)
  }

  /** What its requester was told before, that it may be lost, stands. */
  #count(now: number, delivery: Delivery, b: Buffer, at: number): void {
    const { trace, unqueued } = this.#state
    const figures = delivery.queue?.figures ?? unqueued
    if (b[at + 4] === Frame.reply) {
      const kind = b[at + Reply.kind]!
      if (!delivery.isTold) figures.replied(kind, now - delivery.sentAt)
      trace?.delivery(now, Told.replied, delivery, kind)
      return
    }
    const reason = b[at + Refusal.reason] as Reason
    if (!delivery.isTold) figures.refused(reason)
    trace?.delivery(now, toldOf(reason), delivery, reason)
  }

  /** The delivery is answered: its credit is free, and the next one may go. */
  release(now: number, delivery: Delivery): void {
    const { queue, owner, origin, size, isLost } = delivery
    this.#state.deliveries.free(delivery)
    origin!.link?.dropCall()
    if (isLost) return
    owner!.link?.dropCall()
    if (queue === undefined) return
    queue.unanswered -= 1
    queue.unansweredBytes -= size
    queue.measure(now)
    if (queue.waiting > 0) this.#dispatch.pump(now, queue)
    else if (queue.isFull) this.#dispatch.afterRoom(now, queue)
  }

  /** The owner's link is gone: its requesters are told; what it holds it will list on its return. */
  lose(now: number, owner: Session, isTelling: boolean): void {
    for (const delivery of this.#state.deliveries.of(owner)) {
      if (!delivery.isLost) {
        delivery.isLost = true
        const { queue } = delivery
        if (queue !== undefined) {
          queue.unanswered -= 1
          queue.unansweredBytes -= delivery.size
        }
      }
      if (isTelling) this.#tellLost(now, delivery)
    }
  }

  /** The owner is back and has listed what it holds: only that counts again. */
  resume(now: number, owner: Session, held: ReadonlySet<number>): void {
    for (const delivery of this.#state.deliveries.of(owner)) {
      if (!delivery.isLost) continue
      if (!held.has(delivery.number)) {
        this.#tellLost(now, delivery)
        this.release(now, delivery)
        continue
      }
      delivery.isLost = false
      owner.link?.addCall(now)
      if (delivery.queue === undefined) continue
      delivery.queue.unanswered += 1
      delivery.queue.unansweredBytes += delivery.size
    }
  }

  /** The owner will not come back. */
  forget(now: number, owner: Session): void {
    for (const delivery of this.#state.deliveries.of(owner)) {
      this.#tellLost(now, delivery)
      this.release(now, delivery)
    }
  }

  /** The requester is back: what was kept for it goes out. */
  sendHeld(now: number, origin: Session): void {
    const held = origin.held
    origin.held = []
    origin.heldBytes = 0
    for (const { frame, from } of held) this.#passOn(now, origin, from, frame, 0, frame.length)
  }

  #tellLost(now: number, delivery: Delivery): void {
    if (delivery.isTold) return
    delivery.isTold = true
    this.#state.counters.lost += 1
    ;(delivery.queue?.figures ?? this.#state.unqueued).lost()
    this.#state.trace?.delivery(now, Told.lost, delivery, Reason.link_lost)
    const call = {
      type: Frame.lost,
      origin: delivery.origin!,
      from: delivery.owner!.handle,
      flags: delivery.flags & Flag.long,
      attempt: delivery.attempt,
      counter: delivery.counter,
    }
    this.#state.introduce(now, call.origin, delivery.owner!)
    this.#state.refuse(now, call, Reason.link_lost, { stage: Stage.responder })
  }

  /** `load` is that of the queue here, if the responder knows of less. */
  #passOn(
    now: number,
    to: Session,
    from: Session,
    b: Buffer,
    at: number,
    end: number,
    load = 0,
  ): void {
    const state = this.#state
    const link = to.link!
    state.introduce(now, to, from)
    const target = link.outbox.pass(now, b, at, end)
    const { bytes } = link.outbox
    setU32(bytes, target + Reply.from, from.handle)
    if (load > bytes[target + Reply.load]!) bytes[target + Reply.load] = load
    state.heartbeat.touch(now, link)
  }

  #hold(origin: Session, from: Session, b: Buffer, at: number, end: number): void {
    const size = end - at
    if (origin.heldBytes + size > MAX_HELD_BYTES) {
      this.#state.counters.repliesDropped += 1
      return
    }
    origin.held.push({ frame: Buffer.from(b.subarray(at, end)), from })
    origin.heldBytes += size
    this.#state.counters.repliesHeld += 1
  }

  #byReplyTopic(b: Buffer, at: number): Session | undefined {
    if (b[at + 4] !== Frame.reply) return undefined
    const start = at + Reply.head
    const headers = decodeHeaders(b, start, start + u32(b, at + Reply.headersLength))
    return this.#state.byReplyTopic.get(headers[OwnHeader.replyTopic] ?? '')
  }
}
