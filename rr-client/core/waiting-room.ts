import type { RequestResponseFuture } from './future.ts'
import type { TopicRoutes } from './routes.ts'

/** Calls that wait, without an attempt, for routes of their topic. */
export class WaitingRoom {
  readonly #byTopic = new Map<TopicRoutes, Set<RequestResponseFuture>>()

  has(future: RequestResponseFuture): boolean {
    return future.waitUntil !== 0
  }

  enter(future: RequestResponseFuture, until: number): void {
    future.waitUntil = until
    const waiting = this.#byTopic.get(future.topic)
    if (waiting === undefined) this.#byTopic.set(future.topic, new Set([future]))
    else waiting.add(future)
  }

  leave(future: RequestResponseFuture): void {
    if (future.waitUntil === 0) return
    future.waitUntil = 0
    const waiting = this.#byTopic.get(future.topic)
    waiting?.delete(future)
    if (waiting?.size === 0) this.#byTopic.delete(future.topic)
  }

  /** Those that wait for a topic now, in the order they came. */
  of(topic: TopicRoutes): RequestResponseFuture[] {
    return [...(this.#byTopic.get(topic) ?? [])]
  }
}
