/**
 * What a client tells a broker about itself, as JSON in a `report` frame: totals since `connect`, so
 * that a lost report costs nothing, and of those only what changed.
 */
import type { Advisory } from './advisory.ts'

export interface Report {
  /** Number of this report in the instance's life, from 1, over all brokers: the higher is newer. */
  n: number
  /** Everything there is to say; otherwise only what changed since the report before. */
  isFull: boolean
  state: 'open' | 'draining' | 'closed'
  /** Calls open now. */
  inFlight: number
  /** The client's counters that changed. */
  counters?: Record<string, number>
  /** All links, if any of them changed. */
  links?: LinkReport[]
  /** Topics it calls that changed. */
  topics?: TopicReport[]
  /** Topics it calls no longer. */
  left?: string[]
  /** All topics it answers, if any of them changed. */
  answering?: AnsweringReport[]
  /** What happened since the report before; durations only, for clocks differ. */
  news?: NewsReport[]
  /** Advisories that found no room since `connect`. */
  newsDropped?: number
}

export interface LinkReport {
  broker: string
  url: string
  idc: string
  state: 'connecting' | 'up' | 'waiting' | 'closed'
  isHome: boolean
  inFlight: number
  /** Round trip of the last ping, in whole milliseconds; absent before the first. */
  rttMs?: number
}

/** One topic as its requester sees it: the tile of a circuit. */
export interface TopicReport {
  topic: string
  group: string
  /** Calls open now. */
  open: number
  /** Its calls have left this client's data centre. */
  isAway: boolean
  queues: number
  writable: number
  circuit: CircuitReport
  /**
   * Settled calls since `connect`: `ok`, or `code outcome`, such as `deadline_exceeded unknown`. A service's
   * own codes are in capitals; beyond 64 ends they are `service_error executed` together.
   */
  ends: Record<string, number>
  /** The same as the report before told them to whatever broker: what this one may count is the rest. */
  before: Record<string, number>
  /** Durations of settled calls by bucket of `LATENCY_BOUNDS_MS`; trailing zeros are left out. */
  latency: number[]
  /** The same as the report before told them. */
  latencyBefore: number[]
  sumMs: number
  sumMsBefore: number
  /** Attempts sent, by the data centre of the responder, since `connect`. */
  sentTo: Record<string, number>
  /** Retries, moves and recoveries of this topic's calls since `connect`. */
  retries: number
  moves: number
  recoveries: number
  /** Its queues, those with calls or trouble first, at most `MAX_REPORT_ROUTES`. */
  routes: RouteReport[]
}

export interface CircuitReport {
  state: 'closed' | 'open' | 'half-open'
  forced?: ForcedReport
}

/** What an operator decided, and for how long. */
export interface ForcedReport {
  to: 'open' | 'closed'
  reason: string
  leftMs: number
}

/** One queue as its requester sees it. */
export interface RouteReport {
  broker: string
  queue: number
  instance: string
  idc: string
  state: string
  /** `closed`: it gets its calls; `open`: it is left alone. */
  isolation: 'closed' | 'open' | 'half-open' | 'ramping'
  forced?: ForcedReport
  inFlight: number
  latencyMs: number
  /** Requests waiting there for each handler that may run. */
  load: number
}

export interface AnsweringReport {
  topic: string
  group: string
  role: 'all' | 'active' | 'standby'
  queues: number
  running: number
  waiting: number
  concurrency: number
}

export interface NewsReport {
  agoMs: number
  advisory: Advisory
}

/** Of a topic with more queues the busiest and the sick ones are told. */
export const MAX_REPORT_ROUTES = 64
/** Advisories kept between two reports. */
export const MAX_REPORT_NEWS = 200
