import { QueueState } from '../../bus/frame.ts'
import type { TopicRules } from '../../bus/rules.ts'
import type { RouteEntry, Routes } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import { DarkLaunch, inForce } from './dark-launch.ts'
import type { Homing } from './homing.ts'
import { Recent } from './recent.ts'
import { RetryBudget } from './retry-budget.ts'
import { type QueuePool, RouteQueue, type Tier } from './route-queue.ts'
import { TopicTally } from './topic-tally.ts'

/** A broker that was just asked is waited for at most so long before others are tried. */
export const ANSWER_WAIT_MS = 250

/** What a requester knows of one topic: its queues over all brokers, and what its brokers said. */
export class TopicRoutes implements QueuePool {
  readonly name: string
  /** The data centre of this client. */
  readonly #idc: string
  /** Made by the first retry: most topics never need one. */
  budget: RetryBudget | undefined
  queues: RouteQueue[] = []
  /** The same by nearness, without those that dark-launch rules set apart. */
  readonly tiers: [RouteQueue[], RouteQueue[], RouteQueue[]] = [[], [], []]
  /** The dark-launch rules in force. Most topics have none. */
  dark: DarkLaunch | undefined
  /** What each broker says of rules. */
  readonly #rules = new Map<BrokerLink, TopicRules>()
  #inForce: TopicRules | undefined
  group = ''
  lastUsedAt: number
  /** Calls of ours that are open, sent or waiting. */
  calls = 0
  /** Calls of ours that were answered. */
  readonly replies = new Recent()
  readonly tally = new TopicTally()
  /** Why brokers give no routes: their codes, by link. */
  readonly refusals = new Map<BrokerLink, string>()
  /** Brokers whose routes were left aside because another group answers the topic elsewhere. */
  readonly otherGroup = new Set<BrokerLink>()
  /** Brokers that were asked for routes on their present link, and when. */
  readonly asked = new Map<BrokerLink, number>()
  /** Brokers that have sent routes in their present life. */
  readonly heard = new Set<BrokerLink>()
  /** It was answered in this data centre, and calls may have to return there. */
  wasHome = false
  /** Made when it first had to leave its data centre. */
  homing: Homing | undefined
  /** When brokers of other data centres were last needed; -Infinity if they are not asked. */
  awayAt = Number.NEGATIVE_INFINITY
  /** The earliest instant at which an isolated queue wants a probe. */
  probeAt = Number.POSITIVE_INFINITY

  constructor(now: number, name: string, idc: string) {
    this.name = name
    this.lastUsedAt = now
    this.#idc = idc
  }

  get writable(): number {
    return this.queues.filter((queue) => queue.state === QueueState.writable).length
  }

  /** Takes in what a broker says. */
  apply(link: BrokerLink, news: Routes): void {
    this.heard.add(link)
    if (news.code !== '') this.refusals.set(link, news.code)
    else this.refusals.delete(link)
    if (news.isFull) this.#replace(link, news)
    else for (const entry of news.entries) this.#applyEntry(link, news.handle, entry)
    if (news.group !== '') this.group = news.group
    this.settle()
  }

  /** Takes in the rules of a broker. Returns those in force now, if they are others than before. */
  applyRules(link: BrokerLink, told: TopicRules): TopicRules | undefined {
    if (this.#rules.get(link)?.version === told.version) return undefined
    this.#rules.set(link, told)
    if (!this.#judgeRules()) return undefined
    this.settle()
    return this.#inForce
  }

  /** The link is gone, or its broker is not asked any more; with it goes what it said. */
  forgetLink(link: BrokerLink): void {
    this.asked.delete(link)
    this.heard.delete(link)
    this.refusals.delete(link)
    if (this.#rules.delete(link)) this.#judgeRules()
    this.keep((queue) => queue.link !== link)
  }

  /** It was asked a moment ago and has not answered. */
  isAnswerDue(now: number, link: BrokerLink): boolean {
    const askedAt = this.asked.get(link)
    return askedAt !== undefined && !this.heard.has(link) && now - askedAt < ANSWER_WAIT_MS
  }

  find(link: BrokerLink, handle: number): RouteQueue | undefined {
    return this.queues.find((queue) => queue.handle === handle && queue.link === link)
  }

  keep(isKept: (queue: RouteQueue) => boolean): void {
    this.queues = this.queues.filter(isKept)
    this.settle()
  }

  /** Sorts the queues by nearness. */
  settle(): void {
    for (const tier of this.tiers) tier.length = 0
    this.dark?.clear()
    for (const queue of this.queues) {
      queue.tier = this.#tierOf(queue)
      const pool = this.dark?.poolOf(queue.label) ?? this
      pool.tiers[queue.tier].push(queue)
      if (queue.tier === 0) pool.wasHome = true
    }
  }

  #judgeRules(): boolean {
    const rules = inForce(this.#rules)
    if (rules === this.#inForce) return false
    this.#inForce = rules
    this.dark = rules === undefined || rules.rules.length === 0 ? undefined : new DarkLaunch(rules)
    return true
  }

  /** All that a broker has; a queue that is still there keeps what is known of it. */
  #replace(link: BrokerLink, news: Routes): void {
    const named = new Set(news.entries.map((entry) => entry.queue))
    this.queues = this.queues.filter((queue) => queue.link !== link || named.has(queue.handle))
    for (const entry of news.entries) this.#applyEntry(link, news.handle, entry)
  }

  #applyEntry(link: BrokerLink, topicHandle: number, entry: RouteEntry): void {
    const known = this.find(link, entry.queue)
    if (known !== undefined && entry.epoch < known.epoch) return
    if (known !== undefined && entry.state !== QueueState.gone && known.owner === entry.owner) {
      known.topicHandle = topicHandle
      known.update(entry)
      return
    }
    // Gone, or another instance's now: what was known of the queue was known of its owner.
    if (known !== undefined) this.queues = this.queues.filter((queue) => queue !== known)
    if (entry.state === QueueState.gone) return
    this.queues.push(new RouteQueue(link, this, topicHandle, entry))
  }

  #tierOf({ link, idc }: RouteQueue): Tier {
    if (!link.isHome) return 2
    return idc === this.#idc ? 0 : 1
  }
}

export const budgetOf = (topic: TopicRoutes): RetryBudget => {
  topic.budget ??= new RetryBudget()
  return topic.budget
}
