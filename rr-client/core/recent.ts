const SPAN_MS = 5_000

/** How often a thing happened in about the last five seconds, for the price of an addition. */
export class Recent {
  #since = Number.NEGATIVE_INFINITY
  #count = 0
  #before = 0

  note(now: number): void {
    if (now - this.#since >= SPAN_MS) this.#roll(now)
    this.#count += 1
  }

  /** The span before counts for as much of it as is not yet over. */
  at(now: number): number {
    if (now - this.#since >= SPAN_MS) this.#roll(now)
    return Math.round(this.#count + this.#before * (1 - (now - this.#since) / SPAN_MS))
  }

  #roll(now: number): void {
    this.#before = now - this.#since < 2 * SPAN_MS ? this.#count : 0
    this.#count = 0
    this.#since = now
  }
}
