/** An empty ring larger than this is let go. */
const KEPT_SLOTS = 1_024

/** A queue over a ring that grows: push at one end, shift at the other, both in constant time. */
export class Fifo<T> {
  #slots: (T | undefined)[] = []
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item
    this.#size += 1
  }

  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head]
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size -= 1
    if (this.#size === 0 && this.#slots.length > KEPT_SLOTS) {
      this.#slots = []
      this.#head = 0
    }
    return item
  }

  #grow(): void {
    const bigger = new Array<T | undefined>(Math.max(8, this.#slots.length * 2)).fill(undefined)
    for (let i = 0; i < this.#size; i++) {
      bigger[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)]
    }
    this.#slots = bigger
    this.#head = 0
  }
}
