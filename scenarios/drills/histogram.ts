/** How long calls took, in buckets of at most 6 %: the same few bytes for ten calls and ten million. */

/** Buckets per doubling, as a power of two. */
const FINENESS = 4
const PER_DOUBLING = 1 << FINENESS
const UNITS_PER_MS = 100
/** Longer ones count as this long: 1,300 s. */
const MOST_UNITS = 2 ** 27 - 1
const BUCKETS = (27 - FINENESS + 1) * PER_DOUBLING

export class Histogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #least = Number.POSITIVE_INFINITY
  #most = 0

  add(ms: number): void {
    const units = Math.max(0, Math.min(Math.floor(ms * UNITS_PER_MS), MOST_UNITS))
    const shift = units < PER_DOUBLING ? 0 : 31 - FINENESS - Math.clz32(units)
    this.#buckets[(shift << FINENESS) + (units >>> shift)]! += 1
    this.#count += 1
    this.#least = Math.min(this.#least, ms)
    this.#most = Math.max(this.#most, ms)
  }

  /** The time that this share did not exceed, within 3 %; undefined when there was none. */
  quantile(share: number): number | undefined {
    if (this.#count === 0) return undefined
    let left = Math.max(1, Math.ceil(this.#count * share))
    let index = 0
    for (; index < BUCKETS - 1; index++) {
      left -= this.#buckets[index]!
      if (left <= 0) break
    }
    const ms = Math.max(this.#least, Math.min(middleOf(index), this.#most))
    return Math.round(ms * 100) / 100
  }
}

const middleOf = (index: number): number => {
  const shift = Math.max(0, (index >>> FINENESS) - 1)
  const lowest = (index - (shift << FINENESS)) * 2 ** shift
  return (lowest + (2 ** shift - 1) / 2) / UNITS_PER_MS
}
