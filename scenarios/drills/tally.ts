/** What can be said of many calls, without keeping any of them. */
import { Histogram } from './histogram.ts'
import type { Call } from './stage.ts'

/** Codes are few; a service that makes up one for each call must not fill the memory. */
const MAX_CODES = 100
const OTHER = 'other'

export interface Failures {
  readonly code: string
  readonly outcome: string
  readonly count: number
}

export class Tally {
  made = 0
  ok = 0
  /** Answered in the caller's own IDC. */
  local = 0
  executed = 0
  notExecuted = 0
  unknown = 0
  /** When the last one that failed was made. */
  lastFailedAt: number | undefined
  readonly #times = new Histogram()
  readonly #failures = new Map<string, { code: string; outcome: string; count: number }>()

  add(call: Call): void {
    this.made += 1
    this.#times.add(call.ms)
    if (call.code === 'ok') {
      this.ok += 1
      if (call.byIdc === call.idc) this.local += 1
      return
    }
    if (call.outcome === 'unknown') this.unknown += 1
    else if (call.outcome === 'executed') this.executed += 1
    else this.notExecuted += 1
    this.lastFailedAt = Math.max(this.lastFailedAt ?? call.at, call.at)
    this.#noteFailure(call)
  }

  get failed(): number {
    return this.made - this.ok
  }

  get p50(): number | undefined {
    return this.#times.quantile(0.5)
  }

  get p99(): number | undefined {
    return this.#times.quantile(0.99)
  }

  /** By code and outcome, the most frequent first. */
  get failures(): Failures[] {
    return [...this.#failures.values()].sort(
      (a, b) => b.count - a.count || (a.code < b.code ? -1 : 1),
    )
  }

  /** By code alone, for a reader. */
  get codes(): { code: string; count: number }[] {
    const counts = new Map<string, number>()
    for (const { code, count } of this.failures) counts.set(code, (counts.get(code) ?? 0) + count)
    return [...counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count)
  }

  #noteFailure({ code, outcome }: Call): void {
    const key = `${code} ${outcome}`
    const known = this.#failures.get(key)
    if (known !== undefined) known.count += 1
    else if (this.#failures.size < MAX_CODES) {
      this.#failures.set(key, { code, outcome, count: 1 })
    } else this.#noteOther(outcome)
  }

  #noteOther(outcome: string): void {
    const key = `${OTHER} ${outcome}`
    const known = this.#failures.get(key) ?? { code: OTHER, outcome, count: 0 }
    known.count += 1
    this.#failures.set(key, known)
  }
}

/** A share in percent, to two digits. */
export const percentOf = (part: number, whole: number): number =>
  Math.round((part / whole) * 10_000) / 100
