/** The first wait, and the last: it doubles whenever a return was too soon (WIRE-SAFETY M19). */
const FIRST_MS = 3_000
const LAST_MS = 600_000
/** A return that held for so many waits was none too soon. */
const STABLE_WAITS = 10

/** How long what has failed must do again before one returns to it. */
export class ReturnWait {
  ms = FIRST_MS
  #returnedAt = Number.NEGATIVE_INFINITY

  /** It fails; `isReturning` when one was not even back yet. */
  failed(now: number, isReturning = false): void {
    const isSoon =
      isReturning || now - this.#returnedAt < Math.max(FIRST_MS, this.ms) * STABLE_WAITS
    this.ms = isSoon ? Math.min(LAST_MS, Math.max(FIRST_MS, this.ms * 2)) : FIRST_MS
  }

  /** Nothing was lost by this failure: one returns at once. */
  waive(): void {
    this.ms = 0
  }

  returned(now: number): void {
    this.#returnedAt = now
  }
}
