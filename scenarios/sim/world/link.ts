import type { Wire } from '../../../bus/outbox.ts'
import type { Parcel } from './parcel.ts'
import type { Surroundings } from './surroundings.ts'
import { Way } from './way.ts'

/** What one end of a link does with what arrives. */
export interface EndEvents {
  onBatch(bytes: Buffer): void
  onClosed(reason: string): void
}

/** Who hears that a link has broken. */
export type Told = 'both' | 'client' | 'broker' | 'nobody'

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
    if (!this.isClosed) this.way?.send(message)
  }

  isDrained(): boolean {
    return this.way?.isDrained ?? true
  }

  unsentBytes(): number {
    return this.way?.unsentBytes ?? 0
  }

  cork(): void {}

  uncork(): void {}

  /** Says its last words and reads no more. */
  close(_code: number, reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.way?.end(reason)
    this.#link.tidy()
  }

  /** Its process is dead. */
  die(reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.way?.die(reason)
    this.#link.tidy()
  }

  readonly arrive = (parcel: Parcel): void => {
    if (this.isClosed) return
    if (typeof parcel === 'string') this.end(parcel)
    else this.#events.onBatch(parcel)
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
  readonly #world: Surroundings
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
    this.#world = world
    this.#onEnd = onEnd
    this.client = new End(this, client)
    this.broker = new End(this, broker)
    this.up = new Way(world, latencyMs, this.broker.arrive)
    this.down = new Way(world, latencyMs, this.client.arrive)
    this.client.way = this.up
    this.broker.way = this.down
  }

  /** The connection breaks, what is under way is lost, and these ends are told. */
  cut(tell: Told = 'both'): void {
    this.up.sever()
    this.down.sever()
    if (tell === 'both' || tell === 'client') this.client.end('reset')
    if (tell === 'both' || tell === 'broker') this.broker.end('reset')
  }

  /** The connection breaks amid what is under way: part of it still arrives, then the news. */
  reset(tell: Told = 'both'): void {
    this.#break(this.up, this.broker, tell === 'both' || tell === 'broker')
    this.#break(this.down, this.client, tell === 'both' || tell === 'client')
  }

  /**
   * The client takes it for broken and will dial again, while all that it has sent still arrives, so
   * much later, and then the end.
   */
  abandon(lagMs: number): void {
    this.down.sever()
    this.up.send('reset')
    this.up.lag(lagMs)
    this.client.end('reset')
  }

  tidy(): void {
    if (this.client.isClosed && this.broker.isClosed) this.#onEnd()
  }

  /** From a way that is held nothing arrives, and so the news comes by itself. */
  #break(way: Way, end: End, isTold: boolean): void {
    if (way.isHeld) {
      way.sever()
      if (isTold) end.end('reset')
      return
    }
    const kept = this.#world.nature.below(way.underWay + 1)
    way.breakOff(kept, isTold ? 'reset' : undefined)
  }
}
