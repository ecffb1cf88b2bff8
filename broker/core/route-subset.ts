import { fnv1a, mix } from '../../bus/hash.ts'
import type { Queue } from './queue.ts'
import { type Field, isWritable, keyOf } from './route-field.ts'
import type { Session } from './session.ts'

/** So many queues of a large topic one session knows ... */
const TOLD = 32
/** ... drawn anew when fewer of them are writable. */
const LEAST_WRITABLE = 16
/** Of these, for owners of other data centres, while there are enough at home: for calls that spill. */
const AWAY_SHARE = 8

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
    this.#seed = fnv1a(session.instance)
  }

  get queues(): Iterable<Queue> {
    return this.#ranks.keys()
  }

  has(queue: Queue): boolean {
    return this.#ranks.has(queue)
  }

  /** Takes the best of all: writable ones first, then those at home, then by rank. */
  draw(field: Field): void {
    const [home, homeRest, away, awayRest] = this.#rankings(field)
    const homeCount = Math.min(home.size, Math.max(TOLD - AWAY_SHARE, TOLD - away.size))
    const awayCount = Math.min(away.size, TOLD - homeCount)
    const left = TOLD - homeCount - awayCount
    const homeMore = Math.min(homeRest.size, left)
    const awayMore = Math.min(awayRest.size, left - homeMore)
    this.#ranks.clear()
    home.copy(field, homeCount, this.#ranks)
    away.copy(field, awayCount, this.#ranks)
    homeRest.copy(field, homeMore, this.#ranks)
    awayRest.copy(field, awayMore, this.#ranks)
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
  isShort({ writable, writableIdcs }: Field): boolean {
    if (this.#writable < LEAST_WRITABLE && writable > this.#writable) return true
    return this.#homeWritable === 0 && writableIdcs.has(this.session.idc)
  }

  /** All queues in order of rank: at home and writable, at home, elsewhere and writable, elsewhere. */
  #rankings({ size, keys, idcs, fits, idcNumbers }: Field): Rankings {
    const rankings: Rankings = [new Ranking(), new Ranking(), new Ranking(), new Ranking()]
    const home = idcNumbers.get(this.session.idc) ?? -1
    for (let i = 0; i < size; i++) {
      const kind = (idcs[i] === home ? 0 : 2) + 1 - fits[i]!
      rankings[kind]!.offer(i, mix(this.#seed ^ keys[i]!))
    }
    return rankings
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
    return mix(this.#seed ^ keyOf(queue))
  }
}

type Rankings = [Ranking, Ranking, Ranking, Ranking]

/** The highest ranking queues of one kind, in order, by their places in the field. */
class Ranking {
  readonly #places: number[] = []
  readonly #ranks: number[] = []
  /** How many were offered. */
  count = 0

  get size(): number {
    return this.#places.length
  }

  /** The rank that comes at this turn, from 0; -1 if there is none. */
  rankAt(turn: number): number {
    return this.#ranks[turn] ?? -1
  }

  offer(place: number, rank: number): void {
    this.count += 1
    let turn = this.#ranks.length
    if (turn === TOLD) {
      if (rank <= this.#ranks[TOLD - 1]!) return
      turn -= 1
    }
    for (; turn > 0 && this.#ranks[turn - 1]! < rank; turn--) {
      this.#ranks[turn] = this.#ranks[turn - 1]!
      this.#places[turn] = this.#places[turn - 1]!
    }
    this.#ranks[turn] = rank
    this.#places[turn] = place
  }

  copy({ queues }: Field, count: number, to: Map<Queue, number>): void {
    for (let i = 0; i < count; i++) to.set(queues[this.#places[i]!]!, this.#ranks[i]!)
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
