/** What stands in a label for all values that have none of their own. */
export const OTHER = 'other'

/** Values without a place that are remembered, so that they can be counted. */
const MAX_FOLDED = 10_000

/**
 * Which values of a label stand for themselves: the first ones that came, up to a limit. The rest are
 * `other`, so that whoever invents names cannot make the number of series grow.
 */
class LabelRoom {
  readonly #limit: number
  readonly #own = new Set<string>()
  readonly #folded = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Values that are `other` now; at most 10,000 are counted. */
  get folded(): number {
    return this.#folded.size
  }

  of(value: string): string {
    if (this.#own.has(value)) return value
    if (this.#own.size < this.#limit && value !== OTHER) {
      this.#own.add(value)
      this.#folded.delete(value)
      return value
    }
    if (this.#folded.size < MAX_FOLDED) this.#folded.add(value)
    return OTHER
  }

  /** Only these values are there now: the places of the others are free. For gauges, never counters. */
  keep(present: ReadonlySet<string>): void {
    for (const set of [this.#own, this.#folded]) {
      for (const value of set) if (!present.has(value)) set.delete(value)
    }
  }
}

/** The labels of all metrics that grow with what users do. */
export class Labels {
  readonly topic = new LabelRoom(500)
  readonly queue = new LabelRoom(2_000)
  readonly client = new LabelRoom(1_000)
  readonly idc = new LabelRoom(50)
  /** Codes of services; those of the bus are a closed list. */
  readonly code = new LabelRoom(200)
  /** Pairs of topic and client without a series of their own. */
  breakersFolded = 0

  folded(): Record<string, number> {
    const { topic, queue, client, idc, code } = this
    return {
      topic: topic.folded,
      queue: queue.folded,
      client: client.folded,
      idc: idc.folded,
      code: code.folded,
      breaker: this.breakersFolded,
    }
  }
}
