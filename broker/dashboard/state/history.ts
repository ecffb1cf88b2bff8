/** The last ten minutes, a compact state a second: what the slider of the timeline goes back to. */
import type { TileName } from './trail.ts'

export interface PastBroker {
  id: string
  idc: string
  word: string
  isGrey: boolean
}

export interface PastState {
  at: number
  /** Calls a second of all requesters; null is unknown. */
  rate: number | null
  sickShare: number | null
  p99: number | null
  waiting: number
  brokers: readonly PastBroker[]
  clients: number
  /** Standing operators' words, one sentence each. */
  forces: readonly string[]
  tiles: readonly TileName[]
  /** Of each tile in turn: state word, and numbers in `PAST_NUMBERS` order; NaN is unknown. */
  words: readonly string[]
  numbers: Float32Array
}

/** rate, sick share, business share, p99, rank of its health. */
export const PAST_NUMBERS = 5
export const HISTORY_MS = 600_000
const LEAST_STEP_MS = 900
const MAX_STATES = 660

export class History {
  readonly states: PastState[] = []

  /** Snapshots between two seconds are left out. */
  note(state: PastState): void {
    const last = this.states.at(-1)
    if (last !== undefined && state.at < last.at) this.states.length = 0
    else if (last !== undefined && state.at - last.at < LEAST_STEP_MS) return
    this.states.push(state)
    while (
      this.states.length > MAX_STATES ||
      (this.states[0] !== undefined && state.at - this.states[0].at > HISTORY_MS)
    ) {
      this.states.shift()
    }
  }

  /** The last state known at an instant. */
  at(instant: number): PastState | undefined {
    return this.states.findLast(({ at }) => at <= instant) ?? this.states[0]
  }
}
