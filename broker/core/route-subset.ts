import { QueueState } from '../../bus/frame.ts'
import type { Queue } from './queue.ts'
import type { Session } from './session.ts'

/** A topic with more queues is large: nobody is told all of them. It stays so down to the second. */
const LARGE_ABOVE = 64
const LARGE_DOWN_TO = 48
/** So many queues of a large topic one session knows ... */
const TOLD = 32
/** ... drawn anew when fewer of them are writable. */
const LEAST_WRITABLE = 16
/** Of these, for owners of other data centres, while there are enough at home: for calls that spill. */
const AWAY_SHARE = 8

export const isLarge = (queues: number, wasLarge: boolean): boolean =>
  queues > LARGE_ABOVE || (wasLarge && queues >= LARGE_DOWN_TO)

const isWritable = (queue: Queue): boolean => queue.routeState === QueueState.writable

/**
 * The queues of a large topic that one session knows: those that rank highest for it (rendezvous
 * hashing), so that sessions spread over all queues, and a queue that comes or goes concerns few of
 * them. Owners of the session's data centre come first.
 */
export class RouteSubset {
  readonly session: Session
  readonly #seed: number
  readonly #ranks = new Map<Queue, number>()
  /** What ranks lower is left to others, unless this session is short of queues. */
  #homeBar = 0
  #awayBar = 0
  #writable = 0
  #homeWritable = 0

  constructor(session: Session) {
    this.session = session
    this.#seed = hashOf(session.instance)
  }

  get queues(): Iterable<Queue> {
    return this.#ranks.keys()
  }

  has(queue: Queue): boolean {
    return this.#ranks.has(queue)
  }

  /** Takes the best of all: writable ones first, then those at home, then by rank. */
  draw(all: Iterable<Queue>): void {
    const home = new Ranking()
    const homeRest = new Ranking()
    const away = new Ranking()
    const awayRest = new Ranking()
    for (const queue of all) {
      if (queue.state === 'assigning') continue
      const isFit = isWritable(queue)
      const kind = this.#isHome(queue) ? (isFit ? home : homeRest) : isFit ? away : awayRest
      kind.offer(queue, this.#rank(queue))
    }
    const homeCount = Math.min(home.size, Math.max(TOLD - AWAY_SHARE, TOLD - away.size))
    const awayCount = Math.min(away.size, TOLD - homeCount)
    const left = TOLD - homeCount - awayCount
    const homeMore = Math.min(homeRest.size, left)
    const awayMore = Math.min(awayRest.size, left - homeMore)
    this.#ranks.clear()
    home.copy(homeCount, this.#ranks)
    away.copy(awayCount, this.#ranks)
    homeRest.copy(homeMore, this.#ranks)
    awayRest.copy(awayMore, this.#ranks)
    this.#homeBar = barOf(home, homeRest, Math.max(TOLD - AWAY_SHARE, homeCount + homeMore))
    this.#awayBar = barOf(away, awayRest, Math.max(AWAY_SHARE, awayCount + awayMore))
    this.#writable = homeCount + awayCount
    this.#homeWritable = homeCount
  }

  /** The queue is writable, and among the best for this session, or it is short of such. */
  wants(queue: Queue): boolean {
    const isHome = this.#isHome(queue)
    const isShort = this.#writable < LEAST_WRITABLE || (isHome && this.#homeWritable === 0)
    if (!isShort && this.#rank(queue) < (isHome ? this.#homeBar : this.#awayBar)) return false
    return !this.has(queue)
  }

  /** Takes the queue in. Returns the one that had to make room for it, if one had to. */
  take(queue: Queue): Queue | undefined {
    this.#ranks.set(queue, this.#rank(queue))
    this.#writable += 1
    if (this.#isHome(queue)) this.#homeWritable += 1
    if (this.#ranks.size <= TOLD) return undefined
    const last = this.#last()
    const rank = this.#ranks.get(last)!
    this.#ranks.delete(last)
    // What was not writable is welcome again when it is.
    if (!isWritable(last)) return last
    this.#writable -= 1
    if (this.#isHome(last)) {
      this.#homeWritable -= 1
      this.#homeBar = Math.max(this.#homeBar, rank)
    } else this.#awayBar = Math.max(this.#awayBar, rank)
    return last
  }

  drop(queue: Queue): void {
    this.#ranks.delete(queue)
  }

  /** Counts again after its queues have changed. */
  count(): void {
    this.#writable = 0
    this.#homeWritable = 0
    for (const queue of this.#ranks.keys()) {
      if (!isWritable(queue)) continue
      this.#writable += 1
      if (this.#isHome(queue)) this.#homeWritable += 1
    }
  }

  /** It has few writable queues, and there are others: it should be drawn anew. */
  isShort({ writable, byIdc }: Census): boolean {
    if (this.#writable < LEAST_WRITABLE && writable > this.#writable) return true
    return this.#homeWritable === 0 && byIdc.has(this.session.idc)
  }

  /** The one to part with: not writable if there is such, otherwise of the kind that has too many. */
  #last(): Queue {
    const areAllWritable = this.#writable >= this.#ranks.size
    const isAwayFirst = this.#writable - this.#homeWritable > AWAY_SHARE
    let last: Queue | undefined
    let lowest = Number.POSITIVE_INFINITY
    for (const [queue, rank] of this.#ranks) {
      if (rank >= lowest) continue
      if (areAllWritable ? this.#isHome(queue) === isAwayFirst : isWritable(queue)) continue
      last = queue
      lowest = rank
    }
    return last!
  }

  #isHome(queue: Queue): boolean {
    return queue.owner.idc === this.session.idc
  }

  #rank(queue: Queue): number {
    return mix(this.#seed ^ Math.imul(queue.handle, 0x9e3779b1))
  }
}

/** Writable queues of a topic, in all and by the data centres of their owners. */
interface Census {
  writable: number
  readonly byIdc: Map<string, number>
}

/** Who knows which queues of one large topic. */
export class RouteSubsets {
  readonly #bySession = new Map<Session, RouteSubset>()
  readonly #holders = new Map<Queue, Set<RouteSubset>>()

  has(session: Session): boolean {
    return this.#bySession.has(session)
  }

  /** Draws the queues that the session is to know from now on. */
  draw(session: Session, all: Iterable<Queue>): Queue[] {
    this.drop(session)
    const subset = new RouteSubset(session)
    subset.draw(all)
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
  apply(
    changed: readonly Queue[],
    all: Iterable<Queue>,
  ): { news: Map<RouteSubset, Set<Queue>>; short: Session[] } {
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
    const census = censusOf(all)
    const short = [...news.keys()].filter((subset) => subset.isShort(census))
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

/** The highest ranking queues of one kind, in order. */
class Ranking {
  readonly #queues: Queue[] = []
  readonly #ranks: number[] = []
  /** How many were offered. */
  count = 0

  get size(): number {
    return this.#queues.length
  }

  /** The rank in that place, from 0; -1 if there is none. */
  rankAt(place: number): number {
    return this.#ranks[place] ?? -1
  }

  offer(queue: Queue, rank: number): void {
    this.count += 1
    let place = this.#ranks.length
    if (place === TOLD) {
      if (rank <= this.#ranks[TOLD - 1]!) return
      place -= 1
    }
    for (; place > 0 && this.#ranks[place - 1]! < rank; place--) {
      this.#ranks[place] = this.#ranks[place - 1]!
      this.#queues[place] = this.#queues[place - 1]!
    }
    this.#ranks[place] = rank
    this.#queues[place] = queue
  }

  copy(count: number, to: Map<Queue, number>): void {
    for (let i = 0; i < count; i++) to.set(this.#queues[i]!, this.#ranks[i]!)
  }
}

/** The lowest of the `count` highest ranks of both; 0 if they are no more than that. */
const barOf = (a: Ranking, b: Ranking, count: number): number => {
  if (a.count + b.count <= count) return 0
  let [i, j] = [0, 0]
  while (i + j < count - 1) {
    if (a.rankAt(i) >= b.rankAt(j)) i += 1
    else j += 1
  }
  return Math.max(a.rankAt(i), b.rankAt(j))
}

const censusOf = (all: Iterable<Queue>): Census => {
  const byIdc = new Map<string, number>()
  let writable = 0
  for (const queue of all) {
    if (!isWritable(queue)) continue
    const { idc } = queue.owner
    writable += 1
    byIdc.set(idc, (byIdc.get(idc) ?? 0) + 1)
  }
  return { writable, byIdc }
}

const note = (news: Map<RouteSubset, Set<Queue>>, subset: RouteSubset, queue: Queue): void => {
  const noted = news.get(subset)
  if (noted === undefined) news.set(subset, new Set([queue]))
  else noted.add(queue)
}

/** FNV-1a. */
const hashOf = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** The final mix of MurmurHash3. */
const mix = (n: number): number => {
  let h = n ^ (n >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
