import type { Gauge } from 'prom-client'

interface Entry<L extends string> {
  readonly labels: Record<L, string>
  value: number
}

/** Values by their labels, put together anew at each scrape: what is gone has no series any more. */
export class Tally<L extends string> {
  readonly #entries = new Map<string, Entry<L>>()

  add(labels: Record<L, string>, by: number): void {
    this.#entry(labels).value += by
  }

  /** Keeps the greatest of the values. */
  raise(labels: Record<L, string>, to: number): void {
    const entry = this.#entry(labels)
    if (to > entry.value) entry.value = to
  }

  /** The greatest first. */
  sorted(): readonly Entry<L>[] {
    return [...this.#entries.values()].sort((a, b) => b.value - a.value)
  }

  fill(gauge: Gauge<L>): void {
    gauge.reset()
    for (const { labels, value } of this.#entries.values()) gauge.set(labels, value)
  }

  #entry(labels: Record<L, string>): Entry<L> {
    let key = ''
    for (const name in labels) key += `${labels[name]}\n`
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { labels, value: 0 }
      this.#entries.set(key, entry)
    }
    return entry
  }
}
