import { Frame, QueueState } from '../../bus/frame.ts'
import { encodeRoutes, ROUTES_PAGE, type RouteEntry } from '../../bus/topic-frames.ts'
import type { Queue } from './queue.ts'
import type { RouteSubset } from './route-subset.ts'
import { isLarge, RouteSubsets } from './route-subsets.ts'
import { isSetApart } from './rules.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import { Topic } from './topic.ts'

/** Differences are gathered for so long, encoded once, and sent to everyone who watches. */
const GATHER_MS = 20
/** Differences that are told in one turn of the loop, over all topics; the next turn goes on. */
const TOLD_PER_TURN = 2_000
/**
 * Ten thousand sessions may be due to be told all anew. In one turn of the loop they look at so many
 * queues together.
 */
const LOOKED_AT_PER_TURN = 20_000

/**
 * Who wants to know the queues of which topic, and telling them: all of them, or of a large topic the
 * share that each session is given.
 */
export class Routing {
  readonly #state: BrokerState
  readonly #changed = new Set<Topic>()
  /** Sessions that are to be told all anew of what they know of a topic. */
  readonly #due = new Map<Topic, Set<Session>>()
  #dueAt = Number.POSITIVE_INFINITY
  /** Some of what is due was left for the next turn. */
  #isLate = false
  #nextTopic = 1

  constructor(state: BrokerState) {
    this.#state = state
  }

  get nextDeadline(): number {
    return this.#dueAt
  }

  /** The topic of that name, made if there is room for one more. */
  topic(name: string): Topic | undefined {
    const known = this.#state.topics.get(name)
    if (known !== undefined) return known
    if (this.#state.topics.size >= this.#state.limits.maxTopics) return undefined
    const topic = new Topic(this.#nextTopic, name, this.#state.limits)
    this.#nextTopic += 1
    this.#state.topics.set(name, topic)
    return topic
  }

  watch(now: number, session: Session, name: string): void {
    const topic = session.mayRequest(name) ? this.topic(name) : undefined
    if (topic === undefined) {
      const code = session.mayRequest(name) ? 'overloaded' : 'forbidden'
      const none = { topic: name, handle: 0, isFull: true, code, group: '', settlingMs: 0 }
      this.#state.send(now, session.link!, Frame.routes, encodeRoutes({ ...none, entries: [] }))
      return
    }
    this.#fit(topic)
    topic.watchers.add(session)
    session.watched.add(topic.name)
    this.#due.get(topic)?.delete(session)
    this.#sendAll(now, session, this.#allFor(now, topic, session))
  }

  /** The session is away, or gone: nobody is there to be told. */
  unwatchAll(session: Session): void {
    for (const name of [...session.watched]) this.unwatch(session, name)
  }

  unwatch(session: Session, name: string): void {
    const topic = this.#state.topics.get(name)
    if (topic === undefined) return
    topic.watchers.delete(session)
    topic.subsets?.drop(session)
    this.#due.get(topic)?.delete(session)
    session.watched.delete(name)
    this.forgetIfIdle(topic)
  }

  /** A queue's state, owner or epoch is another than before. */
  changed(now: number, queue: Queue): void {
    const topic = this.topic(queue.topic.name)!
    topic.changed.add(queue)
    this.#changed.add(topic)
    this.#dueAt = Math.min(this.#dueAt, Math.max(now, topic.toldAt + GATHER_MS))
  }

  /** The topic is answered from now on: whoever waits for that should not wait for the gathering. */
  tellFirst(now: number, queue: Queue): void {
    const topic = this.topic(queue.topic.name)!
    for (const other of topic.queues.values()) {
      if (other !== queue && other.state === 'writable') return
    }
    this.#tell(now, topic)
  }

  /** Tells once that a queue has become full; false if that was told before. */
  tellFull(now: number, queue: Queue): boolean {
    if (queue.toldFull) return false
    queue.toldFull = true
    this.changed(now, queue)
    return true
  }

  onDeadline(now: number): void {
    if (now >= this.#dueAt) this.#tellDue(now)
  }

  /** There is more to tell than one turn of the loop is to be held up for. */
  get isBehind(): boolean {
    return this.#isLate || this.#due.size > 0
  }

  onTurn(now: number): void {
    if (this.#isLate) this.#tellDue(now)
    let left = LOOKED_AT_PER_TURN
    for (const [topic, due] of this.#due) {
      const pages = topic.subsets === undefined ? this.#allFor(now, topic) : undefined
      for (const session of due) {
        if (left <= 0) return
        left -= topic.queues.size
        due.delete(session)
        this.#sendAll(now, session, pages ?? this.#allFor(now, topic, session))
      }
      this.#due.delete(topic)
    }
  }

  /** Others are set apart now than before: large topics are told anew, to everybody. */
  onRules(): void {
    for (const topic of this.#state.topics.values()) {
      if (topic.subsets !== undefined) this.#drawAnew(topic)
    }
  }

  forgetIfIdle(topic: Topic): void {
    if (!topic.isIdle || topic.changed.size > 0) return
    // A topic of that name may be another by now.
    if (this.#state.topics.get(topic.name) !== topic) return
    this.#state.topics.delete(topic.name)
    topic.ended.leaveTo(this.#state.forgotten)
    this.#state.trace?.topicGone(topic)
  }

  /** The topic has become large, or small again: everybody is told anew what is to be known of it. */
  #fit(topic: Topic): void {
    const wasLarge = topic.subsets !== undefined
    if (isLarge(topic.queues.size, wasLarge) === wasLarge) return
    if (!wasLarge) this.#drawAnew(topic)
    else {
      topic.subsets = undefined
      this.#dueForAll(topic)
    }
  }

  #drawAnew(topic: Topic): void {
    topic.subsets = new RouteSubsets(() => this.#ordinary(topic))
    for (const queue of topic.queues.values()) queue.isApart = undefined
    this.#dueForAll(topic)
  }

  #dueForAll(topic: Topic): void {
    if (topic.watchers.size > 0) this.#due.set(topic, new Set(topic.watchers))
  }

  /** Tells what has been gathered for long enough. */
  #tellDue(now: number): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#isLate = false
    let left = TOLD_PER_TURN
    for (const topic of this.#changed) {
      const dueAt = topic.toldAt + GATHER_MS
      if (dueAt > now) this.#dueAt = Math.min(this.#dueAt, dueAt)
      else if (left <= 0) this.#isLate = true
      else {
        left -= topic.changed.size
        this.#tell(now, topic)
      }
    }
  }

  #tell(now: number, topic: Topic): void {
    this.#changed.delete(topic)
    topic.toldAt = now
    const queues = [...topic.changed]
    topic.changed.clear()
    this.#fit(topic)
    if (topic.watchers.size > 0) this.#tellWatchers(now, topic, queues)
    else topic.subsets?.apply(queues)
    for (const queue of queues) if (!queue.isFull) queue.toldFull = false
    this.forgetIfIdle(topic)
  }

  #tellWatchers(now: number, topic: Topic, queues: Queue[]): void {
    const { subsets } = topic
    const apart = subsets === undefined ? [] : this.#apart(topic, queues)
    if (subsets !== undefined) {
      const others = apart.length === 0 ? queues : queues.filter((queue) => !queue.isApart)
      this.#tellConcerned(now, topic, subsets, others)
    }
    if (topic.watchers.size === subsets?.size && apart.length === 0) return
    const pages = this.#pages(now, topic, queues.map(entryOf), false)
    const pagesApart = apart.length === 0 ? [] : this.#pages(now, topic, apart.map(entryOf), false)
    for (const session of topic.watchers) {
      this.#sendAll(now, session, subsets?.has(session) === true ? pagesApart : pages)
    }
  }

  /**
   * Those of the queues that dark-launch rules set apart: few, and for some calls the only ones, so
   * that everybody is told of them.
   */
  #apart(topic: Topic, queues: Iterable<Queue>): Queue[] {
    const { list } = this.#state.rules
    const apart: Queue[] = []
    if (list.length === 0) return apart
    for (const queue of queues) {
      queue.isApart ??= isSetApart(list, topic.name, queue.owner.label)
      if (queue.isApart) apart.push(queue)
    }
    return apart
  }

  /** The others. */
  #ordinary(topic: Topic): Queue[] {
    const all = [...topic.queues.values()]
    return this.#apart(topic, all).length === 0 ? all : all.filter((queue) => !queue.isApart)
  }

  /** Tells each session only what concerns the queues it knows, or should know from now on. */
  #tellConcerned(now: number, topic: Topic, subsets: RouteSubsets, queues: Queue[]): void {
    const { news, short } = subsets.apply(queues)
    // Most are told of one queue that came or went: encoded once.
    const single = new Map<number, Buffer[]>()
    for (const [subset, noted] of news) {
      const entries = [...noted].map((queue) => entryFor(subset, queue))
      const [first] = entries
      const key =
        entries.length > 1 ? 0 : first!.state === QueueState.gone ? -first!.queue : first!.queue
      const pages = single.get(key) ?? this.#pages(now, topic, entries, false)
      if (key !== 0) single.set(key, pages)
      this.#sendAll(now, subset.session, pages)
    }
    if (short.length > 0) this.#due.set(topic, new Set([...(this.#due.get(topic) ?? []), ...short]))
  }

  /** All that the session is to know of the topic, or without one, all there is. */
  #allFor(now: number, topic: Topic, session?: Session): Buffer[] {
    const all = topic.queues.values()
    const { subsets } = topic
    if (subsets === undefined || session === undefined) {
      const told = [...all].filter((queue) => queue.isTold)
      return this.#pages(now, topic, told.map(entryOf), true)
    }
    const apart = this.#apart(topic, all).filter((queue) => queue.isTold)
    const queues = [...apart, ...subsets.draw(session)]
    return this.#pages(now, topic, queues.map(entryOf), true)
  }

  #sendAll(now: number, { link }: Session, pages: readonly Buffer[]): void {
    if (link === undefined) return
    for (const page of pages) this.#state.send(now, link, Frame.routes, page)
  }

  #pages(now: number, topic: Topic, entries: RouteEntry[], isFull: boolean): Buffer[] {
    const pages: Buffer[] = []
    const head = {
      topic: topic.name,
      handle: topic.handle,
      code: '',
      group: topic.group,
      settlingMs: this.#state.settlingMs(now),
    }
    for (let i = 0; i === 0 || i < entries.length; i += ROUTES_PAGE) {
      const page = entries.slice(i, i + ROUTES_PAGE)
      pages.push(encodeRoutes({ ...head, isFull: isFull && i === 0, entries: page }))
    }
    return pages
  }
}

/** What a session is told of a queue: that it is gone, if the session is to forget it. */
const entryFor = (subset: RouteSubset, queue: Queue): RouteEntry =>
  subset.has(queue) ? entryOf(queue) : { ...entryOf(queue), state: QueueState.gone }

const entryOf = (queue: Queue): RouteEntry => ({
  queue: queue.handle,
  epoch: queue.epoch,
  state: queue.routeState,
  owner: queue.owner.handle,
  instance: queue.owner.instance,
  idc: queue.owner.idc,
  label: queue.owner.label,
})
