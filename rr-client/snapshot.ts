import { queueStateName } from '../bus/frame.ts'
import type { AnsweringView, BusSnapshot, LinkSnapshot, TopicView } from './api.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Registration } from './core/registration.ts'
import type { TopicRoutes } from './core/routes.ts'

/** All state of a client now, as plain data. */
export const snapshotOf = (
  now: number,
  core: ClientCore,
  { name, idc }: { name: string; idc: string },
  circuits: number,
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
  counters: { ...core.state.counters, circuits },
})

const answeringOf = (registration: Registration): AnsweringView => {
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
  routes: topic.queues.map((queue) => ({
    broker: queue.link.broker,
    queue: queue.handle,
    epoch: queue.epoch,
    instance: queue.instance,
    idc: queue.idc,
    label: queue.label,
    state: queueStateName(queue.state),
    isolation: queue.isolation?.stateAt(now) ?? 'closed',
    inFlight: queue.inFlight,
    latencyMs: queue.latencyMs,
    load: queue.load,
  })),
})

const linkOf = (link: BrokerLink, isOver: boolean): LinkSnapshot => ({
  url: link.url,
  state: isOver ? 'closed' : stateOf(link),
  broker: link.broker,
  idc: link.idc,
  isHome: link.isHome,
  life: link.life,
  inFlight: link.calls,
  unsentBytes: link.outbox.unsentBytes,
})

const stateOf = ({ state }: BrokerLink): LinkSnapshot['state'] => {
  if (state === 'up' || state === 'closed') return state
  return state === 'waiting' ? 'waiting' : 'connecting'
}
