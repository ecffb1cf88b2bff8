/** So many of one kind within a second are told one by one; the others are counted. */
const MOST_PER_SECOND = 50
const WINDOW_MS = 1_000

/** Lets a few of each kind through in each second, and says how many there were besides. */
export class FloodGate {
  readonly #now: () => number
  readonly #tell: (kind: string, more: number) => void
  readonly #seen = new Map<string, { passed: number; more: number }>()
  #windowAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /** `tell` hears of the others of a kind when the second is over. */
  constructor(now: () => number, tell: (kind: string, more: number) => void) {
    this.#now = now
    this.#tell = tell
  }

  /** Whether this one may be told. */
  passes(kind: string): boolean {
    const now = this.#now()
    if (now - this.#windowAt >= WINDOW_MS) {
      this.#end()
      this.#windowAt = now
    }
    const seen = this.#seen.get(kind) ?? { passed: 0, more: 0 }
    this.#seen.set(kind, seen)
    if (seen.passed < MOST_PER_SECOND) {
      seen.passed += 1
      return true
    }
    seen.more += 1
    this.#timer ??= setTimeout(() => this.#end(), WINDOW_MS - (now - this.#windowAt))
    return false
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#seen.clear()
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const ended = [...this.#seen]
    this.#seen.clear()
    for (const [kind, { more }] of ended) if (more > 0) this.#tell(kind, more)
  }
}
