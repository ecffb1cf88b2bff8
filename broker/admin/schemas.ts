/** What the admin API says, as schemas: answers of peers are checked by them, and the description is made of them. */
import { z } from '@hono/zod-openapi'
import { TRACE_WHATS } from '../../bus/trace.ts'
import type { BrokerView, SessionView } from '../core/view.ts'
import { readAdvisory } from './advisory-schema.ts'
import type { AuditEntry, ClusterSnapshot, StandingForce, TimelineEntry, Trace } from './api.ts'
import {
  ANSWERING,
  buckets,
  CLIENT_TOPIC,
  count,
  LINK,
  short,
  shortText,
  tally,
  topicName,
} from './report-schema.ts'

const MAX_TOPICS = 1_000_000
const MAX_QUEUES = 1_000_000

const RULE = z.object({
  topic: topicName,
  to: short,
  when: z.object({
    header: z.record(z.string(), z.string()).optional(),
    percent: z.number().optional(),
    label: short.optional(),
  }),
  otherwise: z.enum(['fallback', 'strict']).exactOptional(),
})

const ENDS = z.object({
  ok: count,
  serviceErrors: count,
  handlerFailed: count,
  replyLost: count,
  refused: count,
  expired: count,
  handedBack: count,
  lost: count,
})
const FIGURES = z.object({ ends: ENDS, latency: buckets })

export const QUEUE = z
  .object({
    queue: count,
    epoch: count,
    state: short,
    owner: short,
    ownerName: shortText,
    ownerIdc: short,
    ownerLabel: shortText,
    waiting: count,
    unanswered: count,
    depthBytes: count,
    window: count,
    waitedMs: count,
    ends: ENDS,
    latency: buckets,
  })
  .openapi('Queue')

export const TOPIC = z
  .object({
    topic: topicName,
    group: short,
    queues: z.array(QUEUE).max(MAX_QUEUES),
    standbys: count,
    watchers: count,
    maxDepth: count,
    maxDepthBytes: count,
    endedQueues: ENDS,
    endedLatency: buckets,
    held: z.array(z.object({ instance: short, reason: shortText, leftMs: count })).max(MAX_QUEUES),
  })
  .openapi('Topic')

const BROKER_VIEW = z
  .object({
    id: short,
    idc: short,
    life: count,
    upMs: count,
    state: z.enum(['open', 'draining', 'drained']),
    sessions: count,
    links: count,
    deliveries: count,
    waitingBytes: count,
    topics: z.array(TOPIC).max(MAX_TOPICS),
    rules: z.object({ version: count, list: z.array(RULE) }),
    forgotten: FIGURES,
    unqueued: FIGURES,
    counters: z.record(short, count),
  })
  .openapi('BrokerView') satisfies z.ZodType<BrokerView>

export const FORCE = z
  .object({
    id: z.string().max(600),
    topic: topicName,
    what: z.enum(['circuit', 'queues']),
    to: z.enum(['open', 'closed']),
    instance: short.nullable(),
    idc: short.nullable(),
    reason: shortText,
    by: short,
    broker: short,
    at: count,
    until: count,
  })
  .openapi('StandingForce') satisfies z.ZodType<StandingForce>

const CLIENT = z
  .object({
    instance: short,
    name: short,
    idc: short,
    label: short,
    broker: short,
    state: z.enum(['up', 'lost', 'gone']),
    ageMs: count,
    n: count,
    inFlight: count,
    counters: tally,
    links: z.array(LINK),
    topics: z.array(CLIENT_TOPIC),
    answering: z.array(ANSWERING),
  })
  .openapi('Client')

const BROKER = z
  .object({
    id: z.string().max(256),
    idc: short,
    admin: z.string().max(256).nullable(),
    state: z.enum(['open', 'draining', 'drained', 'unknown']),
    ageMs: count.nullable(),
    error: shortText.nullable(),
    view: BROKER_VIEW.nullable(),
  })
  .openapi('Broker')

export const SNAPSHOT = z
  .object({
    at: count,
    asked: short,
    canTry: z.boolean(),
    brokers: z.array(BROKER),
    clients: z.array(CLIENT),
    clientsOmitted: count,
    forces: z.array(FORCE),
    drill: z.object({ drill: short, phase: shortText, at: count }).nullable(),
  })
  .openapi('ClusterSnapshot') satisfies z.ZodType<ClusterSnapshot>

export const AUDIT_ENTRY = z
  .object({
    at: count,
    who: short,
    action: short,
    target: shortText,
    reason: shortText,
    before: z.unknown().nonoptional(),
    after: z.unknown().nonoptional(),
    outcome: z.enum(['done', 'refused']),
    error: shortText.nullable(),
  })
  .openapi('AuditEntry') satisfies z.ZodType<AuditEntry>

/** An entry as a peer tells it. What is wrong about its advisory or audit is left out. */
export const ENTRY = z
  .object({
    n: count,
    at: count,
    broker: short,
    source: z.enum(['broker', 'client', 'operator', 'drill']),
    node: shortText,
    level: z.enum(['debug', 'info', 'warn']),
    kind: short,
    text: shortText,
    topic: topicName.nullable(),
    idc: short.nullable(),
    advisory: z.unknown().transform((value) => readAdvisory(value) ?? null),
    audit: AUDIT_ENTRY.nullable(),
  })
  .openapi('TimelineEntry') satisfies z.ZodType<TimelineEntry>

export const SESSION = z
  .object({
    instance: short,
    name: z.string(),
    idc: short,
    label: z.string(),
    address: z.string(),
    state: z.enum(['up', 'lost']),
    forMs: count,
    calls: count,
    unsentBytes: count,
    heldReplies: count,
    watches: count,
    answers: count,
  })
  .openapi('Session') satisfies z.ZodType<SessionView>

const SILENT = z.array(z.object({ node: z.string().max(256), why: shortText }))

/** What a client answers to a trace order. */
export const TRACE_EVENT = z.object({
  agoMs: count,
  role: z.enum(['requester', 'broker', 'responder']),
  node: short,
  what: z.enum(TRACE_WHATS),
  attempt: count,
  topic: topicName.exactOptional(),
  queue: count.exactOptional(),
  instance: short.exactOptional(),
  reason: shortText.exactOptional(),
})

export const TRACE = z
  .object({
    correlationId: z.string().max(256),
    isKnown: z.boolean(),
    asOf: count,
    events: z.array(TRACE_EVENT.omit({ agoMs: true }).extend({ at: count, nodeName: shortText })),
    silent: SILENT,
  })
  .openapi('Trace') satisfies z.ZodType<Trace>

export const ACTION_REPORT = z
  .object({
    action: short,
    target: shortText,
    brokers: count,
    clients: count,
    circuits: count,
    queues: count,
    silent: SILENT,
    before: z.unknown(),
    after: z.unknown(),
  })
  .openapi('ActionReport')

export const ADMIN_ERROR = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).exactOptional(),
    }),
  })
  .openapi('AdminError')
