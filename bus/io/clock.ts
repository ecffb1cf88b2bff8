import { performance } from 'node:perf_hooks'

/** Whole milliseconds of a clock that never goes back. Only durations of it mean anything. */
export type Clock = () => number

export const monotonicClock: Clock = () => Math.floor(performance.now())
