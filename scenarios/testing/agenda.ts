/** What will happen in the world, in order: by instant, then by phase, then first come first served. */

/** The phases of one turn, as Node has them: timers, what is readable, what waits for both. */
export const Phase = { timer: 0, read: 1, soon: 2 } as const

export interface Plan {
  at: number
  readonly phase: number
  readonly turn: number
  readonly act: () => void
  isOff: boolean
}

const isBefore = (a: Plan, b: Plan): boolean =>
  a.at !== b.at ? a.at < b.at : a.phase !== b.phase ? a.phase < b.phase : a.turn < b.turn

/** A binary heap. What was called off stays in it until its turn comes, and is passed over. */
export class Agenda {
  readonly #heap: Plan[] = []
  #turns = 0

  add(at: number, phase: number, act: () => void): Plan {
    this.#turns += 1
    const plan: Plan = { at, phase, turn: this.#turns, act, isOff: false }
    const heap = this.#heap
    let i = heap.push(plan) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!isBefore(plan, heap[up]!)) break
      heap[i] = heap[up]!
      i = up
    }
    heap[i] = plan
    return plan
  }

  /** The next that still holds; undefined if there is none. */
  take(): Plan | undefined {
    for (let plan = this.#pop(); plan !== undefined; plan = this.#pop()) {
      if (!plan.isOff) return plan
    }
    return undefined
  }

  clear(): void {
    this.#heap.length = 0
  }

  #pop(): Plan | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length > 0) this.#sink(last!)
    return first
  }

  #sink(plan: Plan): void {
    const heap = this.#heap
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down += 1
      if (!isBefore(heap[down]!, plan)) break
      heap[i] = heap[down]!
      i = down
    }
    heap[i] = plan
  }
}
