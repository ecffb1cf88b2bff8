/** What will happen, in order: by instant, then by rank, then first come first served. */
import { Heap } from '../../../bus/heap.ts'

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

export class Agenda {
  readonly #events = new Heap<Event>(isBefore)
  #turns = 0

  get next(): number {
    return this.#events.first?.at ?? Number.POSITIVE_INFINITY
  }

  /** Of the next one. */
  get rank(): number {
    return this.#events.first?.rank ?? 0
  }

  add(at: number, rank: number, act: () => void): void {
    this.#turns += 1
    this.#events.add({ at, rank, turn: this.#turns, act })
  }

  take(): () => void {
    return this.#events.take()!.act
  }
}
