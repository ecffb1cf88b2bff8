/**
 * What the commands read of the admin API's answers. That much is checked; a newer broker may say more,
 * and an older one that says less is told apart from a defect.
 */
import { z } from 'zod'
import type {
  ActionReport,
  AuditEntry,
  ClusterSnapshot,
  SessionView,
  TimelineEntry,
  Trace,
} from '../../broker/index.ts'

const count = z.number()
const text = z.string()
const counts = z.record(text, count)
const orNull = <T extends z.ZodType>(shape: T) => shape.nullable()

const silent = z.array(z.looseObject({ node: text, why: text }))
const forced = z.looseObject({ to: text, reason: text, leftMs: count }).optional()

const queue = z.looseObject({
  ...{ queue: count, state: text, owner: text, ownerName: text, ownerIdc: text },
  ...{ waiting: count, unanswered: count, depthBytes: count, waitedMs: count, ends: counts },
})
const topic = z.looseObject({
  ...{ topic: text, group: text, watchers: count, maxDepth: count, queues: z.array(queue) },
  held: z.array(z.looseObject({ instance: text, reason: text, leftMs: count })),
})
const view = z.looseObject({ sessions: count, deliveries: count, topics: z.array(topic) })
const broker = z.looseObject({
  ...{ id: text, idc: text, state: text, ageMs: orNull(count), error: orNull(text) },
  view: orNull(view),
})

const route = z.looseObject({ broker: text, queue: count, instance: text, isolation: text, forced })
const called = z.looseObject({
  ...{ topic: text, group: text, open: count, isAway: z.boolean(), queues: count, writable: count },
  circuit: z.looseObject({ state: text, forced }),
  ...{ ends: counts, latency: z.array(count), sumMs: count, sentTo: counts },
  routes: z.array(route),
})
const client = z.looseObject({
  ...{ instance: text, name: text, idc: text, broker: text, state: text, ageMs: count },
  ...{ inFlight: count, topics: z.array(called) },
  links: z.array(z.looseObject({ broker: text, state: text, isHome: z.boolean() })),
  answering: z.array(z.looseObject({ topic: text, queues: count, running: count })),
})
const force = z.looseObject({
  ...{ topic: text, what: text, to: text, instance: orNull(text), idc: orNull(text) },
  ...{ reason: text, by: text, until: count },
})
const mark = z.looseObject({ drill: text, phase: text, at: count })

const snapshot = z.looseObject({
  ...{ at: count, asked: text, clientsOmitted: count, drill: orNull(mark) },
  ...{ brokers: z.array(broker), clients: z.array(client), forces: z.array(force) },
})

const entry = z.looseObject({
  ...{ n: count, at: count, broker: text, source: text, node: text, level: text, kind: text },
  ...{ text, topic: orNull(text), idc: orNull(text) },
})
const traced = z.looseObject({
  ...{ at: count, role: text, node: text, nodeName: text, what: text, attempt: count },
  ...{ queue: count.optional(), instance: text.optional(), reason: text.optional() },
})
const session = z.looseObject({
  ...{ instance: text, name: text, idc: text, address: text, state: text, forMs: count },
  ...{ calls: count, unsentBytes: count, watches: count, answers: count },
})
const audited = z.looseObject({
  ...{ at: count, who: text, action: text, target: text, reason: text },
  ...{ outcome: text, error: orNull(text) },
})

/** `T` is what the API says it is; of that the shape checks what is read here. */
const saying = <T>(shape: z.ZodType): z.ZodType<T> => shape as z.ZodType<T>

export const SNAPSHOT = saying<ClusterSnapshot>(snapshot)
export const ENTRY = saying<TimelineEntry>(entry)
export const TIMELINE = saying<{ entries: TimelineEntry[] }>(
  z.looseObject({ entries: z.array(entry) }),
)
export const TRACE = saying<Trace>(
  z.looseObject({ correlationId: text, isKnown: z.boolean(), events: z.array(traced), silent }),
)
export const AUDIT = saying<{ entries: AuditEntry[] }>(z.looseObject({ entries: z.array(audited) }))
/** `next` is the `after` of the next page. */
export const SESSIONS = saying<{ sessions: SessionView[]; next: string | null }>(
  z.looseObject({ sessions: z.array(session), next: orNull(text) }),
)
export const ACTION_REPORT = saying<ActionReport>(
  z.looseObject({
    ...{ action: text, target: text, brokers: count, clients: count, circuits: count },
    ...{ queues: count, silent },
  }),
)
