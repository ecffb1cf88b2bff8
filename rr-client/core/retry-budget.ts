/**
 * A topic's tokens for retries, so that retrying cannot multiply load: each costs one, a success
 * returns a tenth, one a second comes back by itself (after gRFC A6 and Finagle's retry budgets).
 */
const TOKENS = 10
const RETURNED = 0.1
const PER_MS = 1 / 1_000

export class RetryBudget {
  #tokens = TOKENS
  #at = 0

  /** Takes a token; false when there is none. */
  take(now: number): boolean {
    this.#tokens = Math.min(TOKENS, this.#tokens + Math.max(0, now - this.#at) * PER_MS)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  succeed(): void {
    if (this.#tokens < TOKENS) this.#tokens += RETURNED
  }
}
