/** Latencies of one window, in buckets of at most 1.6 %: cheap enough to add to on every reply. */

/** Buckets per doubling, as a power of two. */
const FINENESS = 6
const PER_DOUBLING = 1 << FINENESS
/** Kept in eighths of a microsecond, so that a 31-bit number reaches 268 s. */
const UNITS_PER_MS = 8_000
const BUCKETS = (31 - FINENESS) * PER_DOUBLING + PER_DOUBLING

export class Latencies {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    const units = Math.min(ms * UNITS_PER_MS, 0x7fff_ffff) | 0
    const shift = units < PER_DOUBLING ? 0 : 31 - FINENESS - Math.clz32(units)
    this.#buckets[(shift << FINENESS) + (units >>> shift)]! += 1
    this.#count += 1
  }

  /** The latency that this share of the calls did not exceed, in microseconds. */
  quantile(share: number): number {
    let left = Math.max(1, Math.ceil(this.#count * share))
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#buckets[index]!
      if (left <= 0) return middleOf(index)
    }
    return 0
  }
}

/** The middle of a bucket, in microseconds. */
function middleOf(index: number): number {
  const shift = Math.max(0, (index >>> FINENESS) - 1)
  const lowest = (index - (shift << FINENESS)) * 2 ** shift
  return ((lowest + 2 ** shift / 2) / UNITS_PER_MS) * 1_000
}
