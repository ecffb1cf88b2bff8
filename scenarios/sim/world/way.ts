import { Fifo } from '../../../bus/fifo.ts'
import { Rank } from './agenda.ts'
import { Narrows } from './narrows.ts'
import type { Parcel } from './parcel.ts'
import type { Surroundings } from './surroundings.ts'

/** A process that ends a link waits so long for what it has written; then it cuts it. */
const CLOSE_GRACE_MS = 1_000

/**
 * One way of a link: first in, first out, with a latency; it can hold everything back, be narrow, or
 * break. Messages arrive whole or not at all, as from a ws: bytes that arrive in pieces are the
 * business of live drills, whose proxy splits them.
 */
export class Way {
  readonly #world: Surroundings
  readonly #arrive: (parcel: Parcel) => void
  #parcels = new Fifo<Parcel>()
  #bytes = 0
  /** Arrivals that the agenda knows of, and those among them, the next ones, that are void. */
  #planned = 0
  #void = 0
  #isHeld = false
  #isDead = false
  #lastAt = 0
  #narrows: Narrows | undefined
  latencyMs: number
  /** Somebody's harm on top of it. */
  delayMs = 0

  constructor(world: Surroundings, latencyMs: number, arrive: (parcel: Parcel) => void) {
    this.#world = world
    this.latencyMs = latencyMs
    this.#arrive = arrive
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Messages that have left and not arrived. */
  get underWay(): number {
    return this.#parcels.size
  }

  /** Written, and not taken by the network. */
  get unsentBytes(): number {
    return (this.#isHeld ? this.#bytes : 0) + (this.#narrows?.bytes ?? 0)
  }

  /** The writer may use its bytes again. */
  get isDrained(): boolean {
    return this.#narrows === undefined || this.#narrows.isEmpty
  }

  send(parcel: Parcel): void {
    if (this.#isDead) return
    if (this.#narrows === undefined) this.#travel(parcel)
    else this.#narrows.add(parcel)
  }

  /** The last word of a process that goes on living. */
  end(reason: string): void {
    this.send(reason)
    if (this.isDrained) return
    this.#world.at(CLOSE_GRACE_MS, Rank.due, () => {
      if (!this.isDrained) this.die(reason)
    })
  }

  /** The process is dead: what the network had not taken is lost, and its system says the rest. */
  die(reason: string): void {
    this.#narrows?.drop()
    if (!this.#isDead) this.#travel(reason)
  }

  /** A black hole, until it is released: nothing arrives, nobody is told. */
  hold(): void {
    this.#isHeld = true
    this.#revoke()
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#planAll()
  }

  /** So many bytes a millisecond get through from now on; 0: all that come. */
  narrow(bytesPerMs: number): void {
    if (bytesPerMs > 0) {
      if (this.#narrows !== undefined) this.#narrows.change(bytesPerMs)
      else this.#narrows = new Narrows(this.#world, bytesPerMs, this.#travel)
      return
    }
    const narrows = this.#narrows
    this.#narrows = undefined
    narrows?.open()
  }

  /** What is under way arrives so much later. */
  lag(ms: number): void {
    if (this.#isHeld) return
    this.#revoke()
    this.#lastAt = Math.max(this.#lastAt, this.#world.now + ms)
    this.#planAll()
  }

  /** What is under way is lost. */
  lose(): void {
    this.#narrows?.drop()
    this.#parcels = new Fifo()
    this.#bytes = 0
    this.#revoke()
  }

  /** Nothing will ever arrive here again. */
  sever(): void {
    this.lose()
    this.#isDead = true
  }

  /** Breaks: of what is under way the first so many still arrive, then `told`, if anything is. */
  breakOff(kept: number, told: string | undefined): void {
    const parcels = this.#parcels
    this.#narrows?.drop()
    this.#parcels = new Fifo()
    this.#bytes = 0
    // Arrivals that were planned for what is lost find nothing.
    for (let i = 0; i < kept; i++) this.#put(parcels.shift()!)
    if (told !== undefined) this.#travel(told)
    this.#isDead = true
  }

  readonly #travel = (parcel: Parcel): void => {
    // The bytes are the writer's, who may use them for something else.
    this.#put(typeof parcel === 'string' ? parcel : Buffer.from(parcel))
    if (!this.#isHeld) this.#planOne()
  }

  #put(parcel: Parcel): void {
    this.#parcels.push(parcel)
    if (typeof parcel !== 'string') this.#bytes += parcel.length
  }

  #revoke(): void {
    this.#void += this.#planned
    this.#planned = 0
  }

  #planAll(): void {
    for (let i = 0; i < this.#parcels.size; i++) this.#planOne()
  }

  #planOne(): void {
    const { now, jitterMs, nature } = this.#world
    const jitter = jitterMs > 0 ? nature.below(jitterMs + 1) : 0
    this.#lastAt = Math.max(this.#lastAt, now + this.latencyMs + this.delayMs + jitter)
    this.#planned += 1
    this.#world.at(this.#lastAt - now, Rank.read, this.#next)
  }

  readonly #next = (): void => {
    if (this.#void > 0) {
      this.#void -= 1
      return
    }
    this.#planned -= 1
    const parcel = this.#parcels.shift()
    if (parcel === undefined) return
    if (typeof parcel !== 'string') this.#bytes -= parcel.length
    this.#arrive(parcel)
  }
}
