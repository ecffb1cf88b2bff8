import { Frame } from '../../bus/frame.ts'
import { encodeRoutes, ROUTES_PAGE, type RouteEntry } from '../../bus/topic-frames.ts'
import type { Queue } from './queue.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import { Topic } from './topic.ts'

/** Differences are gathered for so long, encoded once, and sent to everyone who watches. */
const GATHER_MS = 20

/** Who wants to know the queues of which topic, and telling them. */
export class Routing {
  readonly #state: BrokerState
  readonly #changed = new Set<Topic>()
  #dueAt = Number.POSITIVE_INFINITY
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
    const topic = new Topic(this.#nextTopic, name)
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
    topic.watchers.add(session)
    session.watched.add(topic.name)
    const queues = [...topic.queues.values()].filter((queue) => queue.state !== 'assigning')
    for (const page of this.#pages(now, topic, queues, true)) {
      this.#state.send(now, session.link!, Frame.routes, page)
    }
  }

  /** The session is away, or gone: nobody is there to be told. */
  unwatchAll(session: Session): void {
    for (const name of [...session.watched]) this.unwatch(session, name)
  }

  unwatch(session: Session, name: string): void {
    const topic = this.#state.topics.get(name)
    if (topic === undefined) return
    topic.watchers.delete(session)
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
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const topic of this.#changed) {
      const dueAt = topic.toldAt + GATHER_MS
      if (dueAt > now) this.#dueAt = Math.min(this.#dueAt, dueAt)
      else this.#tell(now, topic)
    }
  }

  forgetIfIdle(topic: Topic): void {
    if (topic.isIdle && topic.changed.size === 0) this.#state.topics.delete(topic.name)
  }

  #tell(now: number, topic: Topic): void {
    this.#changed.delete(topic)
    topic.toldAt = now
    const queues = [...topic.changed]
    topic.changed.clear()
    if (topic.watchers.size > 0) {
      for (const page of this.#pages(now, topic, queues, false)) {
        for (const session of topic.watchers) {
          if (session.link !== undefined) this.#state.send(now, session.link, Frame.routes, page)
        }
      }
    }
    for (const queue of queues) if (!queue.isFull) queue.toldFull = false
    this.forgetIfIdle(topic)
  }

  #pages(now: number, topic: Topic, queues: Queue[], isFull: boolean): Buffer[] {
    const pages: Buffer[] = []
    const head = {
      topic: topic.name,
      handle: topic.handle,
      code: '',
      group: topic.group,
      settlingMs: this.#state.settlingMs(now),
    }
    for (let i = 0; i === 0 || i < queues.length; i += ROUTES_PAGE) {
      const entries = queues.slice(i, i + ROUTES_PAGE).map(entryOf)
      pages.push(encodeRoutes({ ...head, isFull: isFull && i === 0, entries }))
    }
    return pages
  }
}

const entryOf = (queue: Queue): RouteEntry => ({
  queue: queue.handle,
  epoch: queue.epoch,
  state: queue.routeState,
  owner: queue.owner.handle,
  instance: queue.owner.instance,
  idc: queue.owner.idc,
  label: queue.owner.label,
})
