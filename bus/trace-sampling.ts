/** More ordinary events than these in a second, and only some calls are remembered. */
const MOST_PER_SECOND = 20_000
/** Then one call in so many: those whose number is a multiple of it, so that every node keeps the same ones. */
const ONE_IN = 16
const WINDOW_MS = 1_000

/**
 * Which ordinary events of calls a node leaves out of its memory. A ring would forget all of them within
 * the second anyway; of fewer calls it remembers more, and costs less. What is unusual is never left out.
 */
export class TraceSampling {
  /** Events left out so far. */
  skipped = 0
  #since = 0
  #events = 0
  #isBusy = false

  skips(now: number, counter: number): boolean {
    this.#events += 1
    if (now - this.#since >= WINDOW_MS) this.#turn(now)
    if (!this.#isBusy || counter % ONE_IN === 0) return false
    this.skipped += 1
    return true
  }

  #turn(now: number): void {
    this.#isBusy = this.#events * WINDOW_MS > MOST_PER_SECOND * (now - this.#since)
    this.#since = now
    this.#events = 0
  }
}
