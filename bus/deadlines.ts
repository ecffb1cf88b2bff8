/**
 * Instants at which something falls due, by number: a hashed timing wheel (Varghese and Lauck 1987)
 * of three levels. Arming costs a push; nothing is cancelled: an entry whose owner is gone is
 * dropped when its time comes. Entries fall due up to one tick late, never early.
 */

const TICK_MS = 4
const SLOTS = 256

export class Deadlines {
  readonly #near: number[][] = Array.from({ length: SLOTS }, () => [])
  readonly #far: number[][] = Array.from({ length: SLOTS }, () => [])
  #beyond: number[] = []
  /** The last tick that was handed out. */
  #tick = -1
  #count = 0
  #next = Number.POSITIVE_INFINITY
  readonly #instantOf: (id: number) => number

  /** `instantOf` tells when an id is due, or -1 if it needs no waking any more. */
  constructor(instantOf: (id: number) => number) {
    this.#instantOf = instantOf
  }

  /** No entry falls due before this instant; Infinity when there is none. */
  get next(): number {
    return this.#next
  }

  /** Entries held, dead ones included. */
  get size(): number {
    return this.#count
  }

  arm(now: number, instant: number, id: number): void {
    if (this.#count === 0) this.#tick = Math.max(this.#tick, Math.floor(now / TICK_MS) - 1)
    this.#count += 1
    const tick = Math.max(Math.ceil(instant / TICK_MS), this.#tick + 1)
    this.#place(tick, id)
    if (tick * TICK_MS < this.#next) this.#next = tick * TICK_MS
  }

  /** Calls `visit` with every id that is due. Ids may be armed again meanwhile. */
  due(now: number, visit: (id: number) => void): void {
    if (now < this.#next) return
    const last = Math.floor(now / TICK_MS)
    while (this.#tick < last && this.#count > 0) {
      const tick = this.#tick + 1
      this.#tick = tick
      if (tick % SLOTS === 0) this.#cascade(tick)
      const slot = this.#near[tick % SLOTS]!
      if (slot.length === 0) continue
      this.#near[tick % SLOTS] = []
      this.#count -= slot.length
      for (const id of slot) this.#visitOrKeep(now, id, visit)
    }
    if (this.#count === 0) this.#tick = last
    this.#next = this.#earliest()
  }

  #visitOrKeep(now: number, id: number, visit: (id: number) => void): void {
    const instant = this.#instantOf(id)
    if (instant < 0) return
    if (instant <= now) visit(id)
    else this.arm(now, instant, id)
  }

  #place(tick: number, id: number): void {
    const ahead = tick - this.#tick
    if (ahead <= SLOTS - 1) this.#near[tick % SLOTS]!.push(id)
    else if (Math.floor(tick / SLOTS) - Math.floor(this.#tick / SLOTS) < SLOTS) {
      this.#far[Math.floor(tick / SLOTS) % SLOTS]!.push(id)
    } else this.#beyond.push(id)
  }

  /** A turn of the near wheel is over: the entries of the next one come down. */
  #cascade(tick: number): void {
    const turn = Math.floor(tick / SLOTS)
    if (turn % SLOTS === 0 && this.#beyond.length > 0) {
      const beyond = this.#beyond
      this.#beyond = []
      this.#replace(tick, beyond)
    }
    const slot = this.#far[turn % SLOTS]!
    if (slot.length === 0) return
    this.#far[turn % SLOTS] = []
    this.#replace(tick, slot)
  }

  #replace(tick: number, ids: number[]): void {
    for (const id of ids) {
      const instant = this.#instantOf(id)
      if (instant < 0) this.#count -= 1
      else this.#place(Math.max(Math.ceil(instant / TICK_MS), tick), id)
    }
  }

  #earliest(): number {
    if (this.#count === 0) return Number.POSITIVE_INFINITY
    const first = this.#tick + 1
    for (let tick = first; tick < first + SLOTS; tick++) {
      if (this.#near[tick % SLOTS]!.length > 0) return tick * TICK_MS
      if (tick % SLOTS === 0) return tick * TICK_MS
    }
    return first * TICK_MS
  }
}
