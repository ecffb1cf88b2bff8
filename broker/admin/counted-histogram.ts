import { Histogram, type HistogramConfiguration } from 'prom-client'
import { LATENCY_BOUNDS_MS, LATENCY_BUCKETS } from '../../bus/latency.ts'

type Base<L extends string> = Awaited<ReturnType<Histogram<L>['get']>>

interface Series<L extends string> {
  readonly labels: Record<L, string>
  /** By bucket of this histogram, not yet added up; the last lies above all bounds. */
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram, in seconds, that is told counts by bucket of `LATENCY_BOUNDS_MS` instead of single
 * values. Its bounds must be among those, so that nothing has to be guessed.
 */
export class CountedHistogram<L extends string> extends Histogram<L> {
  readonly #name: string
  /** Says what any histogram says of itself. */
  readonly #empty: Histogram<L>
  readonly #bounds: readonly number[]
  /** For each bucket of the counts the one of this histogram that it belongs to. */
  readonly #bucketOf: readonly number[]
  readonly #series = new Map<string, Series<L>>()

  constructor(configuration: HistogramConfiguration<L> & { buckets: number[] }) {
    super(configuration)
    this.#name = configuration.name
    this.#empty = new Histogram({ ...configuration, registers: [] })
    this.#bounds = configuration.buckets
    const bounds = this.#bounds.map((seconds) => Math.round(seconds * 1e6) / 1e3)
    const strange = bounds.find((bound) => !LATENCY_BOUNDS_MS.includes(bound))
    if (strange !== undefined) throw new Error(`no counts are kept up to ${strange} ms`)
    this.#bucketOf = Array.from({ length: LATENCY_BUCKETS }, (_, at) => {
      const upTo = LATENCY_BOUNDS_MS[at] ?? Number.POSITIVE_INFINITY
      const found = bounds.findIndex((bound) => upTo <= bound)
      return found < 0 ? bounds.length : found
    })
  }

  /** Adds counts by bucket of `LATENCY_BOUNDS_MS`, and the sum of what was counted. */
  addCounts(labels: Record<L, string>, counts: readonly number[], sumSeconds: number): void {
    const key = Object.values(labels).join('\n')
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { labels, counts: new Float64Array(this.#bounds.length + 1), sum: 0 }
      this.#series.set(key, series)
    }
    for (const [at, count] of counts.entries()) series.counts[this.#bucketOf[at]!]! += count
    series.sum += sumSeconds
  }

  override async get(): Promise<Base<L>> {
    const values = [...this.#series.values()].flatMap((one) => this.#values(one))
    return { ...(await this.#empty.get()), values }
  }

  /** The registry asks this first. */
  getForPromString(): Promise<Base<L>> {
    return this.get()
  }

  #values({ labels, counts, sum }: Series<L>): Base<L>['values'] {
    const name = this.#name
    let total = 0
    const values: Base<L>['values'] = []
    for (const [at, count] of counts.entries()) {
      total += count
      const le = this.#bounds[at] ?? '+Inf'
      values.push({ labels: { le, ...labels }, value: total, metricName: `${name}_bucket` })
    }
    values.push({ labels, value: sum, metricName: `${name}_sum` })
    values.push({ labels, value: total, metricName: `${name}_count` })
    return values
  }
}
