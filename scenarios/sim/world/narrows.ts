import { Fifo } from '../../../bus/fifo.ts'
import { Rank } from './agenda.ts'
import type { Parcel } from './parcel.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * What a process has written and the network does not take yet, because so many bytes in a
 * millisecond are all that pass. The bytes are read when they leave, as a socket does it: whoever
 * changes them before has changed what arrives.
 */
export class Narrows {
  readonly #world: Surroundings
  readonly #pass: (parcel: Parcel) => void
  #bytesPerMs: number
  #waiting = new Fifo<Parcel>()
  #bytes = 0
  #freeAt: number
  /** Departures planned before a change are void. */
  #plan = 0

  constructor(world: Surroundings, bytesPerMs: number, pass: (parcel: Parcel) => void) {
    this.#world = world
    this.#bytesPerMs = bytesPerMs
    this.#pass = pass
    this.#freeAt = world.now
  }

  /** Of whole messages: the system reports bytes as sent only when all of a write are. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  add(parcel: Parcel): void {
    this.#waiting.push(parcel)
    this.#bytes += parcel.length
    if (this.#waiting.size === 1) this.#planNext()
  }

  /** Wider or narrower from now on; the first message starts anew. */
  change(bytesPerMs: number): void {
    if (bytesPerMs === this.#bytesPerMs) return
    this.#bytesPerMs = bytesPerMs
    this.#freeAt = this.#world.now
    if (!this.isEmpty) this.#planNext()
  }

  /** All that waits goes at once. */
  open(): void {
    this.#plan += 1
    while (!this.isEmpty) this.#passOne()
  }

  /** What waits is lost. */
  drop(): void {
    this.#plan += 1
    this.#waiting = new Fifo()
    this.#bytes = 0
  }

  #planNext(): void {
    const { now } = this.#world
    this.#plan += 1
    const plan = this.#plan
    const costMs = this.#waiting.peek()!.length / this.#bytesPerMs
    this.#freeAt = Math.max(this.#freeAt, now) + costMs
    this.#world.at(Math.ceil(this.#freeAt) - now, Rank.flush, () => {
      if (plan !== this.#plan) return
      this.#passOne()
      if (!this.isEmpty) this.#planNext()
    })
  }

  #passOne(): void {
    const parcel = this.#waiting.shift()!
    this.#bytes -= parcel.length
    this.#pass(parcel)
  }
}
