/** What clients report, read with distrust: bounded, and nothing but what it should be. */
import { z } from '@hono/zod-openapi'
import { LATENCY_BUCKETS } from '../../bus/latency.ts'
import { MAX_NAME, MAX_TOPIC } from '../../bus/names.ts'
import {
  type AnsweringReport,
  type LinkReport,
  MAX_REPORT_NEWS,
  MAX_REPORT_ROUTES,
  type Report,
  type TopicReport,
} from '../../bus/report.ts'
import { plainText } from './text.ts'

/** Topics of one client, also all that it ever told together. */
export const MAX_CLIENT_TOPICS = 2_000
const MAX_LINKS = 1_000
/** Counters of one client, too. */
export const MAX_CLIENT_COUNTERS = 200

/** Ids and names are longer nowhere. */
export const short = z.string().max(2 * MAX_NAME)
export const topicName = z.string().max(MAX_TOPIC)
export const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER)
export const shortText = z.string().transform((value) => plainText(value))
export const tally = z
  .record(z.string().max(2 * MAX_NAME), count)
  .refine(
    (counts) => Object.keys(counts).length <= MAX_CLIENT_COUNTERS,
    `must have at most ${MAX_CLIENT_COUNTERS} keys`,
  )
export const buckets = z.array(count).max(LATENCY_BUCKETS)

const FORCED = z.object({ to: z.enum(['open', 'closed']), reason: shortText, leftMs: count })

export const LINK = z
  .object({
    broker: short,
    url: z.string().max(256),
    idc: short,
    state: z.enum(['connecting', 'up', 'waiting', 'closed']),
    isHome: z.boolean(),
    inFlight: count,
    rttMs: count.exactOptional(),
  })
  .openapi('Link') satisfies z.ZodType<LinkReport>

export const CIRCUIT = z
  .object({ state: z.enum(['closed', 'open', 'half-open']), forced: FORCED.exactOptional() })
  .openapi('Circuit')

const ROUTE = z
  .object({
    broker: short,
    queue: count,
    instance: short,
    idc: short,
    state: short,
    isolation: z.enum(['closed', 'open', 'half-open', 'ramping']),
    forced: FORCED.exactOptional(),
    inFlight: count,
    latencyMs: count,
    load: count,
  })
  .openapi('Route')

/** What of a topic is kept. */
export const CLIENT_TOPIC = z
  .object({
    topic: topicName,
    group: short,
    open: count,
    isAway: z.boolean(),
    queues: count,
    writable: count,
    circuit: CIRCUIT,
    ends: tally,
    latency: buckets,
    sumMs: count,
    sentTo: tally,
    retries: count,
    moves: count,
    recoveries: count,
    routes: z.array(ROUTE).max(MAX_REPORT_ROUTES),
  })
  .openapi('ClientTopic')

const TOPIC = CLIENT_TOPIC.extend({
  before: tally,
  latencyBefore: buckets,
  sumMsBefore: count,
}) satisfies z.ZodType<TopicReport>

export const ANSWERING = z
  .object({
    topic: topicName,
    group: short,
    role: z.enum(['all', 'active', 'standby']),
    queues: count,
    running: count,
    waiting: count,
    concurrency: count,
  })
  .openapi('Answering') satisfies z.ZodType<AnsweringReport>

const REPORT = z.object({
  n: z.int().min(1),
  isFull: z.boolean(),
  state: z.enum(['open', 'draining', 'closed']),
  inFlight: count,
  counters: tally.exactOptional(),
  links: z.array(LINK).max(MAX_LINKS).exactOptional(),
  topics: z.array(TOPIC).max(MAX_CLIENT_TOPICS).exactOptional(),
  left: z.array(topicName).max(MAX_CLIENT_TOPICS).exactOptional(),
  answering: z.array(ANSWERING).max(MAX_CLIENT_TOPICS).exactOptional(),
  news: z
    .array(z.object({ agoMs: count, advisory: z.unknown() }))
    .max(MAX_REPORT_NEWS)
    .exactOptional(),
  newsDropped: count.exactOptional(),
})

/** A report whose news was not looked at yet: each piece of it is judged alone. */
export type ReadReport = Omit<Report, 'news'> & { news?: { agoMs: number; advisory: unknown }[] }

/** Of lists and objects in each other: news of the deepest kind has half as many. */
const MAX_DEPTH = 16
const [QUOTE, ESCAPE] = [0x22, 0x5c]
const OPENERS: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSERS: ReadonlySet<number> = new Set([0x5d, 0x7d])

/** Looked for before it is parsed, which takes long for what is nested ten thousand times. */
const isTooDeep = (json: Buffer): boolean => {
  let depth = 0
  let isText = false
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!
    if (isText) {
      if (byte === ESCAPE) at += 1
      else if (byte === QUOTE) isText = false
    } else if (byte === QUOTE) isText = true
    else if (OPENERS.has(byte)) depth += 1
    else if (CLOSERS.has(byte)) depth -= 1
    if (depth > MAX_DEPTH) return true
  }
  return false
}

/** The report in a frame, or why it is none. */
export const readReport = (json: Buffer): ReadReport | string => {
  if (isTooDeep(json)) return 'it is nested too deeply'
  let value: unknown
  try {
    value = JSON.parse(json.toString('utf8'))
  } catch {
    return 'it is not JSON'
  }
  const parsed = REPORT.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  return plainText(`${issue.path.join('.') || 'it'}: ${issue.message}`, 200)
}
