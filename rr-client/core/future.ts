import { CounterRing } from '../../bus/counter-ring.ts'
import type { Reason } from '../../bus/frame.ts'
import type { TopicRule } from '../../bus/rules.ts'
import type { BrokerLink } from './broker-link.ts'
import type { RouteQueue } from './route-queue.ts'
import type { TopicRoutes } from './routes.ts'
import type { SendCount } from './topic-tally.ts'

/** Calls with more time than this have counters and a floor of their own (WIRE-SAFETY M12). */
const LONG_CALL_MS = 30_000

/** Sees the sends of one call, for those who trace it. It must not call back into the core. */
export interface CallTracer {
  /** The newest attempt is about to be written; without a queue it is pinned. Returns its headers. */
  sending(
    future: RequestResponseFuture,
    link: BrokerLink,
    queue: RouteQueue | undefined,
    headers: Buffer,
  ): Buffer
}

/** What a caller asks for, ready for the wire. */
export interface CallFacts {
  topic: string
  body: Buffer
  headers: Buffer
  flags: number
  timeoutMs: number
  key: string | undefined
  waitForResponder: boolean
  /** Present while somebody traces calls. */
  tracer?: CallTracer | undefined
}

/** One send of a call that may still be answered. */
export interface Attempt {
  readonly number: number
  readonly instance: string
  readonly link: BrokerLink
  readonly generation: number
  readonly queue: RouteQueue | undefined
  readonly sentAt: number
}

/** Why the last attempt was refused. */
export interface RefusalNote {
  reason: Reason
  stage: string
  limit: number
  current: number
  retryAfterMs: number
  text: string
}

/** The record of one call in flight: the RequestResponseFuture of RocketMQ and DeFiBus. */
export class RequestResponseFuture {
  readonly facts: CallFacts
  readonly topic: TopicRoutes
  readonly deadline: number
  readonly startedAt: number
  readonly isLong: boolean
  /** What the shell keeps with the call: it settles it. */
  readonly caller: unknown
  counter = 0
  isSettled = false
  /** The instant of the next thing to do for it: its deadline, or earlier. */
  wakeAt: number
  /** Number of the newest attempt; 0 before the first. */
  attempt = 0
  /** The newest attempt while nobody has answered it, and older ones that may run yet. */
  current: Attempt | undefined
  earlier: Attempt[] | undefined
  /** Until then it waits for routes; 0 while it does not. */
  waitUntil = 0
  /** It is being sent again to the instance that may have it. */
  isRecovering = false
  /** Since when that instance has been gone from every broker; -1 while that is not known. */
  absentSince = -1
  /** Brokers that could not reach it in this round of asking them all. */
  absentFrom: BrokerLink[] | undefined
  /** How often it was asked for in vain since its way was lost. */
  absences = 0
  /** Queues that refused it for want of room: not asked again. */
  refusedBy: RouteQueue[] | undefined
  /** The isolated queue it is the probe of, and the number of that probe. */
  probeOf: RouteQueue | undefined
  probe = 0
  /** The dark-launch rule it follows: looked for until the first attempt, and kept from then on. */
  rule: TopicRule | undefined
  /** Where the data centre of its newest attempt is counted. */
  sends: SendCount | undefined
  retries = 0
  moves = 0
  /** Responders that lost their link with it, and the last of them. */
  lostPeers = 0
  lostInstance = ''
  refusal: RefusalNote | undefined

  constructor(now: number, facts: CallFacts, topic: TopicRoutes, caller: unknown) {
    this.facts = facts
    this.topic = topic
    this.caller = caller
    this.startedAt = now
    // One more than asked: `now` is a whole number that lies up to 1 ms back.
    this.deadline = now + facts.timeoutMs + 1
    this.wakeAt = this.deadline
    this.isLong = facts.timeoutMs > LONG_CALL_MS
  }

  /** An attempt may have run, or run yet. */
  get isOpen(): boolean {
    return this.current !== undefined || this.earlier !== undefined
  }
}

/** Counters of one series: 53 bits from 1, given before anything is sent. */
export class FutureTable {
  readonly #ring: CounterRing<RequestResponseFuture>
  #next: number

  constructor(first: number) {
    this.#ring = new CounterRing(first)
    this.#next = first
  }

  get size(): number {
    return this.#ring.size
  }

  /** The lowest counter not yet settled: what lies below may be forgotten by responders. */
  get floor(): number {
    return this.#ring.size === 0 ? this.#next : this.#ring.lowest
  }

  add(future: RequestResponseFuture): void {
    future.counter = this.#next
    this.#next += 1
    this.#ring.set(future.counter, future)
  }

  find(counter: number): RequestResponseFuture | undefined {
    return this.#ring.get(counter)
  }

  delete(future: RequestResponseFuture): void {
    this.#ring.delete(future.counter)
  }

  values(): Generator<RequestResponseFuture> {
    return this.#ring.values()
  }
}
