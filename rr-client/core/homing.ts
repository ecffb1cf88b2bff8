/**
 * How long the home data centre must do again before calls return to it, doubling each time that it
 * fails soon after; WIRE-SAFETY M19. And how long they take to return.
 */
const FIRST_WAIT_MS = 3_000
const LAST_WAIT_MS = 600_000
const RAMP_FROM = 0.1
const RAMP_MS = 5_000
/** Home for so many waits, its failures are forgotten. */
const STABLE_WAITS = 10

/**
 * Where the calls of a topic belong that has had to leave its data centre: away, until home has been
 * fit for a while, then back in steps, so that those who have just recovered are not run over.
 */
export class Homing {
  #state: 'home' | 'away' | 'returning' = 'home'
  #waitMs = FIRST_WAIT_MS
  #homeSince = Number.NEGATIVE_INFINITY
  #usableSince = -1
  #returnedAt = 0

  get isAway(): boolean {
    return this.#state !== 'home'
  }

  /** No queue of the home data centre could take a call. */
  leave(now: number): void {
    this.#usableSince = -1
    if (this.#state === 'away') return
    const isSoon =
      this.#state === 'returning' || now - this.#homeSince < this.#waitMs * STABLE_WAITS
    this.#waitMs = isSoon ? Math.min(LAST_WAIT_MS, this.#waitMs * 2) : FIRST_WAIT_MS
    this.#state = 'away'
  }

  /** The share of the calls that go home, now that a queue there could take one: 0 to 1. */
  share(now: number): number {
    if (this.#state === 'home') return 1
    if (this.#state === 'away') {
      if (this.#usableSince < 0) this.#usableSince = now
      if (now - this.#usableSince < this.#waitMs) return 0
      this.#state = 'returning'
      this.#returnedAt = now
    }
    const share = RAMP_FROM + ((1 - RAMP_FROM) * (now - this.#returnedAt)) / RAMP_MS
    if (share < 1) return share
    this.#state = 'home'
    this.#homeSince = now
    return 1
  }
}
