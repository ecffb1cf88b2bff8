import type { Queue } from './queue.ts'
import { Field, isWritable } from './route-field.ts'
import { RouteSubset } from './route-subset.ts'
import type { Session } from './session.ts'

/** A topic with more queues is large: nobody is told all of them. It stays so down to the second. */
const LARGE_ABOVE = 64
const LARGE_DOWN_TO = 48
export const isLarge = (queues: number, wasLarge: boolean): boolean =>
  queues > LARGE_ABOVE || (wasLarge && queues >= LARGE_DOWN_TO)

/** Who knows which queues of one large topic. */
export class RouteSubsets {
  readonly #all: () => Iterable<Queue>
  /** As they are until the next change. */
  #field: Field | undefined
  readonly #bySession = new Map<Session, RouteSubset>()
  readonly #holders = new Map<Queue, Set<RouteSubset>>()

  /** `all` are the queues to draw from. */
  constructor(all: () => Iterable<Queue>) {
    this.#all = all
  }

  get size(): number {
    return this.#bySession.size
  }

  has(session: Session): boolean {
    return this.#bySession.has(session)
  }

  /** Draws the queues that the session is to know from now on. */
  draw(session: Session): Queue[] {
    this.drop(session)
    const subset = new RouteSubset(session)
    this.#field ??= new Field(this.#all())
    subset.draw(this.#field)
    this.#bySession.set(session, subset)
    for (const queue of subset.queues) this.#hold(queue, subset)
    return [...subset.queues]
  }

  drop(session: Session): void {
    const subset = this.#bySession.get(session)
    if (subset === undefined) return
    this.#bySession.delete(session)
    for (const queue of subset.queues) this.#release(queue, subset)
  }

  /**
   * Queues have changed. Returns what concerns whom: queues that a session knows no longer are among
   * them. `short` are the sessions whose queues should be drawn anew.
   */
  apply(changed: readonly Queue[]): { news: Map<RouteSubset, Set<Queue>>; short: Session[] } {
    const news = new Map<RouteSubset, Set<Queue>>()
    for (const queue of changed) {
      for (const subset of this.#holders.get(queue) ?? []) {
        note(news, subset, queue)
        if (queue.state === 'gone') subset.drop(queue)
      }
      if (queue.state === 'gone') this.#holders.delete(queue)
    }
    for (const subset of news.keys()) subset.count()
    for (const queue of changed) if (isWritable(queue)) this.#offer(queue, news)
    const field = new Field(this.#all())
    this.#field = field
    const short = [...news.keys()].filter((subset) => subset.isShort(field))
    return { news, short: short.map(({ session }) => session) }
  }

  #offer(queue: Queue, news: Map<RouteSubset, Set<Queue>>): void {
    for (const subset of this.#bySession.values()) {
      if (!subset.wants(queue)) continue
      const parted = subset.take(queue)
      this.#hold(queue, subset)
      note(news, subset, queue)
      if (parted === undefined) continue
      this.#release(parted, subset)
      note(news, subset, parted)
    }
  }

  #hold(queue: Queue, subset: RouteSubset): void {
    const holders = this.#holders.get(queue)
    if (holders === undefined) this.#holders.set(queue, new Set([subset]))
    else holders.add(subset)
  }

  #release(queue: Queue, subset: RouteSubset): void {
    const holders = this.#holders.get(queue)
    holders?.delete(subset)
    if (holders?.size === 0) this.#holders.delete(queue)
  }
}

const note = (news: Map<RouteSubset, Set<Queue>>, subset: RouteSubset, queue: Queue): void => {
  const noted = news.get(subset)
  if (noted === undefined) news.set(subset, new Set([queue]))
  else noted.add(queue)
}
