/** What a report says of a link, a topic and a registration, as plain data. */
import { QueueState } from '../bus/frame.ts'
import { shortCounts } from '../bus/latency.ts'
import {
  type AnsweringReport,
  type CircuitReport,
  type LinkReport,
  MAX_REPORT_ROUTES,
  type RouteReport,
  type TopicReport,
} from '../bus/report.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { Registration } from './core/registration.ts'
import type { RouteQueue } from './core/route-queue.ts'
import type { TopicRoutes } from './core/routes.ts'
import { answeringOf, linkStateOf, routeOf, rttOf } from './snapshot.ts'

/** Totals of a topic, now or as the report before said them. */
export interface Totals {
  readonly ends: Record<string, number>
  readonly latency: number[]
  readonly sumMs: number
}

export const linkReport = (link: BrokerLink): LinkReport => ({
  broker: link.broker,
  url: link.url,
  idc: link.idc,
  state: linkStateOf(link),
  isHome: link.isHome,
  inFlight: link.calls,
  ...rttOf(link),
})

export const answeringReport = (registration: Registration): AnsweringReport => ({
  ...answeringOf(registration),
  concurrency: registration.concurrency,
})

export const totalsOf = ({ tally }: TopicRoutes): Totals => ({
  ends: tally.ends,
  latency: shortCounts(tally.latency?.counts ?? []),
  sumMs: rounded(tally.latency?.sumMs ?? 0),
})

export const topicReport = (
  now: number,
  topic: TopicRoutes,
  circuit: CircuitReport,
  totals: Totals,
  before: Totals,
): TopicReport => ({
  topic: topic.name,
  group: topic.group,
  open: topic.calls,
  isAway: topic.homing?.isAway === true,
  queues: topic.queues.length,
  writable: topic.writable,
  circuit,
  ends: totals.ends,
  before: before.ends,
  latency: totals.latency,
  latencyBefore: before.latency,
  sumMs: totals.sumMs,
  sumMsBefore: before.sumMs,
  sentTo: topic.tally.sentTo,
  retries: topic.tally.retries,
  moves: topic.tally.moves,
  recoveries: topic.tally.recoveries,
  routes: busiest(now, topic.queues).map((queue) => routeReport(now, queue)),
})

const routeReport = (now: number, queue: RouteQueue): RouteReport => ({
  ...routeOf(now, queue),
  latencyMs: rounded(queue.latencyMs),
  load: rounded(queue.load),
})

/** Those in trouble first, then those with calls, as many as a report has room for. */
const busiest = (now: number, queues: readonly RouteQueue[]): readonly RouteQueue[] => {
  if (queues.length <= MAX_REPORT_ROUTES) return queues
  const isSick = ({ state, isolation }: RouteQueue): boolean =>
    state !== QueueState.writable || (isolation?.stateAt(now) ?? 'closed') !== 'closed'
  const ranks = new Map(queues.map((queue) => [queue, isSick(queue) ? 1 : 0]))
  return [...queues]
    .sort((a, b) => ranks.get(b)! - ranks.get(a)! || b.inFlight - a.inFlight)
    .slice(0, MAX_REPORT_ROUTES)
}

const ISOLATIONS = ['closed', 'open', 'half-open', 'ramping']

/** A number that is another one when a report of the topic would say something else. */
export const fingerprint = (now: number, topic: TopicRoutes, circuit: number): number => {
  let print = circuit
  const add = (value: number): void => {
    print = (Math.imul(print, 31) + (value | 0)) | 0
  }
  add(topic.tally.total)
  add(topic.calls)
  add(topic.homing?.isAway === true ? 1 : 0)
  add(topic.group.length)
  add(topic.queues.length)
  for (const { handle, owner, state, inFlight, isolation } of topic.queues) {
    add(handle)
    add(owner)
    add(state)
    add(inFlight)
    if (isolation === undefined) continue
    add(ISOLATIONS.indexOf(isolation.stateAt(now)))
    add(isolation.forcedAt(now)?.until ?? -1)
  }
  return print
}

/** To a thousandth. */
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000
