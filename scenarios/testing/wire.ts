import type { LinkEvents } from '../../bus/io/link.ts'
import type { Wire } from '../../bus/outbox.ts'
import { Phase } from './agenda.ts'
import type { Process } from './process.ts'

type Parcel = { readonly bytes: Buffer } | { readonly reason: string }

/** What the network does to one way of a link: what it takes, or `lost` if the link breaks over it. */
export type Weather = () => number | 'lost'

/** One way of a link: first in, first out. */
class Way {
  readonly #end: WireEnd
  readonly #weather: Weather
  readonly #onBreak: () => void
  #held: Parcel[] | undefined
  #lastAt = 0
  isDead = false

  constructor(end: WireEnd, weather: Weather, onBreak: () => void) {
    this.#end = end
    this.#weather = weather
    this.#onBreak = onBreak
  }

  get heldBytes(): number {
    let bytes = 0
    for (const parcel of this.#held ?? []) if ('bytes' in parcel) bytes += parcel.bytes.length
    return bytes
  }

  send(parcel: Parcel): void {
    if (this.isDead) return
    if (this.#held !== undefined) {
      this.#held.push(parcel)
      return
    }
    const takes = this.#weather()
    if (takes === 'lost') {
      this.#onBreak()
      return
    }
    const { process } = this.#end
    const now = process.runtime.now()
    this.#lastAt = Math.max(this.#lastAt, now + takes)
    process.at(this.#lastAt - now, Phase.read, () => {
      if (!this.isDead) this.#end.take(parcel)
    })
  }

  /** Nothing arrives of what is sent from now on, until it is released, and nobody is told. */
  hold(isHeld: boolean): void {
    if (isHeld) {
      this.#held ??= []
      return
    }
    const held = this.#held ?? []
    this.#held = undefined
    for (const parcel of held) this.send(parcel)
  }
}

/** One end of a link, in its process. */
export class WireEnd implements Wire {
  readonly process: Process
  events: LinkEvents | undefined
  /** To the other end. */
  out: Way | undefined
  isClosed = false
  readonly #onClosed: () => void

  constructor(process: Process, onClosed: () => void) {
    this.process = process
    this.#onClosed = onClosed
  }

  write(message: Buffer): void {
    if (!this.isClosed) this.out?.send({ bytes: Buffer.from(message) })
  }

  isDrained(): boolean {
    return true
  }

  unsentBytes(): number {
    return this.out?.heldBytes ?? 0
  }

  cork(): void {}

  uncork(): void {}

  /** Says its last words and reads no more. */
  close(_code: number, reason: string): void {
    if (this.isClosed) return
    this.out?.send({ reason })
    this.isClosed = true
    this.#onClosed()
  }

  take(parcel: Parcel): void {
    if (this.isClosed) return
    if ('bytes' in parcel) this.events?.onMessage(parcel.bytes)
    else this.end(parcel.reason)
  }

  /** The peer or the network has ended the link, and this end hears of it. */
  end(reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.events?.onClose(reason)
    this.#onClosed()
  }
}

/** A connection between a client and a broker. */
export class VirtualLink {
  readonly client: WireEnd
  readonly broker: WireEnd
  readonly #up: Way
  readonly #down: Way
  readonly #onEnd: () => void

  constructor(client: Process, broker: Process, weather: Weather, onEnd: () => void) {
    this.#onEnd = onEnd
    this.client = new WireEnd(client, this.#tidy)
    this.broker = new WireEnd(broker, this.#tidy)
    const onBreak = (): void => this.reset()
    this.#up = new Way(this.broker, weather, onBreak)
    this.#down = new Way(this.client, weather, onBreak)
    this.client.out = this.#up
    this.broker.out = this.#down
  }

  hold(up: boolean, down: boolean): void {
    this.#up.hold(up)
    this.#down.hold(down)
  }

  /** The connection breaks, what is under way is lost, and both ends hear of it. */
  reset(): void {
    this.#up.isDead = true
    this.#down.isDead = true
    for (const end of [this.client, this.broker]) {
      end.process.at(0, Phase.read, () => end.end('the link was reset'))
    }
    this.#onEnd()
  }

  /** One of the two has died: what it sent still arrives, then its peer is told. */
  orphan(dead: Process): void {
    const [end, toDead] =
      dead === this.client.process ? [this.client, this.#down] : [this.broker, this.#up]
    toDead.isDead = true
    end.close(1006, `${dead.name} died`)
    this.#onEnd()
  }

  readonly #tidy = (): void => {
    if (this.client.isClosed && this.broker.isClosed) this.#onEnd()
  }
}
