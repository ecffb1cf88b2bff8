/** A cluster as the admin API describes it, small and whole; stories change what they are about. */
import type {
  BrokerPart,
  ClientPart,
  ClusterSnapshot,
  QueueSnapshot,
  StandingForce,
  TimelineEntry,
  TopicSnapshot,
} from '../../broker/index.ts'

export const AT = Date.UTC(2030, 0, 2, 12, 30, 0)

const ENDS = {
  ...{ ok: 0, serviceErrors: 0, handlerFailed: 0, replyLost: 0, refused: 0 },
  ...{ expired: 0, handedBack: 0, lost: 0 },
}

export const queueOf = (rest: Partial<QueueSnapshot> = {}): QueueSnapshot => ({
  ...{ queue: 1, epoch: 3, state: 'writable', owner: 'i-accounts-1', ownerName: 'accounts-1' },
  ...{ ownerIdc: 'sz', ownerLabel: '', waiting: 2, unanswered: 1, depthBytes: 512, window: 60 },
  waitedMs: 4,
  ends: {
    ...{ ok: 100, serviceErrors: 5, handlerFailed: 0, replyLost: 0, refused: 0 },
    ...{ expired: 0, handedBack: 0, lost: 0 },
  },
  latency: [0, 0, 90, 10],
  ...rest,
})

export const topicOf = (rest: Partial<TopicSnapshot> = {}): TopicSnapshot => ({
  ...{ topic: 'account.balance', group: 'accounts', queues: [queueOf()], standbys: 0, watchers: 1 },
  ...{ maxDepth: 100, maxDepthBytes: 1_048_576, held: [] },
  ...{ endedQueues: ENDS, endedLatency: [] },
  ...rest,
})

export const brokerOf = (
  id: string,
  idc: string,
  topics: TopicSnapshot[] = [topicOf()],
  rest: Partial<BrokerPart> = {},
): BrokerPart => ({
  ...{ id, idc, admin: null, state: 'open', ageMs: 10, error: null },
  view: {
    ...{ id, idc, life: 7, upMs: 60_000, state: 'open', sessions: 3, links: 3, deliveries: 1 },
    ...{ waitingBytes: 512, topics, rules: { version: 0, list: [] }, counters: {} },
    ...{ forgotten: { ends: ENDS, latency: [] }, unqueued: { ends: ENDS, latency: [] } },
  },
  ...rest,
})

type Called = ClientPart['topics'][number]

export const calledOf = (rest: Partial<Called> = {}): Called => ({
  ...{
    topic: 'account.balance',
    group: 'accounts',
    open: 1,
    isAway: false,
    queues: 2,
    writable: 2,
  },
  circuit: { state: 'closed' },
  ends: { ok: 100, 'INSUFFICIENT_FUNDS executed': 5 },
  latency: [0, 0, 95, 10],
  ...{ sumMs: 16, sentTo: { sz: 104, sh: 1 }, retries: 0, moves: 0, recoveries: 0 },
  routes: [routeOf()],
  ...rest,
})

export const routeOf = (
  rest: Partial<Called['routes'][number]> = {},
): Called['routes'][number] => ({
  ...{ broker: 'sz-1', queue: 1, instance: 'i-accounts-1', idc: 'sz', state: 'writable' },
  ...{ isolation: 'closed', inFlight: 1, latencyMs: 2, load: 0 },
  ...rest,
})

export const clientOf = (
  name: string,
  idc: string,
  topics: Called[] = [calledOf()],
  rest: Partial<ClientPart> = {},
): ClientPart => ({
  ...{
    instance: `i-${name}`,
    name,
    idc,
    label: '',
    broker: `${idc}-1`,
    state: 'up',
    ageMs: 200,
    n: 5,
  },
  ...{ inFlight: 1, counters: {}, topics },
  links: ['sz-1', 'sh-1'].map((broker) => ({
    ...{ broker, url: 'ws://127.0.0.1:1', idc: broker.slice(0, 2), state: 'up' as const },
    ...{ isHome: broker.startsWith(idc), inFlight: 0, rttMs: 1 },
  })),
  answering: [],
  ...rest,
})

export const forceOf = (rest: Partial<StandingForce> = {}): StandingForce => ({
  ...{ id: 'f1', topic: 'account.balance', what: 'circuit', to: 'open', instance: null, idc: null },
  ...{ reason: 'a bad release', by: 'anna', broker: 'sz-1', at: AT - 5_000, until: AT + 55_000 },
  ...rest,
})

export const clusterOf = (rest: Partial<ClusterSnapshot> = {}): ClusterSnapshot => ({
  ...{ at: AT, asked: 'sz-1', canTry: true, clientsOmitted: 0, forces: [], drill: null },
  brokers: [brokerOf('sz-1', 'sz'), brokerOf('sh-1', 'sh', [])],
  clients: [clientOf('teller-sz', 'sz'), clientOf('teller-sh', 'sh')],
  ...rest,
})

export const entryOf = (n: number, rest: Partial<TimelineEntry> = {}): TimelineEntry => ({
  ...{ n, at: AT + n * 1_000, broker: 'sz-1', source: 'broker', node: 'sz-1', level: 'info' },
  ...{ kind: 'queue_assigned', text: `entry ${n}`, topic: null, idc: null },
  ...{ advisory: null, audit: null },
  ...rest,
})
