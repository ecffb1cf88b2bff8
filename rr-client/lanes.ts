import PQueue from 'p-queue'

/**
 * Runs at most `concurrency` tasks at once, in order. A task starts directly while fewer run; only
 * what overflows enters a p-queue, which costs more than the rest of a delivery together. What can
 * overflow is bounded by the credit given to brokers.
 */
export class Lane {
  readonly #concurrency: number
  #overflow: PQueue | undefined
  #direct = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  /** Starts `task` now or later; `done` of it must be called, once, when it has ended. */
  offer(task: (done: () => void) => void): void {
    const overflow = this.#overflow
    const queued = overflow === undefined ? 0 : overflow.size + overflow.pending
    if (queued === 0 && this.#direct < this.#concurrency) {
      this.#direct += 1
      task(this.#directDone)
      return
    }
    this.#wait(task)
  }

  #wait(task: (done: () => void) => void): void {
    this.#overflow ??= new PQueue({ concurrency: 1, autoStart: false })
    this.#share(this.#overflow)
    void this.#overflow.add(() => new Promise<void>((resolve) => task(resolve)))
  }

  readonly #directDone = (): void => {
    this.#direct -= 1
    const overflow = this.#overflow
    if (overflow === undefined) return
    if (overflow.size + overflow.pending > 0) this.#share(overflow)
    else if (this.#direct === 0) this.#overflow = undefined
  }

  /** Those that started directly and those from the p-queue share one limit. */
  #share(overflow: PQueue): void {
    const free = this.#concurrency - this.#direct
    if (free < 1) {
      overflow.pause()
      return
    }
    overflow.concurrency = free
    if (overflow.isPaused) overflow.start()
  }
}
