import { performance } from 'node:perf_hooks'

/** Milliseconds of a clock that never goes back. Only durations of it mean anything. */
export type Clock = () => number

/** Whole milliseconds, as cores get them. */
export const monotonicClock: Clock = () => Math.floor(performance.now())

/** The same clock to its last digit, for what takes less than a millisecond. */
export const fineClock: Clock = () => performance.now()
