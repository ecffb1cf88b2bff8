/** Calls at a steady pace, whatever becomes of them: an open loop, as customers are one. */
import type { Call } from '../drills/stage.ts'
import type { Caller, CallPlan } from './caller.ts'
import { clock } from './clock.ts'

export interface Plan extends CallPlan {
  /** Calls per second. */
  rate: number
}

export interface BurstPlan extends CallPlan {
  count: number
}

const TICK_MS = 2

export class Pace {
  /** It makes the calls in turn. */
  readonly #callers: readonly Caller[]
  #timer: NodeJS.Timeout | undefined
  #next = 0
  /** Makes no calls for the moment; those that are due are made afterwards. */
  isHeld = false

  constructor(callers: readonly Caller[]) {
    this.#callers = callers
  }

  begin(plan: Plan): void {
    const since = clock()
    let made = 0
    clearInterval(this.#timer)
    if (this.#callers.length === 0) return
    this.#timer = setInterval(() => {
      if (this.isHeld) return
      // After a stall of this process the calls that are due are made all at once.
      for (const due = ((clock() - since) * plan.rate) / 1_000; made < due; made++) this.#make(plan)
    }, TICK_MS)
  }

  /** Those that have settled since it was asked last. */
  take(): Call[] {
    return this.#callers.flatMap((caller) => caller.take())
  }

  /** Makes no more calls. Returns all that were not taken, once each has settled. */
  async end(): Promise<Call[]> {
    clearInterval(this.#timer)
    await Promise.all(this.#callers.map((caller) => caller.quiet()))
    return this.take()
  }

  /** So many calls at once. */
  async burst({ count, ...plan }: BurstPlan): Promise<Call[]> {
    for (let i = 0; i < count; i++) this.#make(plan)
    return this.end()
  }

  /** One call after another until told otherwise. */
  async oneByOne({ count, ...plan }: BurstPlan): Promise<Call[]> {
    for (let i = 0; i < count; i++) {
      this.#make(plan)
      await Promise.all(this.#callers.map((caller) => caller.quiet()))
    }
    return this.end()
  }

  #make(plan: CallPlan): void {
    const caller = this.#callers[this.#next % this.#callers.length]!
    this.#next += 1
    caller.make(plan)
  }
}
