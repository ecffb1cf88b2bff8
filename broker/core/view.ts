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
  /** `draining`: it takes no new work; `drained`: and has none left. */
  state: 'open' | 'draining' | 'drained'
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
  /** Of each of its queues. */
  maxDepth: number
  maxDepthBytes: number
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

/** What became of requests in a queue, in this life of the broker. */
export interface QueueEnds {
  ok: number
  serviceErrors: number
  handlerFailed: number
  replyLost: number
  /** By the broker or the owner, for whatever reason but the next two. */
  refused: number
  expired: number
  handedBack: number
  /** The owner's link was lost with it. */
  lost: number
}

/** One client as its broker sees it. */
export interface SessionView {
  instance: string
  name: string
  idc: string
  label: string
  address: string
  state: 'up' | 'lost'
  /** Since when it is up, or lost. */
  forMs: number
  /** Requests of it here, and deliveries it has not answered. */
  calls: number
  unsentBytes: number
  heldReplies: number
  watches: number
  answers: number
}

export const viewOf = (now: number, state: BrokerState): BrokerView => ({
  id: state.identity.id,
  idc: state.identity.idc,
  life: state.identity.life,
  upMs: now - state.identity.startedAt,
  state: 'open',
  sessions: state.sessions.size,
  links: state.links.size,
  deliveries: state.deliveries.size,
  waitingBytes: state.waitingBytes,
  topics: [...state.topics.values()].map((topic) => ({
    topic: topic.name,
    group: topic.group,
    watchers: topic.watchers.size,
    maxDepth: state.limits.maxDepth,
    maxDepthBytes: state.limits.maxDepthBytes,
    held: [],
    standbys: [...topic.registrations].filter((registration) => !owns(registration)).length,
    queues: [...topic.queues.values()].map((queue) => ({
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
      ends: {
        ok: 0,
        serviceErrors: 0,
        handlerFailed: 0,
        replyLost: 0,
        refused: 0,
        expired: 0,
        handedBack: 0,
        lost: 0,
      },
      latency: [],
    })),
  })),
  rules: { ...state.rules },
  counters: { ...state.counters },
})
