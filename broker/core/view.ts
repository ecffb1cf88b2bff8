import { queueStateName } from '../../bus/frame.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import type { BrokerState } from './state.ts'
import { owns } from './topic.ts'

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
  /** Dark-launch rules in force; version 0 before there were any. */
  rules: { version: number; list: readonly DarkLaunchRule[] }
  counters: Record<string, number>
}

export interface TopicView {
  topic: string
  group: string
  queues: QueueView[]
  /** Registrations without a queue. */
  standbys: number
  watchers: number
}

export interface QueueView {
  queue: number
  epoch: number
  state: string
  owner: string
  ownerName: string
  ownerIdc: string
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
    standbys: [...topic.registrations].filter((registration) => !owns(registration)).length,
    queues: [...topic.queues.values()].map((queue) => ({
      queue: queue.handle,
      epoch: queue.epoch,
      state: queue.state === 'assigning' ? queue.state : queueStateName(queue.routeState),
      owner: queue.owner.instance,
      ownerName: queue.owner.name,
      ownerIdc: queue.owner.idc,
      waiting: queue.waiting,
      unanswered: queue.unanswered,
      depthBytes: queue.depthBytes,
      window: queue.credit.window,
    })),
  })),
  rules: { ...state.rules },
  counters: { ...state.counters },
})
