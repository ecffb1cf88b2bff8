import { Deadlines } from '../../bus/deadlines.ts'
import { FutureTable, type RequestResponseFuture } from './future.ts'

/** The calls of ours that are open, by their numbers, and when each of them is to be looked at. */
export class OpenCalls {
  readonly #short: FutureTable
  readonly #long: FutureTable
  readonly #deadlines = new Deadlines((id) => this.find(Math.abs(id), id < 0)?.wakeAt ?? -1)

  constructor(firstCounter: number) {
    this.#short = new FutureTable(firstCounter)
    this.#long = new FutureTable(firstCounter)
  }

  get size(): number {
    return this.#short.size + this.#long.size
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  /** Gives it its number, and arms its deadline. */
  add(now: number, future: RequestResponseFuture): void {
    this.#tableOf(future).add(future)
    this.#deadlines.arm(now, future.deadline, idOf(future))
  }

  delete(future: RequestResponseFuture): void {
    this.#tableOf(future).delete(future)
  }

  find(counter: number, isLong: boolean): RequestResponseFuture | undefined {
    return (isLong ? this.#long : this.#short).find(counter)
  }

  /** What responders may forget of the calls of this one's series. */
  floorFor(future: RequestResponseFuture): number {
    return this.#tableOf(future).floor
  }

  *values(): Generator<RequestResponseFuture> {
    yield* this.#short.values()
    yield* this.#long.values()
  }

  /** Something is to be done for it earlier than was known. */
  wakeAt(now: number, future: RequestResponseFuture, instant: number): void {
    if (instant >= future.wakeAt) return
    future.wakeAt = instant
    this.#deadlines.arm(now, instant, idOf(future))
  }

  due(now: number, visit: (future: RequestResponseFuture) => void): void {
    this.#deadlines.due(now, (id) => visit(this.find(Math.abs(id), id < 0)!))
  }

  #tableOf({ isLong }: RequestResponseFuture): FutureTable {
    return isLong ? this.#long : this.#short
  }
}

const idOf = (future: RequestResponseFuture): number =>
  future.isLong ? -future.counter : future.counter
