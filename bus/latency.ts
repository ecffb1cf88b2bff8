/**
 * Durations counted in buckets. The bounds that OpenTelemetry advises for RPC (0.005 s to 10 s) and
 * three below a millisecond are among them, so that Prometheus can be told exactly; the others between
 * them keep a quantile within a third of the truth.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 10, 12.5, 15, 20, 25,
  30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 750, 1_000, 1_250, 1_500, 2_000,
  2_500, 3_000, 4_000, 5_000, 6_000, 7_500, 10_000, 15_000, 30_000, 60_000,
]
/** One more than bounds: what lies above them all. */
export const LATENCY_BUCKETS = LATENCY_BOUNDS_MS.length + 1

const FINE_STEP_US = 50
const FINE_TOP_US = 20_000
const COARSE_TOP_MS = 10_000

const bucketFor = (ms: number): number => {
  const at = LATENCY_BOUNDS_MS.findIndex((bound) => ms <= bound)
  return at < 0 ? LATENCY_BOUNDS_MS.length : at
}
/** Looked up, not searched: one index per 0.05 ms up to 20 ms, then one per millisecond. */
const FINE = Uint8Array.from({ length: FINE_TOP_US / FINE_STEP_US + 1 }, (_, at) =>
  bucketFor((at * FINE_STEP_US) / 1_000),
)
const COARSE = Uint8Array.from({ length: COARSE_TOP_MS + 1 }, (_, ms) => bucketFor(ms))

/** The bucket of a duration in whole microseconds; bounds belong to the bucket below, as in Prometheus. */
const latencyBucket = (us: number): number => {
  if (us <= 0) return 0
  if (us <= FINE_TOP_US) return FINE[((us + FINE_STEP_US - 1) / FINE_STEP_US) | 0]!
  if (us <= COARSE_TOP_MS * 1_000) return COARSE[((us + 999) / 1_000) | 0]!
  return bucketFor(us / 1_000)
}

/** Counts by bucket. */
export class LatencyCounts {
  /** Whole numbers up to 2^53: 32 bits are full after 12 hours of 100,000 a second. */
  readonly counts = new Float64Array(LATENCY_BUCKETS)
  #sumUs = 0

  get sumMs(): number {
    return this.#sumUs / 1_000
  }

  note(ms: number): void {
    this.noteUs(Math.round(ms * 1_000))
  }

  /** Whole microseconds: on the path of a call fractions would each be an object. */
  noteUs(us: number): void {
    this.counts[latencyBucket(us)]! += 1
    this.#sumUs += us
  }

  /** Takes in what another has counted. */
  add(other: LatencyCounts): void {
    for (let at = 0; at < LATENCY_BUCKETS; at++) this.counts[at]! += other.counts[at]!
    this.#sumUs += other.#sumUs
  }
}

/** As it is told to others: trailing zeros are left out. */
export const shortCounts = (counts: ArrayLike<number>): number[] => {
  let end = counts.length
  while (end > 0 && counts[end - 1] === 0) end -= 1
  return Array.from({ length: end }, (_, at) => counts[at]!)
}

/**
 * The duration below which this share of the counted ones lie, in milliseconds, by linear
 * interpolation within a bucket; undefined if nothing was counted. Trailing zeros may be left out.
 */
export const latencyQuantile = (counts: ArrayLike<number>, share: number): number | undefined => {
  let total = 0
  for (let at = 0; at < counts.length; at++) total += counts[at]!
  if (total === 0) return undefined
  let left = share * total
  for (let at = 0; at < counts.length; at++) {
    const here = counts[at]!
    if (here > 0 && left <= here) {
      const low = at === 0 ? 0 : LATENCY_BOUNDS_MS[at - 1]!
      const high = LATENCY_BOUNDS_MS[at] ?? low
      return low + ((high - low) * left) / here
    }
    left -= here
  }
  return LATENCY_BOUNDS_MS.at(-1)
}
