/** Names by handle of what is gone: the newest so many. */
export class Departed {
  readonly #limit: number
  readonly #names = new Map<number, string>()
  /** Names that later ones have taken the place of. */
  dropped = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(handle: number, name: string): void {
    this.#names.set(handle, name)
    if (this.#names.size <= this.#limit) return
    for (const oldest of this.#names.keys()) {
      this.#names.delete(oldest)
      this.dropped += 1
      return
    }
  }

  nameOf(handle: number): string | undefined {
    return this.#names.get(handle)
  }

  /** Looks at all of them. */
  handlesOf(name: string): number[] {
    return [...this.#names].filter(([, known]) => known === name).map(([handle]) => handle)
  }
}
