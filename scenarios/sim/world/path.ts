import type { ClientNode } from './client-node.ts'
import type { Directions } from './direction.ts'
import type { VirtualLink } from './link.ts'
import type { Way } from './way.ts'

/** What somebody does to one direction of a path. */
class Harm {
  /** Nothing arrives: on this path alone, and between the two data centres. */
  isHeld = false
  isWalled = false
  delayMs = 0
  /** So many get through; 0: all. */
  bytesPerMs = 0

  get isShut(): boolean {
    return this.isHeld || this.isWalled
  }

  /** The wall stays: it is not this path's own. */
  heal(): void {
    this.isHeld = false
    this.delayMs = 0
    this.bytesPerMs = 0
  }

  applyTo(way: Way): void {
    way.delayMs = this.delayMs
    way.narrow(this.bytesPerMs)
    if (this.isShut) way.hold()
    else way.release()
  }
}

/** Between a client and a broker: the links, and what the network does to them and to later ones. */
export class Path {
  readonly client: ClientNode
  readonly broker: string
  /** The present one. */
  link: VirtualLink | undefined
  /** All whose two ends have not both been closed. */
  readonly links = new Set<VirtualLink>()
  /** No link can be had. */
  isBlocked = false
  /** So many dials are taken by the broker, and the client never hears of it. */
  swallowed = 0
  /** The next link is given up at once by the client, its bytes being so late; -1: it is not. */
  doubledMs = -1
  readonly harm = { up: new Harm(), down: new Harm() }

  constructor(client: ClientNode, broker: string) {
    this.client = client
    this.broker = broker
  }

  /** Something keeps the two from speaking to each other. */
  get isHeld(): boolean {
    return this.harm.up.isShut || this.harm.down.isShut
  }

  /** Harms these directions. */
  hurt(way: Directions, does: (harm: Harm) => void): void {
    if (way !== 'down') does(this.harm.up)
    if (way !== 'up') does(this.harm.down)
    this.apply()
  }

  heal(): void {
    this.isBlocked = false
    this.swallowed = 0
    this.doubledMs = -1
    this.hurt('both', (harm) => harm.heal())
  }

  add(link: VirtualLink): void {
    this.links.add(link)
    this.apply()
  }

  remove(link: VirtualLink): void {
    this.links.delete(link)
    if (this.link === link) this.link = undefined
  }

  /** Makes the links what the network is. */
  apply(): void {
    for (const { up, down } of this.links) {
      this.harm.up.applyTo(up)
      this.harm.down.applyTo(down)
    }
  }
}
