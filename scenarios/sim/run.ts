/** Walks seeds: how many histories, how many events, what was seen, and what was violated. */
import { drawPlan } from './draw.ts'
import type { Plan } from './plan.ts'
import { playPlan } from './play.ts'
import { shrinkPlan } from './shrink.ts'

export interface Failure {
  readonly seed: number
  readonly checker: string
  readonly message: string
}

/** What some histories have shown. */
export interface Tally {
  histories: number
  events: number
  readonly seen: Set<string>
  readonly failures: Failure[]
  /** Seeds that were played twice and did not give the same history. */
  readonly unlike: number[]
}

/** So many failures are told; more would not help. */
const MAX_FAILURES = 20
/** One seed of so many is played twice. */
const TWICE = 100

export const newTally = (): Tally => ({
  histories: 0,
  events: 0,
  seen: new Set(),
  failures: [],
  unlike: [],
})

/** Plays one seed and adds what came of it. */
export function walkSeed(seed: number, tally: Tally): void {
  const outcome = playPlan(drawPlan(seed))
  tally.histories += 1
  tally.events += outcome.events
  for (const name of outcome.seen) tally.seen.add(name)
  const { violation } = outcome
  if (violation !== undefined && tally.failures.length < MAX_FAILURES) {
    tally.failures.push({ seed, checker: violation.checker, message: violation.message })
  }
  if (seed % TWICE === 0 && playPlan(drawPlan(seed)).digest !== outcome.digest)
    tally.unlike.push(seed)
}

/** The same, as it travels from a process that walked. */
export interface Walked {
  readonly histories: number
  readonly events: number
  readonly seen: readonly string[]
  readonly failures: readonly Failure[]
  readonly unlike: readonly number[]
}

export const mergeTally = (into: Tally, from: Walked): void => {
  into.histories += from.histories
  into.events += from.events
  for (const name of from.seen) into.seen.add(name)
  into.failures.push(...from.failures.slice(0, MAX_FAILURES - into.failures.length))
  into.unlike.push(...from.unlike)
}

/** The smallest plan found that fails by the same checker as this one. */
export const shrinkFailing = (plan: Plan, checker: string): Plan =>
  shrinkPlan(plan, (candidate) => playPlan(candidate).violation?.checker === checker)
