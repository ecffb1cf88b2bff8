import { type FieldReader, u16, u32, u64 } from '../../bus/bytes.ts'
import { Deadlines } from '../../bus/deadlines.ts'
import { BusError } from '../../bus/errors.ts'
import { Flag, Frame, QueueState, Reason, Refusal, Reply, stageName } from '../../bus/frame.ts'
import { decodeRoutes, encodeTopic } from '../../bus/topic-frames.ts'
import {
  attemptOf,
  freeAttempt,
  freeOlder,
  isFromAttempt,
  releaseLoad,
  setAside,
} from './attempts.ts'
import type { BrokerLink } from './broker-link.ts'
import { writeCancel, writeRequest } from './call-frames.ts'
import { choose } from './choose.ts'
import { errorOf, failureOf } from './failure.ts'
import type { Attempt } from './future.ts'
import { type CallFacts, FutureTable, RequestResponseFuture } from './future.ts'
import { Recovery } from './recovery.ts'
import { noteLatency, type RouteQueue, TopicRoutes } from './routes.ts'
import type { ClientState } from './state.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** Without routes, and without `waitForResponder`, a call waits at most so long for them. */
const ROUTE_WAIT_MS = 1_000
/** Queues tried after the first one refused. */
const MAX_RETRIES = 2
/** Times a call may be sent elsewhere for free, because its queue moved or its link was new. */
const MAX_MOVES = 8
/** What `waitForResponder` waits for. */
const WAITABLE: ReadonlySet<string> = new Set(['no_responder', 'not_connected'])
/** Calls made inside handlers have this share of the limit to themselves. */
const NESTED_SHARE = 0.1

/** The caller's half: from `request` to the one settlement. */
export class Requester {
  readonly #state: ClientState
  readonly #topics = new Map<string, TopicRoutes>()
  readonly #short: FutureTable
  readonly #long: FutureTable
  readonly #recovery: Recovery
  readonly #deadlines = new Deadlines((id) => this.#find(Math.abs(id), id < 0)?.wakeAt ?? -1)

  constructor(state: ClientState) {
    this.#state = state
    this.#short = new FutureTable(state.facts.firstCounter)
    this.#long = new FutureTable(state.facts.firstCounter)
    this.#recovery = new Recovery(state, {
      write: (now, future, link) => this.#write(now, future, link, undefined),
      wakeAt: (now, future, instant) => this.#wakeAt(now, future, instant),
      lost: (now, future) => this.#fail(now, future, 'responder_lost'),
    })
  }

  get inFlight(): number {
    return this.#short.size + this.#long.size
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  get topics(): Iterable<TopicRoutes> {
    return this.#topics.values()
  }

  /** Starts a call. It is in the table, with its deadline, before anything is sent. */
  request(now: number, facts: CallFacts, caller: unknown): RequestResponseFuture {
    const state = this.#state
    state.counters.requests += 1
    const topic = this.#topic(now, facts.topic)
    const future = new RequestResponseFuture(now, facts, topic, caller)
    const refusal = this.#refusalAtDoor(facts)
    if (refusal !== undefined) {
      future.isSettled = true
      state.counters.failed += 1
      state.effects.fail(future, refusal)
      return future
    }
    ;(future.isLong ? this.#long : this.#short).add(future)
    this.#deadlines.arm(now, future.deadline, idOf(future))
    this.#place(now, future)
    return future
  }

  /** The caller gave up. */
  cancel(now: number, future: RequestResponseFuture): void {
    if (future.isSettled) return
    if (future.current !== undefined) this.#sendCancel(now, future, future.current)
    for (const attempt of future.earlier ?? []) this.#sendCancel(now, future, attempt)
    this.#fail(now, future, 'cancelled')
  }

  onReply(now: number, link: BrokerLink, b: Buffer, at: number, end: number): void {
    const state = this.#state
    const counter = u64(b, at + Reply.counter)
    const flags = b[at + Reply.flags]!
    const future = this.#find(counter, (flags & Flag.long) !== 0)
    if (future === undefined) {
      state.counters.lateReplies += 1
      const correlationId = `${state.facts.instance}-${counter}`
      state.effects.advise({ kind: 'late_reply', correlationId })
      return
    }
    const from = u32(b, at + Reply.from)
    const { current } = future
    const isDirect =
      current?.queue !== undefined && current.link === link && current.queue.owner === from
    if (!isDirect && !isFromAttempt(future, link, from)) {
      state.counters.foreignReplies += 1
      const correlationId = `${state.facts.instance}-${counter}`
      const instance = link.peers.get(from)?.instance ?? ''
      state.effects.advise({ kind: 'foreign_reply', correlationId, from: instance })
      return
    }
    if (isDirect) noteLatency(current.queue!, now - future.startedAt)
    this.#remove(future)
    future.topic.budget.succeed()
    state.counters.succeeded += 1
    const headersStart = at + Reply.head
    state.effects.fulfil(future, {
      kind: b[at + Reply.kind]!,
      flags,
      bytes: b,
      headersStart,
      bodyStart: headersStart + u32(b, at + Reply.headersLength),
      end,
    })
  }

  /** One attempt was refused: the call goes on unless none of its attempts may run any more. */
  onRefusal(now: number, link: BrokerLink, b: Buffer, at: number, end: number): void {
    const flags = b[at + Refusal.flags]!
    const future = this.#find(u64(b, at + Refusal.counter), (flags & Flag.long) !== 0)
    const from = u32(b, at + Refusal.from)
    const instance = from === 0 ? undefined : link.peers.get(from)?.instance
    this.#noteQueue(now, link, b, at)
    const number = u16(b, at + Refusal.attempt)
    const attempt = future === undefined ? undefined : attemptOf(future, number)
    if (future === undefined || attempt === undefined) {
      this.#state.counters.lateRefusals += 1
      return
    }
    // Only the instance itself can speak for it; a broker only for what it did not forward.
    if (from !== 0 && instance !== attempt.instance) return
    future.refusal = {
      reason: b[at + Refusal.reason] as Reason,
      stage: stageName(b[at + Refusal.stage]!),
      limit: u32(b, at + Refusal.limit),
      current: u32(b, at + Refusal.current),
      retryAfterMs: u32(b, at + Refusal.retryAfterMs),
      text: b.toString('utf8', at + Refusal.head, end),
    }
    freeAttempt(future, attempt)
    if ((flags & Flag.never) !== 0) freeOlder(future, attempt)
    if (future.isOpen) this.#recovery.onRefused(now, future, attempt)
    else this.#goOn(now, future, verdictOf(future.refusal.reason))
  }

  /** The link to the responder of one attempt was lost; the attempt may have run, or run on. */
  onLost(now: number, b: Buffer, at: number): void {
    const flags = b[at + Refusal.flags]!
    const future = this.#find(u64(b, at + Refusal.counter), (flags & Flag.long) !== 0)
    const { current } = future ?? {}
    if (future === undefined || current?.number !== u16(b, at + Refusal.attempt)) return
    future.lostPeers += 1
    if ((future.facts.flags & Flag.idempotent) === 0) this.#recovery.start(now, future)
    else if (future.lostPeers >= 2) this.#fail(now, future, 'responder_lost')
    else {
      const queue = this.#choose(now, future)
      if (queue === undefined) this.#recovery.start(now, future)
      else this.#write(now, future, queue.link, queue)
    }
  }

  onRoutes(now: number, link: BrokerLink, reader: FieldReader): void {
    const news = decodeRoutes(reader)
    reader.end('routes')
    const topic = this.#topics.get(news.topic)
    if (topic === undefined) return
    if (news.handle !== 0) link.topics.set(news.handle, topic)
    if (
      topic.group !== '' &&
      news.group !== '' &&
      topic.group !== news.group &&
      topic.writable > 0
    ) {
      const { group: used } = topic
      this.#state.effects.advise({
        kind: 'two_groups',
        topic: topic.name,
        used,
        refused: news.group,
      })
      if (used < news.group) return
      topic.queues = topic.queues.filter((queue) => queue.link === link)
    }
    link.settlesAt = Math.max(link.settlesAt, now + news.settlingMs)
    topic.apply(link, news)
    const { writable } = topic
    this.#state.effects.advise({
      kind: 'routes',
      topic: topic.name,
      writable,
      queues: topic.queues.length,
    })
    this.#wakeWaiting(now, topic)
  }

  onLinkUp(now: number, link: BrokerLink): void {
    for (const topic of this.#topics.values()) this.#watch(now, link, topic)
    this.#recovery.onLinkUp(now, link)
  }

  /** Calls sent by this link may have run; they are sent again, to the same instances. */
  onLinkDown(now: number, link: BrokerLink): void {
    for (const topic of this.#topics.values()) topic.forgetLink(link)
    link.topics.clear()
    link.queues.clear()
    for (const table of [this.#short, this.#long]) {
      for (const future of table.values()) {
        if (future.current?.link === link) this.#recovery.start(now, future)
      }
    }
  }

  onAcknowledged(now: number, link: BrokerLink): void {
    this.#recovery.onAcknowledged(now, link)
  }

  onDeadline(now: number): void {
    this.#deadlines.due(now, (id) => {
      const future = this.#find(Math.abs(id), id < 0)!
      if (future.deadline <= now) this.#failLate(now, future)
      else this.#onWake(now, future)
    })
  }

  /** Gives up every open call; for the end of a close. */
  abandon(now: number): number {
    let count = 0
    for (const table of [this.#short, this.#long]) {
      for (const future of [...table.values()]) {
        this.cancel(now, future)
        count += 1
      }
    }
    return count
  }

  #refusalAtDoor(facts: CallFacts): BusError | undefined {
    const { phase, facts: own } = this.#state
    const details = { stage: 'requester', topic: facts.topic, attempts: 0 }
    if (phase === 'closed') return new BusError('not_connected', 'this bus is closed', { details })
    const isNested = (facts.flags & Flag.nested) !== 0
    if (phase === 'draining' && !isNested) {
      return new BusError('draining', 'this bus is closing', { details })
    }
    const limit = isNested ? own.maxInFlight : Math.ceil(own.maxInFlight * (1 - NESTED_SHARE))
    if (this.inFlight < limit) return undefined
    const more = { limit, current: this.inFlight }
    const text = `${this.inFlight} calls are open, the limit is ${limit}`
    return new BusError('too_many_inflight', text, { details: { ...details, ...more } })
  }

  /** Sends the call to the best queue, or waits, or fails, as the routes stand. */
  #place(now: number, future: RequestResponseFuture): void {
    const { topic } = future
    topic.lastUsedAt = now
    const queue = this.#choose(now, future)
    if (queue !== undefined) {
      this.#stopWaiting(future)
      this.#write(now, future, queue.link, queue)
      return
    }
    const why = failureOf(now, future, this.#state)
    const isPatient = future.facts.waitForResponder && WAITABLE.has(why.code)
    if (!why.mayPass && !isPatient) {
      this.#fail(now, future, future.isOpen ? 'responder_lost' : why.code, why)
      return
    }
    if (!topic.waiting.has(future)) {
      topic.waiting.add(future)
      const patienceMs = isPatient || future.isOpen ? Number.POSITIVE_INFINITY : ROUTE_WAIT_MS
      future.waitUntil = Math.min(future.deadline, now + patienceMs)
    }
    this.#wakeAt(now, future, Math.min(future.waitUntil, why.lookAgainAt))
  }

  /** A queue by a link that keeps up; only if there is none, by one that is behind. */
  #choose(now: number, future: RequestResponseFuture): RouteQueue | undefined {
    const { prng } = this.#state
    return choose(now, future, prng, false) ?? choose(now, future, prng, true)
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
    const { floor } = future.isLong ? this.#long : this.#short
    writeRequest(now, future, link, queue, flags, headers, floor)
    future.current = { number: future.attempt, instance, link, generation: link.generation, queue }
    if (queue !== undefined) queue.inFlight += 1
    link.lastUsedAt = now
    link.addCall(now)
    this.#state.heartbeat.touch(now, link)
  }

  /** All attempts are refused: somewhere else, or the end. */
  #goOn(now: number, future: RequestResponseFuture, verdict: Verdict): void {
    const { counters } = this.#state
    future.isRecovering = false
    if (verdict.next === 'fail') this.#fail(now, future, verdict.code)
    else if (verdict.next === 'move' && future.moves < MAX_MOVES) {
      future.moves += 1
      counters.moves += 1
      this.#place(now, future)
    } else if (verdict.next === 'retry' && future.retries < MAX_RETRIES) {
      const isFree = future.topic.writable > 0
      if (!isFree && !future.topic.budget.take(now)) this.#fail(now, future, verdict.code)
      else {
        future.retries += 1
        counters.retries += 1
        this.#place(now, future)
      }
    } else this.#fail(now, future, verdict.code)
  }

  #onWake(now: number, future: RequestResponseFuture): void {
    future.wakeAt = future.deadline
    if (future.isRecovering) this.#recovery.onWake(now, future)
    else if (future.topic.waiting.has(future)) {
      if (future.waitUntil <= now && !future.isOpen) {
        const why = failureOf(now, future, this.#state)
        this.#fail(now, future, why.code, why)
      } else this.#place(now, future)
    }
  }

  #failLate(now: number, future: RequestResponseFuture): void {
    const isCutOff = future.isOpen && future.isRecovering && !this.#state.hasLink
    this.#fail(now, future, isCutOff ? 'broker_lost' : 'deadline_exceeded')
  }

  #fail(
    now: number,
    future: RequestResponseFuture,
    code: BusError['code'],
    about: { message?: string; retryAfterMs?: number } = {},
  ): void {
    const { facts } = this.#state
    const error = errorOf(now, future, code, facts.instance, about)
    this.#remove(future)
    this.#state.counters.failed += 1
    this.#state.effects.fail(future, error)
  }

  /** Takes the call out of every table, before it is settled (rule 6). */
  #remove(future: RequestResponseFuture): void {
    future.isSettled = true
    ;(future.isLong ? this.#long : this.#short).delete(future)
    if (future.current !== undefined) freeAttempt(future, future.current)
    for (const attempt of future.earlier ?? []) releaseLoad(attempt)
    future.earlier = undefined
    if (future.waitUntil !== 0) this.#stopWaiting(future)
  }

  #stopWaiting(future: RequestResponseFuture): void {
    if (future.waitUntil === 0) return
    future.waitUntil = 0
    future.topic.waiting.delete(future)
  }

  #wakeWaiting(now: number, topic: TopicRoutes): void {
    if (topic.waiting.size === 0) return
    for (const future of [...topic.waiting]) if (!future.isSettled) this.#place(now, future)
  }

  #wakeAt(now: number, future: RequestResponseFuture, instant: number): void {
    if (instant >= future.wakeAt) return
    future.wakeAt = instant
    this.#deadlines.arm(now, instant, idOf(future))
  }

  #sendCancel(now: number, future: RequestResponseFuture, attempt: Attempt): void {
    const { link, queue } = attempt
    if (!link.isUp || link.generation !== attempt.generation || queue === undefined) return
    writeCancel(now, future, attempt.number, link, queue)
    this.#state.heartbeat.touch(now, link)
  }

  /** A refusal is news of the queue as well. */
  #noteQueue(now: number, link: BrokerLink, b: Buffer, at: number): void {
    const queue = link.queues.get(u32(b, at + Refusal.queue))
    if (queue === undefined || u32(b, at + Refusal.from) !== 0) return
    const state = b[at + Refusal.queueState]!
    const epoch = u64(b, at + Refusal.epoch)
    if (epoch !== 0 && epoch < queue.epoch) return
    const reason = b[at + Refusal.reason]
    if (reason === Reason.full) queue.avoidUntil = now + u32(b, at + Refusal.retryAfterMs)
    if (reason === Reason.stale || reason === Reason.moved || reason === Reason.full) {
      queue.state = state === QueueState.gone ? QueueState.transition : state
    }
  }

  #find(counter: number, isLong: boolean): RequestResponseFuture | undefined {
    return (isLong ? this.#long : this.#short).find(counter)
  }

  #topic(now: number, name: string): TopicRoutes {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const topic = new TopicRoutes(now, name)
    this.#topics.set(name, topic)
    for (const link of this.#state.links) if (link.isUp) this.#watch(now, link, topic)
    return topic
  }

  #watch(now: number, link: BrokerLink, topic: TopicRoutes): void {
    this.#state.send(now, link, Frame.watch, encodeTopic(topic.name))
  }
}

const idOf = (future: RequestResponseFuture): number =>
  future.isLong ? -future.counter : future.counter
