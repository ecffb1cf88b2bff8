import { type Clock, fineClock, monotonicClock } from './clock.ts'
import { newId, newLife, newSecret, newSeed } from './ids.ts'

/** What `setTimer` gave, to be handed back to `clearTimer`. */
export type Timer = object

/** A circuit as far as its timer goes: `open` sets it, the others clear it. */
export interface TimedCircuit {
  open(): void
  close(): void
  shutdown(): void
}

/**
 * The time, the turns and the chance that a client or a broker lives by: Node's own, or those of a
 * world in which tests run.
 */
export interface Runtime {
  readonly now: Clock
  /** The same with fractions, whose whole part is `now`; a world without them has none here either. */
  readonly fineNow: Clock
  readonly setTimer: (task: () => void, ms: number) => Timer
  readonly clearTimer: (timer: Timer | undefined) => void
  /** Again and again; it alone keeps no process alive. */
  readonly setTicker: (task: () => void, ms: number) => Timer
  /** At the end of this turn, after everything readable in it was read. */
  readonly soon: (task: () => void) => void
  readonly newId: () => string
  readonly newSecret: () => string
  readonly newLife: () => number
  readonly newSeed: () => number
  /** Takes over the timer that a circuit sets by itself; for worlds whose time is not Node's. */
  readonly adopt: ((circuit: TimedCircuit) => void) | undefined
}

export const nodeRuntime: Runtime = {
  now: monotonicClock,
  fineNow: fineClock,
  setTimer: (task, ms) => setTimeout(task, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  setTicker: (task, ms) => setInterval(task, ms).unref(),
  soon: (task) => {
    setImmediate(task)
  },
  newId,
  newSecret,
  newLife,
  newSeed,
  adopt: undefined,
}
