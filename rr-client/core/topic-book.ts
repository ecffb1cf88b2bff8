import type { FieldReader } from '../../bus/bytes.ts'
import { Frame } from '../../bus/frame.ts'
import { decodeRules } from '../../bus/rules.ts'
import { decodeRoutes, encodeTopic, type Routes } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import type { RequestResponseFuture } from './future.ts'
import { ANSWER_WAIT_MS, TopicRoutes } from './routes.ts'
import type { ClientState } from './state.ts'

/** A topic nobody called for so long is no longer watched. */
const IDLE_MS = 300_000
const SWEEP_MS = 60_000
/** Not needed for so long, they are not asked any more: then only heartbeats cross. */
const AWAY_IDLE_MS = 60_000

/** The topics this client calls, and what the brokers say of each. */
export class TopicBook {
  readonly #state: ClientState
  readonly #byName = new Map<string, TopicRoutes>()
  #sweepAt = Number.POSITIVE_INFINITY

  constructor(state: ClientState) {
    this.#state = state
  }

  get nextDeadline(): number {
    return this.#sweepAt
  }

  get all(): Iterable<TopicRoutes> {
    return this.#byName.values()
  }

  find(name: string): TopicRoutes | undefined {
    return this.#byName.get(name)
  }

  /** The topic of that name; its first use asks every broker for routes. */
  topic(now: number, name: string): TopicRoutes {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const topic = new TopicRoutes(now, name, this.#state.facts.idc)
    this.#byName.set(name, topic)
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + SWEEP_MS
    for (const link of this.#state.links) this.#watch(now, link, topic)
    return topic
  }

  /** The same of a topic that is called, although this call goes nowhere. */
  used(now: number, name: string): TopicRoutes {
    const topic = this.topic(now, name)
    topic.lastUsedAt = now
    return topic
  }

  /** A link is up, or what is home has changed: ask who is to be asked, and forget the others. */
  onLinks(now: number): void {
    for (const topic of this.#byName.values()) {
      for (const link of this.#state.links) {
        if (link.isHome || isAwayUsed(topic)) this.#watch(now, link, topic)
        else if (topic.asked.has(link)) this.#unwatch(now, link, topic)
      }
      topic.settle()
    }
  }

  /** A broker at home has yet to say who answers; without its word nobody else is asked. */
  isHomeDue(now: number, { topic, startedAt }: RequestResponseFuture): boolean {
    const isOpeningSoon = now - startedAt < ANSWER_WAIT_MS
    return this.#state.links.some(
      (link) =>
        link.isHome &&
        (link.isUp ? topic.isAnswerDue(now, link) : isOpeningSoon && link.isFirstOpening),
    )
  }

  /**
   * The brokers of other data centres are needed. True while one that was just asked has yet to
   * answer, which is worth a short wait.
   */
  reachAway(now: number, topic: TopicRoutes): boolean {
    if (!this.#state.hasAway) return false
    topic.awayAt = now
    let isAsking = false
    for (const link of this.#state.links) {
      if (link.isHome || !link.isUp) continue
      this.#watch(now, link, topic)
      if (topic.isAnswerDue(now, link)) isAsking = true
    }
    return isAsking
  }

  onLinkDown(now: number, link: BrokerLink): void {
    for (const topic of this.#byName.values()) {
      topic.forgetLink(link)
      topic.otherGroup.delete(link)
      if (topic.queues.length === 0) this.#askAgain(now, topic)
    }
  }

  /** News of a topic. Returns it if it may mean something to calls that wait. */
  onTopic(now: number, link: BrokerLink, type: number, r: FieldReader): TopicRoutes | undefined {
    return type === Frame.rules ? this.#onRules(link, r) : this.#onRoutes(now, link, r)
  }

  #onRoutes(now: number, link: BrokerLink, reader: FieldReader): TopicRoutes | undefined {
    const news = decodeRoutes(reader)
    reader.end('routes')
    const topic = this.#byName.get(news.topic)
    // Asked no more, and this was on its way.
    if (topic === undefined || !topic.asked.has(link)) return undefined
    if (!this.#checkGroup(link, topic, news)) return undefined
    topic.otherGroup.delete(link)
    link.settlesAt = Math.max(link.settlesAt, now + news.settlingMs)
    topic.apply(link, news)
    if (topic.queues.length === 0) this.#askAgain(now, topic)
    const { name, writable, queues } = topic
    this.#state.effects.advise({ kind: 'routes', topic: name, writable, queues: queues.length })
    return topic
  }

  /** Dark-launch rules: news if others are in force now. */
  #onRules(link: BrokerLink, reader: FieldReader): TopicRoutes | undefined {
    const told = decodeRules(reader)
    reader.end('rules')
    const topic = this.#byName.get(told.topic)
    if (topic === undefined || !topic.asked.has(link)) return undefined
    const inForce = topic.applyRules(link, told)
    if (inForce === undefined) return undefined
    const { version, rules } = inForce
    this.#state.effects.advise({ kind: 'rules', topic: topic.name, version, rules: rules.length })
    return topic
  }

  /** A call is sent where its rule says or, for want of that, elsewhere. */
  noteLaunch(isMet: boolean): void {
    const { counters } = this.#state
    if (isMet) counters.launched += 1
    else counters.launchFallbacks += 1
  }

  /** Lets go of topics that nobody calls any more. */
  onDeadline(now: number): void {
    if (now < this.#sweepAt) return
    for (const [name, topic] of this.#byName) {
      if (
        isAwayUsed(topic) &&
        topic.homing?.isAway !== true &&
        now - topic.awayAt >= AWAY_IDLE_MS
      ) {
        topic.awayAt = Number.NEGATIVE_INFINITY
        for (const link of this.#state.links) if (!link.isHome) this.#unwatch(now, link, topic)
      }
      if (topic.calls > 0 || now - topic.lastUsedAt < IDLE_MS) continue
      this.#byName.delete(name)
      for (const link of this.#state.links) this.#unwatch(now, link, topic)
    }
    this.#sweepAt = this.#byName.size > 0 ? now + SWEEP_MS : Number.POSITIVE_INFINITY
  }

  /** Two brokers may name two groups for a while; the one whose name sorts first stays. */
  #checkGroup(link: BrokerLink, topic: TopicRoutes, news: Routes): boolean {
    const { group: used } = topic
    const isOther = used !== '' && news.group !== '' && used !== news.group
    if (!isOther || topic.writable === 0) return true
    const { name } = topic
    this.#state.effects.advise({ kind: 'two_groups', topic: name, used, refused: news.group })
    if (used < news.group) {
      topic.otherGroup.add(link)
      return false
    }
    topic.keep((queue) => queue.link === link)
    return true
  }

  /** The group that stayed is gone: perhaps the one that was refused still answers. */
  #askAgain(now: number, topic: TopicRoutes): void {
    for (const link of topic.otherGroup) {
      topic.asked.delete(link)
      this.#watch(now, link, topic)
    }
    topic.otherGroup.clear()
    topic.group = ''
  }

  /** Asks once on each link; brokers of other data centres only while they are needed. */
  #watch(now: number, link: BrokerLink, topic: TopicRoutes): void {
    if (!link.isUp || topic.asked.has(link)) return
    if (!link.isHome && !isAwayUsed(topic)) return
    topic.asked.set(link, now)
    this.#state.send(now, link, Frame.watch, encodeTopic(topic.name))
  }

  #unwatch(now: number, link: BrokerLink, topic: TopicRoutes): void {
    if (!topic.asked.has(link)) return
    topic.forgetLink(link)
    if (link.isUp) this.#state.send(now, link, Frame.unwatch, encodeTopic(topic.name))
  }
}

const isAwayUsed = ({ awayAt }: TopicRoutes): boolean => awayAt !== Number.NEGATIVE_INFINITY
