import { queueStateName } from '../../bus/frame.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import { type FiguresView, noFigures, type QueueEnds } from './figures.ts'
import type { Queue } from './queue.ts'
import type { BrokerState } from './state.ts'
import { owns, type Topic } from './topic.ts'

export type { FiguresView, QueueEnds } from './figures.ts'
export type { SessionView } from './session-view.ts'

/** All state of a broker now, as plain data. */
export interface BrokerView {
  id: string
  idc: string
  life: number
  upMs: number
  /** `draining`: it takes no new work; `drained`: and has none left. */
  state: 'open' | 'draining' | 'drained'
  sessions: number
  links: number
  deliveries: number
  waitingBytes: number
  topics: TopicView[]
  /** Dark-launch rules in force; version 0 before there were any. */
  rules: { version: number; list: readonly DarkLaunchRule[] }
  /**
   * Sums of queues whose topics are forgotten. With `unqueued` and, over all topics, those of queues
   * there are and of queues that ended, these are all requests of this life that have ended; but one
   * that its caller gave up while it waited is in none of them.
   */
  forgotten: FiguresView
  /** Of requests in no queue: pinned ones, and those that named a queue that is no more. */
  unqueued: FiguresView
  counters: Record<string, number>
}

export interface TopicView {
  topic: string
  group: string
  queues: QueueView[]
  /** Registrations without a queue. */
  standbys: number
  watchers: number
  /** Of each of its queues. */
  maxDepth: number
  maxDepthBytes: number
  /** Sums of its queues that have ended. */
  endedQueues: QueueEnds
  endedLatency: number[]
  /** Instances that an operator keeps from owning a queue here. */
  held: HeldView[]
}

export interface HeldView {
  instance: string
  reason: string
  leftMs: number
}

export interface QueueView {
  queue: number
  epoch: number
  state: string
  owner: string
  ownerName: string
  ownerIdc: string
  ownerLabel: string
  waiting: number
  unanswered: number
  depthBytes: number
  window: number
  /** How long the longest of the last requests had waited, in milliseconds. */
  waitedMs: number
  ends: QueueEnds
  /** Milliseconds from forwarding to the answer, by bucket of `LATENCY_BOUNDS_MS`; trailing zeros are left out. */
  latency: number[]
}

export const viewOf = (now: number, state: BrokerState): BrokerView => ({
  id: state.identity.id,
  idc: state.identity.idc,
  life: state.identity.life,
  upMs: now - state.identity.startedAt,
  state: state.phase,
  sessions: state.sessions.size,
  links: state.links.size,
  deliveries: state.deliveries.size,
  waitingBytes: state.waitingBytes,
  topics: [...state.topics.values()].map((topic) => topicView(now, topic)),
  rules: { ...state.rules },
  forgotten: state.forgotten.view(),
  unqueued: state.unqueued.view(),
  counters: { ...state.counters, ...state.trace?.counters },
})

const topicView = (now: number, topic: Topic): TopicView => {
  const { ends: endedQueues, latency: endedLatency } = topic.ended.view()
  return {
    topic: topic.name,
    group: topic.group,
    watchers: topic.watchers.size,
    maxDepth: topic.limits.maxDepth,
    maxDepthBytes: topic.limits.maxDepthBytes,
    endedQueues,
    endedLatency,
    held: [...topic.holds].map(([instance, { reason, until }]) => ({
      instance,
      reason,
      leftMs: Math.max(0, Math.ceil(until - now)),
    })),
    standbys: [...topic.registrations].filter((registration) => !owns(registration)).length,
    queues: [...topic.queues.values()].map(queueView),
  }
}

const queueView = (queue: Queue): QueueView => ({
  queue: queue.handle,
  epoch: queue.epoch,
  state: queue.state === 'assigning' ? queue.state : queueStateName(queue.routeState),
  owner: queue.owner.instance,
  ownerName: queue.owner.name,
  ownerIdc: queue.owner.idc,
  ownerLabel: queue.owner.label,
  waiting: queue.waiting,
  unanswered: queue.unanswered,
  depthBytes: queue.depthBytes,
  window: queue.credit.window,
  waitedMs: Math.round(queue.waitedMs),
  ...(queue.hasFigures ? queue.figures.view() : noFigures()),
})
