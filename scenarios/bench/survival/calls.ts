/** What became of calls, one by one, and what can be said of many of them. */

import { ranTwice } from '../../checkers/at-most-once.ts'
import { lieOf } from '../../checkers/truth.ts'
import type { Call, Ledger } from '../../drills/stage.ts'

export type { Call, Ledger } from '../../drills/stage.ts'
export { clock } from '../../live/clock.ts'

export const isOk = ({ code }: Call): boolean => code === 'ok'

export const endOf = ({ at, ms }: Call): number => at + ms

export const failedOf = (calls: readonly Call[]): Call[] => calls.filter((call) => !isOk(call))

export const madeIn = (calls: readonly Call[], from: number, to: number): Call[] =>
  calls.filter(({ at }) => at >= from && at < to)

/** Calls that were under way at that instant. */
export const openAt = (calls: readonly Call[], instant: number): Call[] =>
  calls.filter((call) => call.at <= instant && endOf(call) > instant)

/** How often each code came, for a reader. */
export const codesOf = (calls: readonly Call[]): string => {
  const counts = new Map<string, number>()
  for (const { code } of calls) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts].map(([code, count]) => `${count} ${code}`).join(', ')
}

/** The time that this share of the calls did not exceed. */
export const quantile = (calls: readonly Call[], share: number): number => {
  const times = calls.map(({ ms }) => ms).sort((a, b) => a - b)
  return times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0
}

/** Calls that no caller allowed to run twice, and that did. */
export const twiceOf = (calls: readonly Call[], ledger: Ledger): Call[] =>
  calls.filter((call) => ranTwice(call, ledger.get(call.id) ?? 0))

/** Calls whose caller was told what is not so: done and it was not, not done and it was. */
export const misledOf = (calls: readonly Call[], ledger: Ledger): Call[] =>
  calls.filter(({ id, outcome }) => lieOf(outcome, ledger.get(id) ?? 0) !== undefined)

/** How many calls each responder answered. */
const sharesOf = (calls: readonly Call[]): Map<string, number> => {
  const shares = new Map<string, number>()
  for (const call of calls) {
    if (isOk(call)) shares.set(call.by, (shares.get(call.by) ?? 0) + 1)
  }
  return shares
}

/** How far the share of one is from the mean of them all, at most: 0.15 is 15 % more or less. */
export const unevennessOf = (calls: readonly Call[], names: readonly string[]): number => {
  const shares = sharesOf(calls)
  const mean = names.reduce((sum, name) => sum + (shares.get(name) ?? 0), 0) / names.length
  if (mean === 0) return Number.POSITIVE_INFINITY
  return Math.max(...names.map((name) => Math.abs((shares.get(name) ?? 0) / mean - 1)))
}
