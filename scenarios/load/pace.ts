/** So many calls a second, evenly, and never a flood to make up for a pause. */

const TICK_MS = 50
/** What was missed for longer is missed. */
const MOST_BEHIND_MS = 500
/** Calls open at once; beyond that whoever answers is slow, and is left in peace. */
const MOST_OPEN = 500

export interface PaceFacts {
  /** Calls a second. */
  rate: number
  /** Makes one; it must not reject. */
  call(n: number): Promise<unknown>
}

export class Pace {
  readonly #facts: PaceFacts
  #timer: NodeJS.Timeout | undefined
  #open = 0
  #n = 0
  /** Calls that are due; a part of one counts. */
  #due = 0
  #lastAt = 0

  constructor(facts: PaceFacts) {
    this.#facts = facts
  }

  begin(): void {
    this.#lastAt = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** No call is made any more; those that are open settle by themselves. */
  end(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { rate, call } = this.#facts
    const now = performance.now()
    this.#due += (rate * Math.min(now - this.#lastAt, MOST_BEHIND_MS)) / 1_000
    this.#lastAt = now
    for (; this.#due >= 1; this.#due -= 1) {
      if (this.#open >= MOST_OPEN) continue
      this.#n += 1
      this.#open += 1
      void call(this.#n).finally(() => {
        this.#open -= 1
      })
    }
  }
}
