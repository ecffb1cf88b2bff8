import { ReturnWait } from '../../bus/return-wait.ts'

/** Calls return in steps: from this share to all of them. */
const RAMP_FROM = 0.1
const RAMP_MS = 5_000

/**
 * Where the calls of a topic belong that has had to leave its data centre: away, until home has been
 * fit for a while, then back in steps, so that those who have just recovered are not run over.
 */
export class Homing {
  #state: 'home' | 'away' | 'returning' = 'home'
  readonly #wait = new ReturnWait()
  #usableSince = -1
  #returnedAt = 0

  get isAway(): boolean {
    return this.#state !== 'home'
  }

  /** No queue of the home data centre could take a call. */
  leave(now: number): void {
    this.#usableSince = -1
    if (this.#state === 'away') return
    this.#wait.failed(now, this.#state === 'returning')
    this.#state = 'away'
  }

  /** The share of the calls that go home, now that a queue there could take one: 0 to 1. */
  share(now: number): number {
    if (this.#state === 'home') return 1
    if (this.#state === 'away') {
      if (this.#usableSince < 0) this.#usableSince = now
      if (now - this.#usableSince < this.#wait.ms) return 0
      this.#state = 'returning'
      this.#returnedAt = now
    }
    const share = RAMP_FROM + ((1 - RAMP_FROM) * (now - this.#returnedAt)) / RAMP_MS
    if (share < 1) return share
    this.#state = 'home'
    this.#wait.returned(now)
    return 1
  }
}
