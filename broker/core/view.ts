import type { BrokerState } from './state.ts'

/** All state of a broker now, as plain data. */
export interface BrokerView {
  id: string
  idc: string
  life: number
  upMs: number
  sessions: number
  links: number
  deliveries: number
  waitingBytes: number
  topics: TopicView[]
  counters: Record<string, number>
}

export interface TopicView {
  topic: string
  group: string
  queues: QueueView[]
  watchers: number
}

export interface QueueView {
  queue: number
  epoch: number
  state: string
  owner: string
  ownerName: string
  waiting: number
  unanswered: number
  depthBytes: number
  window: number
}

export const viewOf = (now: number, state: BrokerState): BrokerView => ({
  id: state.identity.id,
  idc: state.identity.idc,
  life: state.identity.life,
  upMs: now - state.identity.startedAt,
  sessions: state.sessions.size,
  links: state.links.size,
  deliveries: state.deliveries.size,
  waitingBytes: state.waitingBytes,
  topics: [...state.topics.values()].map((topic) => ({
    topic: topic.name,
    group: topic.group,
    watchers: topic.watchers.size,
    queues: [...topic.queues.values()].map((queue) => ({
      queue: queue.handle,
      epoch: queue.epoch,
      state: queue.state === 'writable' && queue.isFull ? 'full' : queue.state,
      owner: queue.owner.instance,
      ownerName: queue.owner.name,
      waiting: queue.waiting,
      unanswered: queue.unanswered,
      depthBytes: queue.depthBytes,
      window: queue.credit.window,
    })),
  })),
  counters: { ...state.counters },
})
