import { type FieldReader, u16, u32, u64 } from '../../bus/bytes.ts'
import type { BusError } from '../../bus/errors.ts'
import { Flag, Refusal, Reply } from '../../bus/frame.ts'
import {
  attemptOf,
  freeAttempt,
  freeOlder,
  isFromAttempt,
  isIdempotent,
  mayGoElsewhere,
  noteLoss,
  queueAgain,
  releaseLoad,
  setAside,
} from './attempts.ts'
import type { BrokerLink } from './broker-link.ts'
import { noteRefusal, readRefusal, writeCancel, writeRequest } from './call-frames.ts'
import { reasonName, replyName, Traced } from './call-trace.ts'
import { refusalAtDoor } from './door.ts'
import { correlationIdOf, errorOf, failureOf } from './failure.ts'
import { findQueue } from './find-queue.ts'
import type { Attempt } from './future.ts'
import { type CallFacts, RequestResponseFuture } from './future.ts'
import { type Force, Isolations } from './isolations.ts'
import type { Marks } from './marks.ts'
import { OpenCalls } from './open-calls.ts'
import { Recovery } from './recovery.ts'
import type { RouteQueue } from './route-queue.ts'
import { budgetOf } from './routes.ts'
import type { ClientState } from './state.ts'
import { TopicBook } from './topic-book.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Without routes, and without `waitForResponder`, a call waits at most so long for them. */
const ROUTE_WAIT_MS = 1_000
/** Queues tried after the first one refused. */
const MAX_RETRIES = 2
/** Times a call may be sent elsewhere for free, because its queue moved or its link was new. */
const MAX_MOVES = 8
/** What `waitForResponder` waits for. */
const WAITABLE: ReadonlySet<string> = new Set(['no_responder', 'not_connected'])

/** The caller's half: from `request` to the one settlement. */
export class Requester {
  readonly #state: ClientState
  /** Knows other instances by the handles of each broker. */
  readonly #marks: Marks
  readonly #waiting = new WaitingRoom()
  readonly topics: TopicBook
  readonly #open: OpenCalls
  readonly #recovery: Recovery
  readonly isolations: Isolations

  constructor(state: ClientState, marks: Marks) {
    this.#state = state
    this.#marks = marks
    this.topics = new TopicBook(state)
    this.#open = new OpenCalls(state.facts.firstCounter)
    this.isolations = new Isolations(state, (now, topic) => this.topics.reachAway(now, topic))
    this.#recovery = new Recovery(state, {
      write: (now, future, link) => this.#write(now, future, link, undefined),
      wakeAt: (now, future, instant) => this.#open.wakeAt(now, future, instant),
      lost: (now, future) => {
        // A patient call waits for somebody who takes over.
        future.isRecovering = !future.facts.waitForResponder || !mayGoElsewhere(future)
        if (!future.isRecovering) this.#place(now, future)
        else if (!this.#goElsewhere(now, future)) this.#fail(now, future, 'responder_lost')
      },
    })
  }

  get inFlight(): number {
    return this.#open.size
  }

  get nextDeadline(): number {
    return Math.min(this.#open.nextDeadline, this.topics.nextDeadline)
  }

  /** Starts a call. It is in the table, with its deadline, before anything is sent. */
  request(now: number, facts: CallFacts, caller: unknown): RequestResponseFuture {
    const state = this.#state
    state.counters.requests += 1
    const topic = this.topics.topic(now, facts.topic)
    const future = new RequestResponseFuture(now, facts, topic, caller)
    const refusal = refusalAtDoor(state, facts, this.inFlight)
    if (refusal !== undefined) {
      future.isSettled = true
      state.counters.failed += 1
      state.effects.fail(future, refusal)
      return future
    }
    this.#open.add(now, future)
    topic.calls += 1
    state.trace?.asked(now, Traced.accepted, future)
    this.#place(now, future)
    return future
  }

  /** The caller gave up. */
  cancel(now: number, future: RequestResponseFuture): void {
    if (future.isSettled) return
    this.#state.trace?.asked(now, Traced.cancelled, future)
    if (future.current !== undefined) this.#sendCancel(now, future, future.current)
    for (const attempt of future.earlier ?? []) this.#sendCancel(now, future, attempt)
    this.#fail(now, future, 'cancelled')
  }

  onReply(now: number, link: BrokerLink, b: Buffer, at: number, end: number): void {
    const state = this.#state
    const counter = u64(b, at + Reply.counter)
    const flags = b[at + Reply.flags]!
    const isLong = (flags & Flag.long) !== 0
    const future = this.#open.find(counter, isLong)
    if (future === undefined) {
      state.counters.lateReplies += 1
      state.trace?.late(now, counter, isLong)
      const correlationId = correlationIdOf(state.facts.instance, { counter, isLong })
      state.effects.advise({ kind: 'late_reply', correlationId })
      return
    }
    const from = u32(b, at + Reply.from)
    const { current } = future
    const isDirect =
      current?.queue !== undefined && current.link === link && current.queue.owner === from
    if (!isDirect && !this.#isFromAttempt(future, link, from)) return
    if (isDirect) {
      current.queue!.noteReply(now, now - current.sentAt, b[at + Reply.load]!)
      if (future.probeOf === current.queue) this.isolations.probed(now, future, 'well')
    }
    this.#remove(now, future)
    future.topic.budget?.succeed()
    future.topic.replies.note(now)
    state.counters.succeeded += 1
    const headersStart = at + Reply.head
    const kind = b[at + Reply.kind]!
    state.trace?.asked(now, Traced.settled, future, replyName(kind))
    state.effects.fulfil(future, {
      kind,
      flags,
      bytes: b,
      headersStart,
      bodyStart: headersStart + u32(b, at + Reply.headersLength),
      end,
    })
  }

  /** A reply may come by another way than its request went, but only from who was sent it. */
  #isFromAttempt(future: RequestResponseFuture, link: BrokerLink, from: number): boolean {
    const instance = this.#marks.handles.find(link, from)?.instance
    if (isFromAttempt(future, instance)) return true
    const { counters, facts, effects } = this.#state
    counters.foreignReplies += 1
    const correlationId = correlationIdOf(facts.instance, future)
    const about = { topic: future.facts.topic, attempt: future.attempt }
    effects.advise({ kind: 'foreign_reply', correlationId, from: instance ?? '', ...about })
    return false
  }

  /** One attempt was refused: the call goes on unless none of its attempts may run any more. */
  onRefusal(now: number, link: BrokerLink, b: Buffer, at: number, end: number): void {
    const flags = b[at + Refusal.flags]!
    const future = this.#open.find(u64(b, at + Refusal.counter), (flags & Flag.long) !== 0)
    const from = u32(b, at + Refusal.from)
    const instance = from === 0 ? undefined : this.#marks.handles.find(link, from)?.instance
    if (future !== undefined && from === 0) noteRefusal(now, future.topic, link, b, at)
    const number = u16(b, at + Refusal.attempt)
    const attempt = future === undefined ? undefined : attemptOf(future, number)
    if (future === undefined || attempt === undefined) {
      this.#state.counters.lateRefusals += 1
      return
    }
    // Only the instance itself can speak for it; a broker only for what it did not forward.
    if (from !== 0 && instance !== attempt.instance) return
    future.refusal = readRefusal(b, at, end)
    const why = this.#state.trace && reasonName(future.refusal.reason)
    this.#state.trace?.attempted(now, Traced.refused, future, attempt, why)
    if (attempt.queue !== undefined) {
      this.isolations.refused(now, future, attempt, from !== 0)
    }
    freeAttempt(future, attempt)
    if ((flags & Flag.never) !== 0) freeOlder(future, attempt)
    if (future.isOpen) this.#recovery.onRefused(now, future, attempt)
    else this.#goOn(now, future, verdictOf(future.refusal.reason), attempt)
  }

  /** The link to the responder of one attempt was lost; the attempt may have run, or run on. */
  onLost(now: number, b: Buffer, at: number): void {
    const flags = b[at + Refusal.flags]!
    const future = this.#open.find(u64(b, at + Refusal.counter), (flags & Flag.long) !== 0)
    const { current } = future ?? {}
    if (future === undefined || current?.number !== u16(b, at + Refusal.attempt)) return
    noteLoss(future, current)
    this.#state.trace?.attempted(now, Traced.lost, future, current, 'responder')
    this.isolations.failed(now, future, current)
    if (isIdempotent(future) && !mayGoElsewhere(future)) this.#fail(now, future, 'responder_lost')
    else if (!this.#goElsewhere(now, future)) this.#recovery.start(now, future)
  }

  /** An operator decides about queues. Returns how many that meant, or -1: too many words hold. */
  force(now: number, force: Force): number {
    return this.isolations.force(now, this.topics.all, force)
  }

  onTopic(now: number, link: BrokerLink, type: number, reader: FieldReader): void {
    const topic = this.topics.onTopic(now, link, type, reader)
    if (topic === undefined) return
    this.isolations.onRoutes(now, topic)
    for (const future of this.#waiting.of(topic)) if (!future.isSettled) this.#place(now, future)
  }

  onLinkUp(now: number, link: BrokerLink): void {
    this.topics.onLinks(now)
    this.#recovery.onLinkUp(now, link)
  }

  /** Calls sent by this link may have run; they are sent again, to the same instances. */
  onLinkDown(now: number, link: BrokerLink): void {
    this.topics.onLinkDown(now, link)
    for (const future of this.#open.values()) {
      if (future.current?.link !== link) continue
      this.#state.trace?.attempted(now, Traced.lost, future, future.current, 'link')
      this.#recovery.start(now, future)
    }
  }

  onAcknowledged(now: number, link: BrokerLink): void {
    this.#recovery.onAcknowledged(now, link)
  }

  onDeadline(now: number): void {
    this.topics.onDeadline(now)
    this.#open.due(now, (future) => {
      if (future.deadline <= now) this.#failLate(now, future)
      else this.#onWake(now, future)
    })
  }

  /** Gives up every open call; for the end of a close. */
  abandon(now: number): number {
    const open = [...this.#open.values()]
    for (const future of open) this.cancel(now, future)
    return open.length
  }

  /** Sends the call to the best queue, or waits, or fails, as the routes stand. */
  #place(now: number, future: RequestResponseFuture): void {
    const { topic } = future
    topic.lastUsedAt = now
    const queue = this.#choose(now, future)
    if (queue !== undefined) {
      this.#waiting.leave(future)
      this.#write(now, future, queue.link, queue)
      return
    }
    const why = failureOf(now, future, this.#state)
    const isPatient = future.facts.waitForResponder && WAITABLE.has(why.code)
    const { deadline, waitUntil, isOpen } = future
    const isOver = waitUntil > 0 && waitUntil <= now && deadline > now && !isOpen
    if (isOver || (!why.mayPass && !isPatient)) {
      this.#fail(now, future, isOpen ? 'responder_lost' : why.code, why)
      return
    }
    if (!this.#waiting.has(future)) {
      const patienceMs = isPatient || future.isOpen ? Number.POSITIVE_INFINITY : ROUTE_WAIT_MS
      this.#waiting.enter(future, Math.min(future.deadline, now + patienceMs))
    }
    this.#open.wakeAt(now, future, Math.min(future.waitUntil, why.lookAgainAt))
  }

  #choose(now: number, future: RequestResponseFuture): RouteQueue | undefined {
    return findQueue(now, future, this.#state.prng, this.topics)
  }

  #write(
    now: number,
    future: RequestResponseFuture,
    link: BrokerLink,
    queue: RouteQueue | undefined,
  ): void {
    const { facts } = future
    const instance = queue === undefined ? future.current!.instance : queue.instance
    const headers =
      queue === undefined ? this.#recovery.headersFor(future, instance) : facts.headers
    if (future.current !== undefined) setAside(future, future.current)
    future.attempt += 1
    let { flags } = facts
    if (queue === undefined) flags |= Flag.pinned
    if (future.earlier !== undefined) flags |= Flag.mayHaveRun
    if (future.isLong) flags |= Flag.long
    const floor = this.#open.floorFor(future)
    writeRequest(now, future, link, queue, flags, headers, floor)
    const { generation } = link
    future.current = { number: future.attempt, instance, link, generation, queue, sentAt: now }
    const sends = queue === undefined ? future.sends : queue.sends
    if (sends !== undefined) sends.count += 1
    future.sends = sends
    if (queue !== undefined) queue.inFlight += 1
    if (queue !== undefined && queue.tier > 0) this.#state.counters.crossIdc += 1
    const how = queue === undefined ? 'pinned' : ''
    this.#state.trace?.attempted(now, Traced.sent, future, future.current, how)
    link.lastUsedAt = now
    link.addCall(now)
    this.#state.heartbeat.touch(now, link)
  }

  /** All attempts are refused: somewhere else, or the end. */
  #goOn(now: number, future: RequestResponseFuture, verdict: Verdict, refused: Attempt): void {
    const { counters } = this.#state
    future.isRecovering = false
    if (verdict.next === 'fail') this.#fail(now, future, verdict.code)
    else if (verdict.next === 'move' && future.moves < MAX_MOVES) {
      future.moves += 1
      counters.moves += 1
      future.topic.tally.moves += 1
      const again = queueAgain(now, future, refused)
      if (again === undefined) this.#place(now, future)
      else this.#write(now, future, again.link, again)
    } else if (verdict.next === 'retry' && future.retries < MAX_RETRIES) {
      const isFree = future.topic.writable > 0
      if (!isFree && !budgetOf(future.topic).take(now)) this.#fail(now, future, verdict.code)
      else {
        future.retries += 1
        const { queue } = refused
        if (queue !== undefined) future.refusedBy = [...(future.refusedBy ?? []), queue]
        counters.retries += 1
        future.topic.tally.retries += 1
        this.#place(now, future)
      }
    } else this.#fail(now, future, verdict.code)
  }

  /** An idempotent call need not wait for the instance it may have run at, if another is there. */
  #goElsewhere(now: number, future: RequestResponseFuture): boolean {
    if (!mayGoElsewhere(future)) return false
    const queue = this.#choose(now, future)
    if (queue === undefined) return false
    future.isRecovering = false
    this.#write(now, future, queue.link, queue)
    return true
  }

  #onWake(now: number, future: RequestResponseFuture): void {
    future.wakeAt = future.deadline
    if (future.isRecovering) {
      if (future.lostPeers > 0 && this.#goElsewhere(now, future)) return
      this.#recovery.onWake(now, future)
    } else if (this.#waiting.has(future)) this.#place(now, future)
  }

  #failLate(now: number, future: RequestResponseFuture): void {
    const { current } = future
    if (current !== undefined) this.isolations.late(now, future, current)
    const isCutOff = future.isOpen && future.isRecovering && !this.#state.hasLink
    this.#fail(now, future, isCutOff ? 'broker_lost' : 'deadline_exceeded')
  }

  #fail(
    now: number,
    future: RequestResponseFuture,
    code: BusError['code'],
    about: { message?: string; retryAfterMs?: number; stage?: string } = {},
  ): void {
    const { facts } = this.#state
    const error = errorOf(now, future, code, facts.instance, about)
    this.#remove(now, future)
    this.#state.counters.failed += 1
    this.#state.trace?.asked(now, Traced.settled, future, code)
    this.#state.effects.fail(future, error)
  }

  /** Takes the call out of every table, before it is settled (rule 6). */
  #remove(now: number, future: RequestResponseFuture): void {
    future.isSettled = true
    if (future.probeOf !== undefined) this.isolations.probed(now, future, 'unknown')
    this.#open.delete(future)
    future.topic.calls -= 1
    if (future.current !== undefined) freeAttempt(future, future.current)
    for (const attempt of future.earlier ?? []) releaseLoad(attempt)
    future.earlier = undefined
    this.#waiting.leave(future)
  }

  #sendCancel(now: number, future: RequestResponseFuture, attempt: Attempt): void {
    const { link, queue } = attempt
    if (!link.isUp || link.generation !== attempt.generation || queue === undefined) return
    writeCancel(now, future, attempt.number, link, queue)
    this.#state.heartbeat.touch(now, link)
  }
}
