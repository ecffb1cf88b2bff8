/** Lists for people and scripts, made of a snapshot of the cluster. */
import type { CircuitPart, ClusterSnapshot, IdcPart, QueuePart, TopicPart } from './api.ts'

export const topicsOf = ({ brokers, clients }: ClusterSnapshot): TopicPart[] => {
  const topics = new Map<string, TopicPart>()
  for (const { id, idc, view } of brokers) {
    for (const topic of view?.topics ?? []) {
      const { topic: name, group } = topic
      const part = topics.get(name) ?? { topic: name, group, requesters: 0, brokers: [] }
      if (part.group === '') part.group = group
      part.brokers.push({ broker: id, idc, view: topic })
      topics.set(name, part)
    }
  }
  for (const client of clients) {
    if (client.state === 'gone') continue
    for (const { topic: name, group } of client.topics) {
      const part = topics.get(name) ?? { topic: name, group, requesters: 0, brokers: [] }
      part.requesters += 1
      topics.set(name, part)
    }
  }
  return [...topics.values()].sort((a, b) => (a.topic < b.topic ? -1 : 1))
}

export const queuesOf = ({ brokers }: ClusterSnapshot, topic: string | undefined): QueuePart[] =>
  brokers.flatMap(({ id, idc, view }) =>
    (view?.topics ?? [])
      .filter((part) => topic === undefined || part.topic === topic)
      .flatMap((part) =>
        part.queues.map((queue) => ({ topic: part.topic, broker: id, brokerIdc: idc, ...queue })),
      ),
  )

export const circuitsOf = (
  { clients }: ClusterSnapshot,
  topic: string | undefined,
): CircuitPart[] =>
  clients
    .filter(({ state }) => state !== 'gone')
    .flatMap(({ instance, name, idc, topics }) =>
      topics
        .filter((part) => topic === undefined || part.topic === topic)
        .map(({ topic, circuit, open, isAway, queues, writable }) => ({
          ...{ topic, instance, name, idc, circuit, open, isAway, queues, writable },
        })),
    )

export const idcsOf = ({ brokers, clients, forces }: ClusterSnapshot): IdcPart[] => {
  const idcs = new Map<string, IdcPart>()
  const partOf = (idc: string): IdcPart => {
    const fresh = { idc, brokers: 0, brokersUnknown: 0, clients: 0, sentTo: {}, isolated: [] }
    const part = idcs.get(idc) ?? fresh
    idcs.set(idc, part)
    return part
  }
  for (const { idc, state } of brokers) {
    const part = partOf(idc)
    part.brokers += 1
    if (state === 'unknown') part.brokersUnknown += 1
  }
  for (const { idc, state, topics } of clients) {
    if (state === 'gone') continue
    const part = partOf(idc)
    part.clients += 1
    for (const { sentTo } of topics) {
      for (const [to, sent] of Object.entries(sentTo)) {
        // A data centre may have the name of something that every object has.
        const before = Object.hasOwn(part.sentTo, to) ? part.sentTo[to]! : 0
        part.sentTo[to] = before + sent
      }
    }
  }
  for (const force of forces) {
    if (force.idc !== null && force.to === 'open') partOf(force.idc).isolated.push(force)
  }
  return [...idcs.values()].sort((a, b) => (a.idc < b.idc ? -1 : 1))
}
