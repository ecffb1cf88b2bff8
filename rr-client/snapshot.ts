import type { BusSnapshot, LinkSnapshot } from './api.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { ClientCore } from './core/client-core.ts'

/** All state of a client now, as plain data. */
export const snapshotOf = (
  core: ClientCore,
  { name, idc }: { name: string; idc: string },
  circuits: number,
): BusSnapshot => ({
  instance: core.state.facts.instance,
  name,
  idc,
  state: core.state.phase,
  links: core.state.links.map((link) => linkOf(link, core.state.phase === 'closed')),
  topics: [...core.requester.topics.all].map((topic) => ({
    topic: topic.name,
    group: topic.group,
    queues: topic.queues.length,
    writable: topic.writable,
  })),
  answering: [...core.registrations.all].map(({ topic, group, queues, running, waiting }) => ({
    topic,
    group,
    queues: queues.size,
    running,
    waiting,
  })),
  inFlight: core.requester.inFlight,
  marks: core.marks.size,
  keptReplyBytes: core.marks.keptBytes,
  counters: { ...core.state.counters, circuits },
})

const linkOf = (link: BrokerLink, isOver: boolean): LinkSnapshot => ({
  url: link.url,
  state: isOver ? 'closed' : stateOf(link),
  broker: link.broker,
  idc: link.idc,
  life: link.life,
  inFlight: link.calls,
  unsentBytes: link.outbox.unsentBytes,
})

const stateOf = ({ state }: BrokerLink): LinkSnapshot['state'] => {
  if (state === 'up' || state === 'closed') return state
  return state === 'waiting' ? 'waiting' : 'connecting'
}
