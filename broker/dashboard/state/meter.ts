/** What flows, as differences of successive totals. */
import { latencyQuantile } from '../../../bus/latency.ts'
import type { Tally } from './ends.ts'

/** Totals of one instance or queue, as one snapshot has them. */
export interface Reading {
  at: number
  tally: Tally
  /** Counts by bucket of `LATENCY_BOUNDS_MS`. */
  latency: readonly number[]
}

/** What happens now. Null is unknown, and never zero. */
export interface Flow {
  /** Calls a second. */
  rate: number | null
  /** Of the calls; null when there were none, too. */
  sickShare: number | null
  businessShare: number | null
  p50: number | null
  p99: number | null
}

const NO_FLOW: Flow = {
  ...{ rate: null, sickShare: null, businessShare: null, p50: null, p99: null },
}

/** Rates are means over so long: clients report once a second, and not at the page's second. */
const RATE_WINDOW_MS = 5_000
const LATENCY_WINDOW_MS = 10_000

/** What was counted within the windows. */
export interface Counted {
  /** Calls a second, by kind. */
  perSecond: Tally
  /** Differences by bucket, over the longer window. */
  latency: number[]
}

const KINDS = ['calls', 'ok', 'business', 'sick'] as const

export class Meter {
  #readings: Reading[] = []
  #counted: Counted | undefined

  /** A smaller total, or an earlier instant, is a new life: what was read before says nothing. */
  note(reading: Reading): void {
    const last = this.#readings.at(-1)
    if (last !== undefined && last.at === reading.at) return
    this.#counted = undefined
    if (last !== undefined && !isLater(last, reading)) this.#readings = []
    this.#readings.push(reading)
    while (
      this.#readings[1] !== undefined &&
      reading.at - this.#readings[1].at >= LATENCY_WINDOW_MS
    )
      this.#readings.shift()
  }

  /** Undefined until there are two readings of one life. */
  counted(): Counted | undefined {
    this.#counted ??= this.#count()
    return this.#counted
  }

  #count(): Counted | undefined {
    const last = this.#readings.at(-1)
    const first = this.#readings[0]
    if (last === undefined || first === undefined || first === last) return undefined
    const within = this.#readings.findLast(({ at }) => last.at - at >= RATE_WINDOW_MS) ?? first
    const seconds = (last.at - within.at) / 1_000
    const of = (kind: (typeof KINDS)[number]): number =>
      (last.tally[kind] - within.tally[kind]) / seconds
    return {
      perSecond: { calls: of('calls'), ok: of('ok'), business: of('business'), sick: of('sick') },
      latency: last.latency.map((count, at) => Math.max(0, count - (first.latency[at] ?? 0))),
    }
  }
}

const isLater = (before: Reading, after: Reading): boolean =>
  after.at > before.at && KINDS.every((kind) => after.tally[kind] >= before.tally[kind])

/** Of several instances together; those of which nothing is known yet add nothing. */
export const flowOf = (parts: readonly (Counted | undefined)[]): Flow => {
  const known = parts.filter((part) => part !== undefined)
  const [first] = known
  if (first === undefined) return NO_FLOW
  const sum = (kind: (typeof KINDS)[number]): number =>
    known.reduce((total, { perSecond }) => total + perSecond[kind], 0)
  const rate = sum('calls')
  const latency = known.length === 1 ? first.latency : sumOf(known)
  return {
    rate,
    sickShare: rate > 0 ? sum('sick') / rate : null,
    businessShare: rate > 0 ? sum('business') / rate : null,
    p50: latencyQuantile(latency, 0.5) ?? null,
    p99: latencyQuantile(latency, 0.99) ?? null,
  }
}

const sumOf = (parts: readonly Counted[]): number[] => {
  const sum: number[] = []
  for (const { latency } of parts) {
    for (let at = 0; at < latency.length; at++) sum[at] = (sum[at] ?? 0) + latency[at]!
  }
  return sum
}
