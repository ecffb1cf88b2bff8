/** What clients report and brokers see, as small as it can be, and what metrics make of it. */
import { Metrics } from '../../broker/admin/metrics.ts'
import { noFigures } from '../../broker/core/figures.ts'
import type { BrokerView, QueueView, TopicView } from '../../broker/core/view.ts'
import type { ClientIdentity } from '../../broker/steering.ts'
import { LatencyCounts } from '../../bus/latency.ts'
import type { Report, TopicReport } from '../../bus/report.ts'

export const newMetrics = (): Metrics => new Metrics({ broker: 'b1', idc: 'sz', version: '1.2.3' })

export const client = (name: string, over: Partial<ClientIdentity> = {}): ClientIdentity => ({
  instance: `instance-of-${name}`,
  name,
  idc: 'sz',
  label: '',
  ...over,
})

export const topicReport = (over: Partial<TopicReport> = {}): TopicReport => ({
  topic: 'account.balance',
  group: 'accounts',
  open: 0,
  isAway: false,
  queues: 1,
  writable: 1,
  circuit: { state: 'closed' },
  ends: {},
  before: {},
  latency: [],
  latencyBefore: [],
  sumMs: 0,
  sumMsBefore: 0,
  sentTo: {},
  retries: 0,
  moves: 0,
  recoveries: 0,
  routes: [],
  ...over,
})

export const report = (n: number, over: Partial<Report> = {}): Report => ({
  n,
  isFull: n === 1,
  state: 'open',
  inFlight: 0,
  ...over,
})

export const queueView = (queue: number, over: Partial<QueueView> = {}): QueueView => ({
  queue,
  epoch: 1,
  state: 'writable',
  owner: `owner-${queue}`,
  ownerName: `accounts-${queue}`,
  ownerIdc: 'sz',
  ownerLabel: '',
  waiting: 0,
  unanswered: 0,
  depthBytes: 0,
  window: 64,
  waitedMs: 0,
  ends: noFigures().ends,
  latency: [],
  ...over,
})

export const topicView = (topic: string, queues: QueueView[]): TopicView => ({
  topic,
  group: 'accounts',
  queues,
  standbys: 0,
  watchers: 0,
  maxDepth: 10_000,
  maxDepthBytes: 33_554_432,
  held: [],
  endedQueues: noFigures().ends,
  endedLatency: [],
})

export const brokerView = (over: Partial<BrokerView> = {}): BrokerView => ({
  id: 'b1',
  idc: 'sz',
  life: 1,
  upMs: 90_500,
  state: 'open',
  sessions: 3,
  links: 2,
  deliveries: 1,
  waitingBytes: 0,
  topics: [],
  rules: { version: 0, list: [] },
  counters: {},
  forgotten: { ends: noFigures().ends, latency: [] },
  unqueued: { ends: noFigures().ends, latency: [] },
  ...over,
})

/** What the admin side tells of itself. */
export const ADMIN = { counters: { requestsRefused: 2, peersFailed: 0 }, clients: 3, listeners: 1 }

/** The value of each series by its name and labels, as they stand in the text. */
export const series = async (
  metrics: Metrics,
  view = brokerView(),
): Promise<Map<string, number>> => {
  const lines = (await metrics.text(view, ADMIN)).split('\n')
  return new Map(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      }),
  )
}

export const named = (all: Map<string, number>, name: string): string[] =>
  [...all.keys()].filter((key) => key.startsWith(`${name}{`))

/** Everything told once, so that every metric has a series. */
export const busyMetrics = (): [Metrics, BrokerView] => {
  const metrics = newMetrics()
  metrics.onAdvisory({ kind: 'queue_assigned', topic: 'a.b', queue: 1, owner: 'o', epoch: 1 })
  metrics.onMalformed()
  const counts = new LatencyCounts()
  counts.note(3)
  metrics.onReport(
    client('teller'),
    report(1, {
      counters: { lateReplies: 1, overruns: 1, expired: 1, protocolErrors: 1, duplicates: 1 },
      links: [
        {
          broker: 'b1',
          url: 'ws://x',
          idc: 'sz',
          state: 'up',
          isHome: true,
          inFlight: 0,
          rttMs: 1,
        },
      ],
      topics: [
        topicReport({
          open: 2,
          ends: { ok: 1, 'overloaded not_executed': 1 },
          latency: [...counts.counts],
          sumMs: 3,
          retries: 1,
          sentTo: { sz: 1, sh: 1 },
        }),
      ],
      answering: [
        {
          topic: 'a.b',
          group: 'g',
          role: 'all',
          queues: 1,
          running: 1,
          waiting: 0,
          concurrency: 64,
        },
      ],
      news: [
        { agoMs: 5, advisory: { kind: 'circuit', topic: 'account.balance', state: 'open' } },
        {
          agoMs: 5,
          advisory: {
            kind: 'queue_isolated',
            topic: 'account.balance',
            queue: 1,
            broker: 'b1',
            instance: 'i',
            forMs: 2_000,
          },
        },
      ],
      newsDropped: 1,
    }),
  )
  metrics.onReport(client('teller'), report(1))
  const ends = { ...queueView(1).ends, ok: 4 }
  const view = brokerView({
    topics: [topicView('account.balance', [queueView(1, { ends, waiting: 3, unanswered: 2 })])],
    counters: { requests: 7, expired: 2, protocolErrors: 1 },
  })
  return [metrics, view]
}
