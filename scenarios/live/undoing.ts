/** What will be undone by itself after a while. */

export class Undoing {
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #onFailure: (failure: string) => void

  constructor(onFailure: (failure: string) => void) {
    this.#onFailure = onFailure
  }

  after(ms: number | undefined, what: string, undo: () => void | Promise<void>): void {
    if (ms === undefined) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      Promise.resolve()
        .then(undo)
        .catch((error: Error) => this.#onFailure(`end of "${what}": ${error.message}`))
    }, ms)
    this.#timers.add(timer)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
