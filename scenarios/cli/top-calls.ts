/** Calls that settled within a while, by how they ended: rates, shares and quantiles. */
import type { ClientPart } from '../../broker/index.ts'
import { latencyQuantile } from '../../bus/index.ts'

type Called = ClientPart['topics'][number]

export interface CallsSince {
  ends: Readonly<Record<string, number>>
  latency: readonly number[]
}

/** `ok`, and codes of the bus are in lower case; a service's own are its answers, and no failures. */
const FAILED = /^(?!ok$)[a-z]/

/**
 * What was added to a client's totals. A client that was there before and called the topic for the
 * first time since counts whole; one that nobody knew before does not, for its totals are of its life.
 */
export const callsSince = (
  called: Called,
  former: Called | undefined,
  isKnown: boolean,
): CallsSince => {
  if (former === undefined && !isKnown) return { ends: {}, latency: [] }
  const ends = Object.entries(called.ends).map(
    ([end, count]) => [end, Math.max(0, count - (former?.ends[end] ?? 0))] as const,
  )
  const latency = called.latency.map((count, i) => Math.max(0, count - (former?.latency[i] ?? 0)))
  return { ends: Object.fromEntries(ends), latency }
}

export class Calls {
  readonly #seconds: number
  readonly #ends = new Map<string, number>()
  readonly #latency: number[] = []

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  add({ ends, latency }: CallsSince): void {
    for (const [end, count] of Object.entries(ends)) {
      if (count > 0) this.#ends.set(end, (this.#ends.get(end) ?? 0) + count)
    }
    latency.forEach((count, i) => {
      this.#latency[i] = (this.#latency[i] ?? 0) + count
    })
  }

  get #all(): number {
    return [...this.#ends.values()].reduce((total, count) => total + count, 0)
  }

  /** A second; undefined when it is not known. */
  get rate(): number | undefined {
    return this.#seconds > 0 ? this.#all / this.#seconds : undefined
  }

  /** Of all calls, those that the bus could not have answered; 0 when there were none. */
  get failedShare(): number {
    const all = this.#all
    if (all === 0) return 0
    const failed = [...this.#ends].filter(([end]) => FAILED.test(end))
    return failed.reduce((total, [, count]) => total + count, 0) / all
  }

  /** `99.9%`; nearly all is not all. */
  get okText(): string | undefined {
    if (this.#all === 0) return undefined
    return `${Math.floor((1 - this.failedShare) * 1_000) / 10}%`
  }

  /** The most frequent failure. */
  get worstEnd(): string {
    const failed = [...this.#ends].filter(([end]) => FAILED.test(end))
    return failed.sort(([, a], [, b]) => b - a)[0]?.[0] ?? ''
  }

  get p99Ms(): number | undefined {
    return latencyQuantile(this.#latency, 0.99)
  }
}
