/** The newest so many of something, each under a number that grows by one, from 1. */
export class Ring<T> {
  readonly #most: number
  readonly #items: T[] = []
  #end = 1

  constructor(most: number) {
    this.#most = most
  }

  /** Number of the oldest that is still here; `end` if there is none. */
  get first(): number {
    return this.#end - this.#items.length
  }

  /** Number that the next one gets. */
  get end(): number {
    return this.#end
  }

  push(item: T): number {
    const n = this.#end
    // Grows until it is full; then each one takes the place of the oldest.
    if (this.#items.length < this.#most) this.#items.push(item)
    else this.#items[(n - 1) % this.#most] = item
    this.#end += 1
    return n
  }

  at(n: number): T | undefined {
    if (n < this.first || n >= this.#end) return undefined
    return this.#items[(n - 1) % this.#most]
  }

  /** Oldest first, from number `from` on. */
  *from(from = 0): Generator<T> {
    for (let n = Math.max(from, this.first); n < this.#end; n++) yield this.at(n)!
  }
}
