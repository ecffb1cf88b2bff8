import type { Advisory } from '../../bus/advisory.ts'
import {
  Frame,
  putRefusal,
  type Reason,
  type RefusalNews,
  refusalSize,
  Stage,
} from '../../bus/frame.ts'
import { encodePeer } from '../../bus/handshake.ts'
import type { Heartbeat } from '../../bus/heartbeat.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import type { CallTrace } from './call-trace.ts'
import { Deliveries } from './deliveries.ts'
import { Figures } from './figures.ts'
import type { Queue } from './queue.ts'
import type { Grant, Link, Session } from './session.ts'
import type { Topic } from './topic.ts'

/** What a broker core asks of the world around it. */
export interface BrokerEffects {
  /** Ends a link; nothing more is read from it. */
  close(link: Link, code: number, reason: string): void
  advise(advisory: Advisory): void
  /** What a token opens; undefined refuses it. */
  authenticate(token: string): { grant: Grant | undefined } | undefined
  /** A client's report, as JSON; a copy, and nothing of it was checked. */
  reported(session: Session, json: Buffer): void
  /** A client's answer to an order, the same. */
  ordered(session: Session, order: number, json: Buffer): void
  /** A client is linked, lost its link, or its session is over. */
  sessionIs(session: Session, state: SessionState): void
  /** A drain is over. */
  drained(handedBack: number, abandoned: number): void
}

export type SessionState = 'up' | 'lost' | 'gone'

export interface BrokerLimits {
  readonly maxDepth: number
  readonly maxDepthBytes: number
  readonly maxBodyBytes: number
  readonly maxSessions: number
  readonly maxTopics: number
  readonly warmUpMs: number
  readonly sessionHoldMs: number
  readonly pingMs: number
  readonly silenceMs: number
  /** Events of calls that are remembered while somebody may ask for them; 0: none. */
  readonly traceEvents: number
}

export interface BrokerIdentity {
  readonly id: string
  readonly idc: string
  readonly life: number
  readonly startedAt: number
}

/** How often each thing happened in this life. */
export interface BrokerCounters {
  requests: number
  replies: number
  refused: number
  expired: number
  handedBack: number
  lost: number
  cancelled: number
  repliesHeld: number
  repliesDropped: number
  staleBatches: number
  protocolErrors: number
  reports: number
  /** Reports that nobody had asked for, too many of them, or too large ones. */
  reportsRefused: number
  /** Orders sent to clients. */
  orders: number
  /** Bans that ended early, for there were too many. */
  bansDropped: number
}

/** An ownership lasts so many times the silence limit without a sign of life. */
const LEASE_FACTOR = 2

/** The tables that the parts of the broker core share, and the few acts they all need. */
export class BrokerState {
  readonly identity: BrokerIdentity
  readonly limits: BrokerLimits
  readonly effects: BrokerEffects
  readonly heartbeat: Heartbeat<Link>
  readonly links = new Set<Link>()
  readonly sessions = new Map<number, Session>()
  readonly byInstance = new Map<string, Session>()
  readonly byReplyTopic = new Map<string, Session>()
  readonly topics = new Map<string, Topic>()
  readonly queues = new Map<number, Queue>()
  readonly deliveries = new Deliveries()
  /** Queues in which something waits, or whose owner has stopped answering. */
  readonly starving = new Set<Queue>()
  /** When the first of them came. */
  starvedAt = 0
  readonly counters: BrokerCounters = {
    requests: 0,
    replies: 0,
    refused: 0,
    expired: 0,
    handedBack: 0,
    lost: 0,
    cancelled: 0,
    repliesHeld: 0,
    repliesDropped: 0,
    staleBatches: 0,
    protocolErrors: 0,
    reports: 0,
    reportsRefused: 0,
    orders: 0,
    bansDropped: 0,
  }
  /** `draining`: it takes no new work; `drained`: and has none left. */
  phase: 'open' | 'draining' | 'drained' = 'open'
  /** What happened to the last calls; undefined while nobody may ask. */
  trace: CallTrace | undefined
  /** Sums of queues whose topics are forgotten. */
  readonly forgotten = new Figures()
  /** Of requests in no queue: pinned ones, and those that named a queue that is no more. */
  readonly unqueued = new Figures()
  /** Dark-launch rules in force; version 0 before there were any. */
  rules: { version: number; list: readonly DarkLaunchRule[] } = { version: 0, list: [] }
  /** Bytes of requests that wait, over all queues. */
  waitingBytes = 0
  /** A client came that knew another life of this broker, or a drain has ended: it was without clients. */
  isRestart = false
  /** Since when clients come back to it. */
  opensAt: number
  /** How long the process was stopped, until it has read what piled up meanwhile. */
  stoppedMs = 0

  constructor(
    identity: BrokerIdentity,
    limits: BrokerLimits,
    effects: BrokerEffects,
    heartbeat: Heartbeat<Link>,
  ) {
    this.identity = identity
    this.limits = limits
    this.effects = effects
    this.heartbeat = heartbeat
    this.opensAt = identity.startedAt
  }

  get isOpen(): boolean {
    return this.phase === 'open'
  }

  /** How long an owner owns without a sign of life. */
  get leaseMs(): number {
    return this.limits.silenceMs * LEASE_FACTOR
  }

  /** For so long a topic without responder is not yet without: its responders may be on the way. */
  settlingMs(now: number): number {
    if (!this.isRestart) return 0
    return Math.max(0, this.limits.warmUpMs - (now - this.opensAt))
  }

  /** The queue is looked at from now on, until nothing waits there and its owner answers. */
  starve(now: number, queue: Queue): void {
    if (this.starving.size === 0) this.starvedAt = now
    this.starving.add(queue)
  }

  send(now: number, link: Link, type: number, payload: Uint8Array): void {
    link.outbox.frame(now, type, payload)
    this.heartbeat.touch(now, link)
  }

  /** A handle is told with its instance before it is first used on a link. */
  introduce(now: number, to: Session, about: Session): void {
    if (to.lastKnown === about.handle) return
    to.lastKnown = about.handle
    if (to.known.has(about.handle) || to.link === undefined) return
    to.known.add(about.handle)
    about.knownTo.add(to)
    const { handle, instance, replyTopic } = about
    this.send(now, to.link, Frame.peer, encodePeer({ handle, instance, replyTopic }))
  }

  /** The handle will not be used again: whoever knows it may forget it. */
  withdraw(now: number, gone: Session): void {
    for (const session of gone.knownTo) {
      if (!session.known.delete(gone.handle) || session.link === undefined) continue
      if (session.lastKnown === gone.handle) session.lastKnown = 0
      const news = { handle: gone.handle, instance: '', replyTopic: '' }
      this.send(now, session.link, Frame.peer, encodePeer(news))
    }
    gone.knownTo.clear()
    this.forgetKnown(gone)
  }

  /** The client behind this session knows no handles any more: it has a new link, or is gone. */
  forgetKnown(session: Session): void {
    for (const handle of session.known) this.sessions.get(handle)?.knownTo.delete(session)
    session.known.clear()
    session.lastKnown = 0
  }

  /** Tells a requester that one attempt was not taken (or, with type `lost`, may be lost). */
  refuse(now: number, call: RefusedCall, reason: Reason, about: Partial<RefusalNews> = {}): void {
    const { origin } = call
    const type = call.type ?? Frame.refusal
    if (type === Frame.refusal) this.counters.refused += 1
    if (origin.link === undefined) return
    const news: RefusalNews = { ...NO_NEWS, ...about, reason }
    const out = origin.link.outbox
    const at = out.reserve(now, refusalSize(news))
    putRefusal(
      out.bytes,
      at,
      {
        type,
        flags: call.flags,
        attempt: call.attempt,
        to: origin.handle,
        from: call.from ?? 0,
        delivery: 0,
        counter: call.counter,
      },
      news,
    )
    this.heartbeat.touch(now, origin.link)
  }
}

export interface RefusedCall {
  type?: number
  origin: Session
  from?: number
  flags: number
  attempt: number
  counter: number
}

const NO_NEWS: Omit<RefusalNews, 'reason'> = {
  stage: Stage.broker,
  queueState: 0,
  queue: 0,
  epoch: 0,
  limit: 0,
  current: 0,
  retryAfterMs: 0,
  text: '',
}
