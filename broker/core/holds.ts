import type { Ownership } from './ownership.ts'
import type { Routing } from './routing.ts'
import type { BrokerState } from './state.ts'
import type { Topic } from './topic.ts'

/** Holds at once, over all topics. */
export const MAX_HOLDS = 10_000

/**
 * What operators have said of who is to own no queue here. Its queue goes as that of one instance too
 * many does: it takes nothing new, what waits is handed back, what runs goes on, and where another
 * stands by, that one has it. If nobody else answers the topic, its calls get what they get when nobody
 * does: the operator decides.
 */
export class Holds {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #ownership: Ownership
  /** Topics with holds. */
  readonly #topics = new Set<Topic>()
  #count = 0
  #dueAt = Number.POSITIVE_INFINITY

  constructor(state: BrokerState, routing: Routing, ownership: Ownership) {
    this.#state = state
    this.#routing = routing
    this.#ownership = ownership
  }

  get nextDeadline(): number {
    return this.#dueAt
  }

  /** A hold on one that is held already takes its place. `unknown`: that instance does not answer the topic here. */
  hold(
    now: number,
    name: string,
    instance: string,
    reason: string,
    forMs: number,
  ): 'held' | 'unknown' | 'too_many' {
    const topic = this.#state.topics.get(name)
    const isHeld = topic?.holds.has(instance) === true
    if (topic === undefined || (!isHeld && !isAnsweredBy(topic, instance))) return 'unknown'
    if (!isHeld && this.#count >= MAX_HOLDS) return 'too_many'
    if (!isHeld) this.#count += 1
    const until = now + forMs
    topic.holds.set(instance, { reason, until })
    this.#topics.add(topic)
    this.#dueAt = Math.min(this.#dueAt, until)
    this.#state.effects.advise({ kind: 'queue_held', topic: name, instance, reason, forMs })
    this.#ownership.onWord(now, topic)
    return 'held'
  }

  /** It may own a queue again, and gets one. False if it was not held. */
  release(now: number, name: string, instance: string): boolean {
    const topic = this.#state.topics.get(name)
    if (topic === undefined || !topic.holds.has(instance)) return false
    this.#release(now, topic, [instance])
    return true
  }

  onDeadline(now: number): void {
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const topic of [...this.#topics]) {
      const over: string[] = []
      for (const [instance, { until }] of topic.holds) {
        if (until <= now) over.push(instance)
        else this.#dueAt = Math.min(this.#dueAt, until)
      }
      if (over.length > 0) this.#release(now, topic, over)
    }
  }

  #release(now: number, topic: Topic, instances: readonly string[]): void {
    for (const instance of instances) {
      topic.holds.delete(instance)
      this.#count -= 1
      this.#state.effects.advise({ kind: 'queue_released', topic: topic.name, instance })
    }
    if (topic.holds.size === 0) this.#topics.delete(topic)
    this.#ownership.onWord(now, topic)
    this.#routing.forgetIfIdle(topic)
  }
}

const isAnsweredBy = (topic: Topic, instance: string): boolean => {
  for (const { session } of topic.registrations) if (session.instance === instance) return true
  return false
}
