/** How long something is to last, as people type it: `500ms`, `60s`, `10m`, `2h`, or milliseconds. */
import { UsageError } from './failure.ts'

const FORM = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h)?$/
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

export interface DurationBounds {
  leastMs: number
  mostMs: number
}

/** Milliseconds. Throws a UsageError that names the option. */
export const durationOf = (
  option: string,
  text: string,
  { leastMs, mostMs }: DurationBounds,
): number => {
  const [, amount, unit = 'ms'] = FORM.exec(text.trim()) ?? []
  if (amount === undefined) {
    throw new UsageError(
      `${option} must be a time such as 500ms, 60s, 10m or 2h, or a number of milliseconds; got "${text}"`,
    )
  }
  const ms = Math.round(Number(amount) * UNITS[unit as keyof typeof UNITS])
  if (ms >= leastMs && ms <= mostMs) return ms
  throw new UsageError(
    `${option} must be from ${durationText(leastMs)} to ${durationText(mostMs)}; got "${text}"`,
  )
}

/** The same, as it is typed, in the largest unit that is whole. */
export const durationText = (ms: number): string => {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= UNITS[unit] && ms % UNITS[unit] === 0) return `${ms / UNITS[unit]}${unit}`
  }
  return `${ms}ms`
}

/** How long ago, or how much longer: two digits are enough. */
export const roughly = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)}s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)}m`
  return `${Math.round(ms / 3_600_000)}h`
}
