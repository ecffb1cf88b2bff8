/** What will happen in the world, in order: by instant, then by phase, then first come first served. */
import { Heap } from '../../bus/heap.ts'

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

/** What was called off stays in it until its turn comes, and is passed over. */
export class Agenda {
  readonly #plans = new Heap<Plan>(isBefore)
  #turns = 0

  add(at: number, phase: number, act: () => void): Plan {
    this.#turns += 1
    const plan: Plan = { at, phase, turn: this.#turns, act, isOff: false }
    this.#plans.add(plan)
    return plan
  }

  /** The next that still holds; undefined if there is none. */
  take(): Plan | undefined {
    for (let plan = this.#plans.take(); plan !== undefined; plan = this.#plans.take()) {
      if (!plan.isOff) return plan
    }
    return undefined
  }

  clear(): void {
    this.#plans.clear()
  }
}
