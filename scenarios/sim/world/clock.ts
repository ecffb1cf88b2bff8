/** How a process's clock differs from the time of the world. */
export interface ClockAsk {
  /** Milliseconds it counts while one passes. */
  readonly rate: number
  /** What it shows at the instant 0 of the world. */
  readonly offset: number
}

/** The time of the world itself. */
const TRUE_CLOCK: ClockAsk = { rate: 1, offset: 0 }

/** A process's own clock, in whole milliseconds: it need not show, nor run, as others do. */
export class NodeClock {
  readonly #rate: number
  readonly #offset: number

  constructor({ rate, offset }: ClockAsk = TRUE_CLOCK) {
    if (!(rate > 0.5 && rate < 2)) throw new Error(`a clock runs at 0.5 to 2, not at ${rate}`)
    this.#rate = rate
    this.#offset = offset
  }

  /** What it shows at an instant of the world. */
  at(worldInstant: number): number {
    if (this.#rate === 1) return worldInstant + this.#offset
    return Math.floor(worldInstant * this.#rate + this.#offset)
  }

  /** The instant of the world at which it shows `instant`, or has just passed it. */
  worldAt(instant: number): number {
    if (this.#rate === 1) return Math.ceil(instant) - this.#offset
    const guess = Math.ceil((instant - this.#offset) / this.#rate)
    return this.at(guess) < instant ? guess + 1 : guess
  }

  /** How long a timer of so many milliseconds takes in the world. */
  worldMs(ms: number): number {
    return this.#rate === 1 ? ms : Math.ceil(ms / this.#rate)
  }
}
