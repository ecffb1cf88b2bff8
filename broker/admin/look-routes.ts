/** Everything that can be looked at. */
import { z } from '@hono/zod-openapi'
import { messageOf } from '../../bus/codec.ts'
import type { Steering } from '../steering.ts'
import type { SessionPage, TimelineEntry } from './api.ts'
import type { Audit } from './audit.ts'
import type { Credentials } from './auth.ts'
import { type Cluster, PEER_MS } from './cluster.ts'
import { circuitsOf, idcsOf, queuesOf, topicsOf } from './cluster-lists.ts'
import { type PeerHttp, refusalOf } from './peer-http.ts'
import type { Peers } from './peers.ts'
import { AdminRefusal } from './refusal.ts'
import { CIRCUIT, count, short, shortText, tally, topicName } from './report-schema.ts'
import type { Asked, Routes } from './routes.ts'
import { AUDIT_ENTRY, ENTRY, FORCE, QUEUE, SESSION, SNAPSHOT, TOPIC, TRACE } from './schemas.ts'
import { SilentNodes } from './silent.ts'
import { inOrder, type Timeline } from './timeline.ts'
import type { Traces } from './traces.ts'
import { topic } from './words.ts'

const MOST_ENTRIES = 100_000
const MOST_SESSIONS = 1_000

export const SCOPE = z.enum(['broker', 'cluster']).default('cluster')
const SCOPED = z.strictObject({ scope: SCOPE })
const BY_TOPIC = z.strictObject({ topic: topic.optional() })
/** Numbers come as text. */
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most)

const TOPIC_PART = z.object({
  topic: topicName,
  group: short,
  requesters: count,
  brokers: z.array(z.object({ broker: short, idc: short, view: TOPIC })),
})
const QUEUE_PART = QUEUE.extend({ topic: topicName, broker: short, brokerIdc: short })
const CIRCUIT_PART = z.object({
  topic: topicName,
  instance: short,
  name: short,
  idc: short,
  circuit: CIRCUIT,
  open: count,
  isAway: z.boolean(),
  queues: count,
  writable: count,
})
const IDC_PART = z.object({
  idc: short,
  brokers: count,
  brokersUnknown: count,
  clients: count,
  sentTo: tally,
  isolated: z.array(FORCE),
})
const SILENT = z.array(z.object({ node: z.string(), why: shortText }))
const ENTRIES = z.object({ entries: z.array(z.unknown()).max(MOST_ENTRIES) })

export interface Sights {
  readonly steering: Steering
  readonly cluster: Cluster
  readonly timeline: Timeline
  readonly traces: Traces
  readonly audit: Audit
  readonly peers: Peers
  readonly http: PeerHttp
}

export const addLooks = (routes: Routes, sights: Sights): void => {
  const { steering, cluster, timeline, traces, audit } = sights
  const snapshotFor = ({
    caller,
    isPassedOn,
  }: Pick<Asked<never, never>, 'caller' | 'isPassedOn'>) =>
    isPassedOn ? cluster.own() : cluster.snapshot(caller.credentials)

  routes.look(
    {
      path: '/v1/snapshot',
      summary: 'The cluster now, or the broker that is asked alone.',
      query: SCOPED,
      answer: SNAPSHOT,
      isShared: true,
    },
    ({ query, ...asked }) => (query.scope === 'broker' ? cluster.own() : snapshotFor(asked)),
  )

  routes.look(
    {
      path: '/v1/topics',
      summary: 'All topics.',
      answer: z.object({ topics: z.array(TOPIC_PART) }),
    },
    async (asked) => ({ topics: topicsOf(await snapshotFor(asked)) }),
  )

  routes.look(
    {
      path: '/v1/topics/{topic}',
      summary: 'One topic.',
      params: z.object({ topic }),
      answer: z.object({ topics: z.array(TOPIC_PART) }),
    },
    async ({ params, ...asked }) => {
      const topics = topicsOf(await snapshotFor(asked)).filter(
        ({ topic }) => topic === params.topic,
      )
      if (topics.length > 0) return { topics }
      throw new AdminRefusal(
        'not_found',
        `no broker and no client that is shown knows ${params.topic}`,
      )
    },
  )

  routes.look(
    {
      path: '/v1/queues',
      summary: 'Queues of all topics, or of one.',
      query: BY_TOPIC,
      answer: z.object({ queues: z.array(QUEUE_PART) }),
    },
    async ({ query, ...asked }) => ({ queues: queuesOf(await snapshotFor(asked), query.topic) }),
  )

  routes.look(
    {
      path: '/v1/circuits',
      summary: 'Circuits of all clients, or those of one topic.',
      query: BY_TOPIC,
      answer: z.object({ circuits: z.array(CIRCUIT_PART) }),
    },
    async ({ query, ...asked }) => ({
      circuits: circuitsOf(await snapshotFor(asked), query.topic),
    }),
  )

  routes.look(
    {
      path: '/v1/idcs',
      summary: 'Data centres: who is there, and where its clients send.',
      answer: z.object({ idcs: z.array(IDC_PART) }),
    },
    async (asked) => ({ idcs: idcsOf(await snapshotFor(asked)) }),
  )

  routes.look(
    {
      path: '/v1/sessions',
      summary: 'Sessions of the broker that is asked, in the order of their instances.',
      query: z.strictObject({
        after: z.string().max(128).default(''),
        limit: whole(1, MOST_SESSIONS).default(500),
      }),
      answer: z.object({ sessions: z.array(SESSION), next: z.string().nullable() }),
    },
    ({ query: { after, limit } }): SessionPage => {
      const sessions = steering.sessions(after, limit)
      const next = sessions.length < limit ? null : (sessions.at(-1)?.instance ?? null)
      return { sessions, next }
    },
  )

  routes.look(
    {
      path: '/v1/timeline',
      summary:
        'What happened, oldest first; the newest limit entries since an instant, all or of one source.',
      query: z.strictObject({
        scope: SCOPE,
        since: whole(0, Number.MAX_SAFE_INTEGER).default(0),
        limit: whole(1, MOST_ENTRIES).default(500),
        source: ENTRY.shape.source.optional(),
      }),
      answer: z.object({ entries: z.array(ENTRY), silent: SILENT }),
    },
    async ({ query: { scope, since, limit, source }, caller, isPassedOn }) => {
      const silent = new SilentNodes()
      const entries = timeline.entries(since, limit, source)
      if (scope === 'broker' || isPassedOn) return { entries, silent: [] }
      const others = await entriesOfPeers(
        sights,
        { since, limit, source },
        caller.credentials,
        silent,
      )
      return { entries: inOrder([...entries, ...others]).slice(-limit), silent: silent.list() }
    },
  )

  routes.look(
    {
      path: '/v1/trace/{correlationId}',
      summary: 'What all who had a hand in a call remember of it, or the broker that is asked.',
      params: z.object({ correlationId: z.string().min(1).max(200) }),
      query: SCOPED,
      answer: TRACE,
    },
    ({ params: { correlationId }, query, caller, isPassedOn }) =>
      query.scope === 'broker' || isPassedOn
        ? traces.own(correlationId)
        : traces.gather(correlationId, caller.credentials),
  )

  routes.look(
    {
      path: '/v1/audit',
      summary: 'Who did what at the broker that is asked, oldest first.',
      answer: z.object({ entries: z.array(AUDIT_ENTRY) }),
    },
    () => ({ entries: audit.entries() }),
  )
}

/** Instants stay those of the clock of the broker where it happened. */
const entriesOfPeers = async (
  { peers, http }: Sights,
  { since, limit, source }: { since: number; limit: number; source: string | undefined },
  credentials: Credentials,
  silent: SilentNodes,
): Promise<TimelineEntry[]> => {
  const of = source === undefined ? '' : `&source=${source}`
  const path = `/v1/timeline?scope=broker&since=${since}&limit=${limit}${of}`
  const told = await Promise.all(
    peers.list().map(async ({ url, id }) => {
      try {
        const question = { method: 'GET', path, withinMs: PEER_MS, credentials }
        const answer = await http.ask(url, question)
        const why = refusalOf(answer)
        if (why !== undefined) throw new Error(why)
        const { data } = ENTRIES.safeParse(answer.body)
        if (data === undefined) throw new Error('its answer makes no sense')
        return data.entries.flatMap((entry) => ENTRY.safeParse(entry).data ?? [])
      } catch (error) {
        silent.add(id ?? url, messageOf(error))
        return []
      }
    }),
  )
  return told.flat()
}
