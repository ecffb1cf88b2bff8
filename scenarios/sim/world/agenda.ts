/** What will happen, in order: by instant, then by rank, then first come first served. */

/** Within one instant what is readable is read before what fell due, as the loop's gate has it. */
export const Rank = { read: 0, due: 1, flush: 2, told: 3 } as const

interface Event {
  at: number
  rank: number
  turn: number
  act: () => void
}

const isBefore = (a: Event, b: Event): boolean =>
  a.at !== b.at ? a.at < b.at : a.rank !== b.rank ? a.rank < b.rank : a.turn < b.turn

/** A binary heap of events. */
export class Agenda {
  readonly #heap: Event[] = []
  #turns = 0

  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Of the next one. */
  get rank(): number {
    return this.#heap[0]?.rank ?? 0
  }

  add(at: number, rank: number, act: () => void): void {
    this.#turns += 1
    const event = { at, rank, turn: this.#turns, act }
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!isBefore(event, heap[up]!)) break
      heap[i] = heap[up]!
      i = up
    }
    heap[i] = event
  }

  take(): () => void {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    return first.act
  }

  #sink(event: Event): void {
    const heap = this.#heap
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down += 1
      if (!isBefore(heap[down]!, event)) break
      heap[i] = heap[down]!
      i = down
    }
    heap[i] = event
  }
}
