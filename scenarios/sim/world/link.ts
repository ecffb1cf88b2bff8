import type { Wire } from '../../../bus/outbox.ts'
import { Rank } from './agenda.ts'
import type { Surroundings } from './surroundings.ts'

/** What one end of a link does with what arrives. */
export interface EndEvents {
  onBatch(bytes: Buffer): void
  onClosed(reason: string): void
}

type Parcel = { bytes: Buffer } | { reason: string }

/** One way of a link: first in, first out, with a latency; it can hold everything back. */
export class Way {
  readonly #world: Surroundings
  readonly #arrive: (parcel: Parcel) => void
  #parcels: Parcel[] = []
  #isHeld = false
  #isDead = false
  /** Deliveries planned before a hold or a loss are void. */
  #plan = 0
  #lastAt = 0
  latencyMs: number

  constructor(world: Surroundings, latencyMs: number, arrive: (parcel: Parcel) => void) {
    this.#world = world
    this.latencyMs = latencyMs
    this.#arrive = arrive
  }

  get heldBytes(): number {
    if (!this.#isHeld) return 0
    return this.#parcels.reduce((sum, p) => sum + ('bytes' in p ? p.bytes.length : 0), 0)
  }

  send(parcel: Parcel): void {
    if (this.#isDead) return
    this.#parcels.push(parcel)
    if (!this.#isHeld) this.#plan1()
  }

  /** A black hole, until it is released: nothing arrives, nobody is told. */
  hold(): void {
    this.#isHeld = true
    this.#plan += 1
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    for (let i = 0; i < this.#parcels.length; i++) this.#plan1()
  }

  /** What is under way is lost. */
  lose(): void {
    this.#parcels = []
    this.#plan += 1
  }

  /** Nothing will ever arrive here again. */
  sever(): void {
    this.lose()
    this.#isDead = true
  }

  #plan1(): void {
    const { now } = this.#world
    this.#lastAt = Math.max(this.#lastAt, now + this.latencyMs)
    const plan = this.#plan
    this.#world.at(this.#lastAt - now, Rank.read, () => {
      if (plan === this.#plan) this.#arrive(this.#parcels.shift()!)
    })
  }
}

/** One end, as an outbox sees it. */
class End implements Wire {
  readonly #link: VirtualLink
  readonly #events: EndEvents
  way: Way | undefined
  isClosed = false

  constructor(link: VirtualLink, events: EndEvents) {
    this.#link = link
    this.#events = events
  }

  write(message: Buffer): void {
    if (!this.isClosed) this.way?.send({ bytes: Buffer.from(message) })
  }

  isDrained(): boolean {
    return true
  }

  unsentBytes(): number {
    return this.way?.heldBytes ?? 0
  }

  cork(): void {}

  uncork(): void {}

  /** Says its last words and reads no more. */
  close(_code: number, reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.way?.send({ reason })
    this.#link.tidy()
  }

  readonly arrive = (parcel: Parcel): void => {
    if (this.isClosed) return
    if ('bytes' in parcel) this.#events.onBatch(parcel.bytes)
    else this.end(parcel.reason)
  }

  /** The peer or the network has ended the link, and this end hears of it. */
  end(reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#events.onClosed(reason)
    this.#link.tidy()
  }
}

/** A connection between a client and a broker. */
export class VirtualLink {
  readonly #onEnd: () => void
  readonly client: End
  readonly broker: End
  /** From the client to the broker, and back. */
  readonly up: Way
  readonly down: Way

  constructor(
    world: Surroundings,
    latencyMs: number,
    client: EndEvents,
    broker: EndEvents,
    onEnd: () => void,
  ) {
    this.#onEnd = onEnd
    this.client = new End(this, client)
    this.broker = new End(this, broker)
    this.up = new Way(world, latencyMs, this.broker.arrive)
    this.down = new Way(world, latencyMs, this.client.arrive)
    this.client.way = this.up
    this.broker.way = this.down
  }

  /** The connection breaks, what is under way is lost, and these ends are told. */
  cut(tell: 'both' | 'client' | 'broker' | 'nobody' = 'both'): void {
    this.up.sever()
    this.down.sever()
    if (tell === 'both' || tell === 'client') this.client.end('reset')
    if (tell === 'both' || tell === 'broker') this.broker.end('reset')
  }

  tidy(): void {
    if (this.client.isClosed && this.broker.isClosed) this.#onEnd()
  }
}
