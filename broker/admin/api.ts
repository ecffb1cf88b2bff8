/**
 * What the admin API says, as types: the dashboard, `finbus top` and the tests read these. Instants are
 * wall-clock milliseconds of the broker that was asked; everything else is a duration or a total.
 */
import type { Advisory } from '../../bus/advisory.ts'
import type { AnsweringReport, LinkReport, TopicReport } from '../../bus/report.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { BrokerView } from '../core/view.ts'

/** `GET /v1/snapshot`: the cluster as the broker that was asked knows it. */
export interface ClusterSnapshot {
  at: number
  /** The broker that was asked. */
  asked: string
  brokers: BrokerPart[]
  clients: ClientPart[]
  /** Clients that found no room in the answer: those that do least. */
  clientsOmitted: number
  forces: StandingForce[]
  drill: DrillMark | null
}

/** One broker. What is not known is null, never zero. */
export interface BrokerPart {
  id: string
  idc: string
  /** Its admin API; null where none is known. */
  admin: string | null
  state: 'open' | 'draining' | 'drained' | 'unknown'
  /** How old `view` is; null if there never was one. */
  ageMs: number | null
  /** Why it is unknown. */
  error: string | null
  /** The last there was, also of one that is unknown now. */
  view: BrokerView | null
}

/** One client, by its own reports. */
export interface ClientPart {
  instance: string
  name: string
  idc: string
  label: string
  /** The broker it reports to. */
  broker: string
  /** `up`: linked; `lost`: its link is gone, it may come back; `gone`. */
  state: 'up' | 'lost' | 'gone'
  /** How old its last report is; a client says nothing while nothing changes. */
  ageMs: number
  /** Number of that report. */
  n: number
  inFlight: number
  counters: Record<string, number>
  links: LinkReport[]
  topics: Omit<TopicReport, 'before' | 'latencyBefore' | 'sumMsBefore'>[]
  answering: AnsweringReport[]
}

/** An operator's word that clients go by until it ends. */
export interface StandingForce {
  id: string
  /** `*`: every topic. */
  topic: string
  what: 'circuit' | 'queues'
  to: 'open' | 'closed'
  instance: string | null
  idc: string | null
  reason: string
  by: string
  /** The broker it was said to. */
  broker: string
  at: number
  until: number
}

/** A drill that runs beside it. */
export interface DrillMark {
  drill: string
  phase: string
  at: number
}

/** One line of the timeline: `GET /v1/timeline`, and one event of `GET /v1/advisories`. */
export interface TimelineEntry {
  /** Grows within one broker life; the id of the server-sent event is `life-n`. */
  n: number
  at: number
  broker: string
  source: 'broker' | 'client' | 'operator' | 'drill'
  /** Broker id, name and instance of a client, name of an operator or of a drill. */
  node: string
  level: 'debug' | 'info' | 'warn'
  kind: string
  /** One sentence for people. */
  text: string
  topic: string | null
  idc: string | null
  advisory: Advisory | null
  audit: AuditEntry | null
}

/** `GET /v1/audit`: who did what, and what it changed. */
export interface AuditEntry {
  at: number
  who: string
  action: string
  target: string
  reason: string
  before: unknown
  after: unknown
  outcome: 'done' | 'refused'
  error: string | null
}

/** `GET /v1/trace/{correlationId}`: oldest first. */
export interface Trace {
  correlationId: string
  /** Nobody asked knows of it: it never was, or is forgotten. */
  isKnown: boolean
  events: (Omit<TraceEvent, 'agoMs'> & { at: number; nodeName: string })[]
  /** Nodes that may know of it and did not answer. */
  silent: { node: string; why: string }[]
}

/** What every refusal says. */
export interface AdminError {
  error: { code: string; message: string; details?: Record<string, unknown> }
}

/** What every action answers. */
export interface ActionReport {
  action: string
  target: string
  /** Brokers and clients that did it, and those that did not. */
  brokers: number
  clients: number
  circuits: number
  queues: number
  silent: { node: string; why: string }[]
  before: unknown
  after: unknown
}
