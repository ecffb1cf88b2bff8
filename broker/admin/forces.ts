import { EVERY_TOPIC, type ForceOrder } from '../../bus/order.ts'
import type { Steering } from '../steering.ts'
import type { StandingForce } from './api.ts'

/** What an operator's word is about. */
export interface ForceTarget {
  readonly topic: string
  readonly what: 'circuit' | 'queues'
  /** Of a circuit the one requester; of queues their owner. */
  readonly instance: string | null
  readonly idc: string | null
}

/**
 * The same word has the same id at every broker, so that a later one replaces it at a client wherever
 * it was said, and ends it even where the broker it was said to is gone.
 */
export const forceId = ({ what, topic, instance, idc }: ForceTarget): string =>
  `${what}/${topic}/${instance ?? '*'}/${idc ?? '*'}`

/** Whether the two may speak of some of the same circuits or queues. */
export const meets = (a: ForceTarget, b: ForceTarget): boolean =>
  a.what === b.what &&
  (a.topic === b.topic || a.topic === EVERY_TOPIC || b.topic === EVERY_TOPIC) &&
  (a.instance === null || b.instance === null || a.instance === b.instance) &&
  (a.idc === null || b.idc === null || a.idc === b.idc)

/** Whether everything the second speaks of the first speaks of, too. */
export const covers = (a: ForceTarget, b: ForceTarget): boolean =>
  meets(a, b) &&
  (a.topic === b.topic || a.topic === EVERY_TOPIC) &&
  (a.instance === null || a.instance === b.instance) &&
  (a.idc === null || a.idc === b.idc)

/** The words of operators that clients of this broker go by, until they end. */
export class Forces {
  readonly #steering: Steering
  readonly #now: () => number
  readonly #standing = new Map<string, StandingForce>()

  /** `now`: the wall clock. */
  constructor(steering: Steering, now: () => number) {
    this.#steering = steering
    this.#now = now
  }

  list(): StandingForce[] {
    const now = this.#now()
    for (const [id, { until }] of this.#standing) if (until <= now) this.#standing.delete(id)
    return [...this.#standing.values()]
  }

  /**
   * It stands from now on; clients that link later hear of it, if it is meant for all. Throws
   * `overloaded`, and nothing has changed, if the broker keeps as many orders as it may.
   */
  stand(force: StandingForce, order: ForceOrder, isForAll: boolean): void {
    if (isForAll) {
      this.#steering.keepOrder(order, force.id, this.#steering.now() + order.forMs)
    }
    this.#standing.set(force.id, force)
  }

  /** It ends, or another one takes its place: nobody who links later may hear of it. */
  end(id: string): void {
    this.#standing.delete(id)
    this.#steering.dropOrder(id)
  }

  /** The same, and clients that are away hear of the end when they come back. */
  endFor({ id, what, instance, until }: StandingForce, end: ForceOrder): void {
    this.end(id)
    const leftMs = Math.round(until - this.#now())
    const wasForOne = what === 'circuit' && instance !== null
    if (leftMs <= 0 || wasForOne) return
    try {
      const order: ForceOrder = { ...end, forMs: leftMs }
      this.#steering.keepOrder(order, id, this.#steering.now() + leftMs)
    } catch {
      // As many are kept as may be: at those clients the word ends by its own time.
    }
  }
}
