import { plainText } from './text.ts'

export interface SilentNode {
  node: string
  why: string
}

const MOST_NAMED = 20

/** Nodes that did not do what they were asked: some by name, the others by their number. */
export class SilentNodes {
  readonly #named: SilentNode[] = []
  #more = 0

  add(node: string, why: string): void {
    if (this.#named.length < MOST_NAMED) {
      this.#named.push({ node: plainText(node, 200), why: plainText(why, 300) })
    } else this.#more += 1
  }

  /** Those of another list, too. */
  take(other: SilentNodes): void {
    for (const { node, why } of other.#named) this.add(node, why)
    this.#more += other.#more
  }

  list(): SilentNode[] {
    if (this.#more === 0) return [...this.#named]
    return [...this.#named, { node: `${this.#more} more`, why: 'not named here' }]
  }
}
