import { QueueState } from '../../bus/frame.ts'
import type { RouteEntry, Routes } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import { RetryBudget } from './retry-budget.ts'

/** A queue of a topic at one broker, as a requester knows it. */
export interface RouteQueue {
  readonly link: BrokerLink
  readonly topic: TopicRoutes
  readonly handle: number
  /** The topic's handle at that broker. */
  topicHandle: number
  epoch: number
  state: number
  owner: number
  instance: string
  idc: string
  label: string
  /** Calls of ours that it has not answered. */
  inFlight: number
  /** Smoothed milliseconds from send to reply. */
  latencyMs: number
  /** Refused just now: left out until then, or until the broker says it is writable. */
  avoidUntil: number
}

/** Weight of the newest latency in the smoothed one. */
const LATENCY_WEIGHT = 1 / 8

/** What a requester knows of one topic: its queues over all brokers, and what its brokers said. */
export class TopicRoutes {
  readonly name: string
  /** Made by the first retry: most topics never need one. */
  budget: RetryBudget | undefined
  queues: RouteQueue[] = []
  group = ''
  lastUsedAt: number
  /** Calls of ours that are open, sent or waiting. */
  calls = 0
  /** Why brokers give no routes: their codes, by link. */
  readonly refusals = new Map<BrokerLink, string>()
  /** Brokers whose routes were left aside because another group answers the topic elsewhere. */
  readonly otherGroup = new Set<BrokerLink>()
  /** Brokers that have sent routes in their present life. */
  readonly heard = new Set<BrokerLink>()

  constructor(now: number, name: string) {
    this.name = name
    this.lastUsedAt = now
  }

  get writable(): number {
    return this.queues.filter((queue) => queue.state === QueueState.writable).length
  }

  /** Takes in what a broker says. */
  apply(link: BrokerLink, news: Routes): void {
    this.heard.add(link)
    if (news.code !== '') this.refusals.set(link, news.code)
    else this.refusals.delete(link)
    if (news.isFull) this.#keep((queue) => queue.link !== link)
    if (news.group !== '') this.group = news.group
    for (const entry of news.entries) this.#applyEntry(link, news.handle, entry)
  }

  /** The link is gone, and with it what it said. */
  forgetLink(link: BrokerLink): void {
    this.heard.delete(link)
    this.refusals.delete(link)
    this.#keep((queue) => queue.link !== link)
  }

  find(link: BrokerLink, handle: number): RouteQueue | undefined {
    return this.queues.find((queue) => queue.handle === handle && queue.link === link)
  }

  #keep(isKept: (queue: RouteQueue) => boolean): void {
    this.queues = this.queues.filter(isKept)
  }

  #applyEntry(link: BrokerLink, topicHandle: number, entry: RouteEntry): void {
    const known = this.find(link, entry.queue)
    if (entry.state === QueueState.gone) {
      if (known !== undefined) this.#keep((queue) => queue !== known)
      return
    }
    if (known !== undefined) {
      if (entry.epoch < known.epoch) return
      Object.assign(known, routeOf(entry))
      known.avoidUntil = 0
      return
    }
    const queue: RouteQueue = {
      link,
      topic: this,
      handle: entry.queue,
      topicHandle,
      ...routeOf(entry),
      inFlight: 0,
      latencyMs: 0,
      avoidUntil: 0,
    }
    this.queues.push(queue)
  }
}

const routeOf = ({ epoch, state, owner, instance, idc, label }: RouteEntry) => ({
  epoch,
  state,
  owner,
  instance,
  idc,
  label,
})

export const noteLatency = (queue: RouteQueue, ms: number): void => {
  queue.latencyMs += (ms - queue.latencyMs) * LATENCY_WEIGHT
}

export const budgetOf = (topic: TopicRoutes): RetryBudget => {
  topic.budget ??= new RetryBudget()
  return topic.budget
}
