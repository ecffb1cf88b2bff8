/**
 * What the admin API says, as types: the dashboard, `finbus top` and the tests read these. Instants are
 * wall-clock milliseconds of the broker that was asked; everything else is a duration or a total.
 */
import type { Advisory } from '../../bus/advisory.ts'
import type { AnsweringReport, LinkReport, TopicReport } from '../../bus/report.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { BrokerView, QueueView, SessionView, TopicView } from '../core/view.ts'

/** `GET /v1/snapshot`: the cluster as the broker that was asked knows it. */
export interface ClusterSnapshot {
  at: number
  /** The broker that was asked. */
  asked: string
  /** Whether it has a client for `POST /v1/request`. */
  canTry: boolean
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
  /** When this was said, by the clock of the broker that was asked. */
  asOf: number
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

/** `GET /v1/topics`: one topic, at all brokers that have it. */
export interface TopicPart {
  topic: string
  group: string
  /** Clients that call it, of those that are shown. */
  requesters: number
  brokers: { broker: string; idc: string; view: TopicView }[]
}

/** `GET /v1/queues`. */
export interface QueuePart extends QueueView {
  topic: string
  broker: string
  brokerIdc: string
}

/** `GET /v1/circuits`: the circuit of one topic at one client. */
export interface CircuitPart {
  topic: string
  instance: string
  name: string
  idc: string
  circuit: ClientPart['topics'][number]['circuit']
  open: number
  isAway: boolean
  queues: number
  writable: number
}

/** `GET /v1/idcs`: one data centre. */
export interface IdcPart {
  idc: string
  brokers: number
  /** Of them, those that are not known to be up. */
  brokersUnknown: number
  clients: number
  /** Attempts of its clients by the data centre they went to, since each of them connected. */
  sentTo: Record<string, number>
  /** Operators' words that set its queues apart. */
  isolated: StandingForce[]
}

/** `GET /v1/sessions`: sessions of the broker that was asked; `next` is the `after` of the next page. */
export interface SessionPage {
  sessions: SessionView[]
  next: string | null
}

/** `POST /v1/request`. Bytes come back as `{ base64 }`. */
export type TryItAnswer = {
  correlationId: string | null
  tookMs: number
} & ({ ok: unknown } | { error: TryItError })

export interface TryItError {
  code: string
  outcome: string
  message: string
  retryable?: boolean
  details?: Record<string, unknown>
}
