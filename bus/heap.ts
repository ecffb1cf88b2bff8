/** A binary heap: whatever comes before all others is the first to be taken. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  /** `isBefore` must put any two in an order, or equals come in any. */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  /** The first, which stays. */
  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    const items = this.#items
    const isBefore = this.#isBefore
    let i = items.push(item) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!isBefore(item, items[up]!)) break
      items[i] = items[up]!
      i = up
    }
    items[i] = item
  }

  take(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length > 0) this.#sink(last!)
    return first
  }

  clear(): void {
    this.#items.length = 0
  }

  #sink(item: T): void {
    const items = this.#items
    const isBefore = this.#isBefore
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= items.length) break
      if (down + 1 < items.length && isBefore(items[down + 1]!, items[down]!)) down += 1
      if (!isBefore(items[down]!, item)) break
      items[i] = items[down]!
      i = down
    }
    items[i] = item
  }
}
