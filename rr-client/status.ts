import type { Advisory } from '../bus/advisory.ts'

/** News kept for one reader; beyond it the oldest are dropped. */
const MAX_KEPT = 1_000

/** Hands advisories to any number of readers, each at its own pace. */
export class StatusStream {
  readonly #readers = new Set<StatusReader>()
  #isClosed = false

  tell(advisory: Advisory): void {
    for (const reader of this.#readers) reader.tell(advisory)
  }

  open(): AsyncIterableIterator<Advisory> {
    const reader = new StatusReader(() => this.#readers.delete(reader))
    if (this.#isClosed) reader.end()
    else this.#readers.add(reader)
    return reader
  }

  close(): void {
    this.#isClosed = true
    for (const reader of [...this.#readers]) reader.end()
  }
}

class StatusReader implements AsyncIterableIterator<Advisory> {
  readonly #leave: () => void
  #kept: Advisory[] = []
  #waiting: ((result: IteratorResult<Advisory>) => void)[] = []
  #isDone = false

  constructor(leave: () => void) {
    this.#leave = leave
  }

  tell(advisory: Advisory): void {
    const next = this.#waiting.shift()
    if (next !== undefined) {
      next({ done: false, value: advisory })
      return
    }
    this.#kept.push(advisory)
    if (this.#kept.length > MAX_KEPT) this.#kept.shift()
  }

  next(): Promise<IteratorResult<Advisory>> {
    const value = this.#kept.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** No more news; what was told before can still be read. */
  end(): void {
    this.#isDone = true
    this.#leave()
    for (const resolve of this.#waiting) resolve({ done: true, value: undefined })
    this.#waiting = []
  }

  return(): Promise<IteratorResult<Advisory>> {
    this.#kept = []
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Advisory> {
    return this
  }
}
