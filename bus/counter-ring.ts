/**
 * A table keyed by counters that grow: a ring over the newest of them, so that a look-up is one
 * subtraction and the lowest key is the ring's tail. The few that stay behind when the ring is full
 * move to a map. Counters reach 2^53 - 1, so bit operators see only distances, never a counter.
 */

const FIRST_SLOTS = 16
const MAX_SLOTS = 65_536
/** An empty ring larger than this is let go. */
const KEPT_SLOTS = 4_096

export class CounterRing<T extends object> {
  #slots: (T | undefined)[] = []
  /** The counter that the slot at `#tail` stands for. */
  #base: number
  #tail = 0
  /** One past the highest counter ever set. */
  #head: number
  #inRing = 0
  /** In the order of the counters, so that the first is the lowest. */
  readonly #left = new Map<number, T>()
  #highestLeft = -1

  constructor(first: number) {
    this.#base = first
    this.#head = first
  }

  get size(): number {
    return this.#inRing + this.#left.size
  }

  /** The lowest counter held; `head` when there is none. */
  get lowest(): number {
    for (const counter of this.#left.keys()) return counter
    return this.#inRing === 0 ? this.#head : this.#base
  }

  get(counter: number): T | undefined {
    const distance = counter - this.#base
    if (distance >= 0 && distance < this.#slots.length) {
      return this.#slots[(this.#tail + distance) & (this.#slots.length - 1)]
    }
    return distance < 0 && this.#left.size > 0 ? this.#left.get(counter) : undefined
  }

  set(counter: number, value: T): void {
    if (counter >= this.#head) this.#head = counter + 1
    if (this.#inRing === 0 && counter >= this.#base) this.#base = counter
    if (counter < this.#base && !this.#reachBack(counter)) {
      this.#leave(counter, value)
      return
    }
    while (counter - this.#base >= this.#slots.length) this.#makeRoom(counter)
    const slot = (this.#tail + (counter - this.#base)) & (this.#slots.length - 1)
    if (this.#slots[slot] === undefined) this.#inRing += 1
    this.#slots[slot] = value
  }

  delete(counter: number): T | undefined {
    const distance = counter - this.#base
    if (distance < 0) {
      const value = this.#left.get(counter)
      if (value !== undefined) this.#left.delete(counter)
      return value
    }
    if (distance >= this.#slots.length) return undefined
    const slot = (this.#tail + distance) & (this.#slots.length - 1)
    const value = this.#slots[slot]
    if (value === undefined) return undefined
    this.#slots[slot] = undefined
    this.#inRing -= 1
    if (distance === 0) this.#skipEmpty()
    if (this.#inRing === 0 && this.#slots.length > KEPT_SLOTS) this.#slots = []
    return value
  }

  /** Removes everything below `floor`, lowest first. */
  deleteBelow(floor: number, visit: (value: T) => void): void {
    if (this.#left.size > 0) {
      for (const [counter, value] of this.#left) {
        if (counter >= floor) continue
        this.#left.delete(counter)
        visit(value)
      }
    }
    while (this.#inRing > 0 && this.#base < floor) {
      const value = this.#slots[this.#tail]
      if (value !== undefined) {
        this.#slots[this.#tail] = undefined
        this.#inRing -= 1
        visit(value)
      }
      this.#tail = (this.#tail + 1) & (this.#slots.length - 1)
      this.#base += 1
    }
    if (this.#inRing > 0) this.#skipEmpty()
    else if (this.#slots.length > KEPT_SLOTS) this.#slots = []
  }

  *values(): Generator<T> {
    yield* this.#left.values()
    // By counter: deleting what was just yielded moves the tail.
    for (let counter = this.#base; this.#inRing > 0 && counter < this.#head; counter++) {
      const value = this.get(counter)
      if (value !== undefined) yield value
    }
  }

  #leave(counter: number, value: T): void {
    this.#left.set(counter, value)
    if (counter > this.#highestLeft) {
      this.#highestLeft = counter
      return
    }
    const inOrder = [...this.#left].sort(([a], [b]) => a - b)
    this.#left.clear()
    for (const [key, kept] of inOrder) this.#left.set(key, kept)
  }

  #skipEmpty(): void {
    if (this.#inRing === 0) return
    while (this.#slots[this.#tail] === undefined) {
      this.#tail = (this.#tail + 1) & (this.#slots.length - 1)
      this.#base += 1
    }
  }

  /** A counter a little below the base: the ring starts there again if it has the room. */
  #reachBack(counter: number): boolean {
    const back = this.#base - counter
    if (this.#left.size > 0 || back > this.#slots.length - (this.#head - this.#base)) return false
    this.#tail = (this.#tail - back) & (this.#slots.length - 1)
    this.#base = counter
    return true
  }

  #makeRoom(counter: number): void {
    if (this.#slots.length >= MAX_SLOTS) {
      // Callers seldom get here: a call stays open while 65,536 later ones come and go.
      const value = this.#slots[this.#tail]
      if (value !== undefined) {
        this.#leave(this.#base, value)
        this.#slots[this.#tail] = undefined
        this.#inRing -= 1
      }
      this.#tail = (this.#tail + 1) & (this.#slots.length - 1)
      this.#base += 1
      if (this.#inRing === 0) this.#base = counter
      else this.#skipEmpty()
      return
    }
    const bigger = new Array<T | undefined>(Math.max(FIRST_SLOTS, this.#slots.length * 2))
    bigger.fill(undefined)
    for (let i = 0; i < this.#slots.length; i++) {
      bigger[i] = this.#slots[(this.#tail + i) & (this.#slots.length - 1)]
    }
    this.#slots = bigger
    this.#tail = 0
  }
}
