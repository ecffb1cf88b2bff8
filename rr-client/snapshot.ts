import { queueStateName } from '../bus/frame.ts'
import { latencyQuantile } from '../bus/latency.ts'
import type { ForcedReport, RouteReport } from '../bus/report.ts'
import type { AnsweringView, BusSnapshot, CircuitView, LinkSnapshot, TopicView } from './api.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Registration } from './core/registration.ts'
import type { RouteQueue } from './core/route-queue.ts'
import type { TopicRoutes } from './core/routes.ts'

/** All state of a client now, as plain data. */
export const snapshotOf = (
  now: number,
  core: ClientCore,
  { name, idc }: { name: string; idc: string },
  circuits: CircuitView[],
): Omit<BusSnapshot, 'registries'> => ({
  instance: core.state.facts.instance,
  name,
  idc,
  state: core.state.phase,
  links: core.state.links.map((link) => linkOf(link, core.state.phase === 'closed')),
  topics: [...core.requester.topics.all].map((topic) => topicOf(now, topic)),
  answering: [...core.registrations.all].map((registration) => answeringOf(registration)),
  inFlight: core.requester.inFlight,
  marks: core.marks.size,
  keptReplyBytes: core.marks.keptBytes,
  circuits,
  counters: { ...core.state.counters, circuits: circuits.length },
})

export const answeringOf = (registration: Registration): AnsweringView => {
  const { topic, group, queues, running, waiting, candidacy } = registration
  const role = candidacy === undefined ? 'all' : candidacy.isActive ? 'active' : 'standby'
  return { topic, group, role, queues: queues.size, running, waiting }
}

const topicOf = (now: number, topic: TopicRoutes): TopicView => ({
  topic: topic.name,
  group: topic.group,
  queues: topic.queues.length,
  writable: topic.writable,
  isAway: topic.homing?.isAway === true,
  ends: topic.tally.ends,
  sentTo: topic.tally.sentTo,
  ...quantilesOf(topic),
  routes: topic.queues.map((queue) => ({
    ...routeOf(now, queue),
    epoch: queue.epoch,
    label: queue.label,
  })),
})

const quantilesOf = ({ tally }: TopicRoutes): { p50Ms?: number; p99Ms?: number } => {
  const { counts = [] } = tally.latency ?? {}
  const p50Ms = latencyQuantile(counts, 0.5)
  const p99Ms = latencyQuantile(counts, 0.99)
  return p50Ms === undefined || p99Ms === undefined ? {} : { p50Ms, p99Ms }
}

/** What is told of a queue, here and in reports. */
export const routeOf = (now: number, queue: RouteQueue): RouteReport => ({
  broker: queue.link.broker,
  queue: queue.handle,
  instance: queue.instance,
  idc: queue.idc,
  state: queueStateName(queue.state),
  isolation: queue.isolation?.stateAt(now) ?? 'closed',
  ...forcedOf(now, queue),
  inFlight: queue.inFlight,
  latencyMs: queue.latencyMs,
  load: queue.load,
})

const forcedOf = (now: number, { isolation }: RouteQueue): { forced?: ForcedReport } => {
  const forcing = isolation?.forcedAt(now)
  if (forcing === undefined) return {}
  const { to, reason, until } = forcing
  return { forced: { to, reason, leftMs: until - now } }
}

const linkOf = (link: BrokerLink, isOver: boolean): LinkSnapshot => ({
  url: link.url,
  state: isOver ? 'closed' : linkStateOf(link),
  broker: link.broker,
  idc: link.idc,
  isHome: link.isHome,
  life: link.life,
  inFlight: link.calls,
  unsentBytes: link.outbox.unsentBytes,
  ...rttOf(link),
})

export const rttOf = ({ rttMs }: BrokerLink): { rttMs?: number } => (rttMs < 0 ? {} : { rttMs })

/** How a link is, in the words of users. */
export const linkStateOf = ({ state }: BrokerLink): LinkSnapshot['state'] => {
  if (state === 'up' || state === 'closed') return state
  return state === 'waiting' ? 'waiting' : 'connecting'
}
