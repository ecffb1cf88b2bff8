/** At most `concurrency` tasks at once, in order: what p-queue is to the real client. */
export class Lane {
  readonly #concurrency: number
  readonly #queued: ((done: () => void) => void)[] = []
  #running = 0
  #most = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  get queued(): number {
    return this.#queued.length
  }

  get running(): number {
    return this.#running
  }

  /** The most that ever ran at once. */
  get most(): number {
    return this.#most
  }

  offer(task: (done: () => void) => void): void {
    this.#queued.push(task)
    this.#pump()
  }

  #pump(): void {
    while (this.#running < this.#concurrency && this.#queued.length > 0) {
      this.#running += 1
      this.#most = Math.max(this.#most, this.#running)
      this.#queued.shift()!(() => {
        this.#running -= 1
        this.#pump()
      })
    }
  }
}
