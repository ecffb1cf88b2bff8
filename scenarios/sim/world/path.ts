import type { ClientNode } from './client-node.ts'
import type { VirtualLink } from './link.ts'

export type Direction = 'up' | 'down'

/** Between a client and a broker: the present link, and what the network does to it and later ones. */
export class Path {
  readonly client: ClientNode
  readonly broker: string
  link: VirtualLink | undefined
  /** No link can be had. */
  isBlocked = false
  /** Nothing arrives in these directions: on this path alone, and between the two data centres. */
  readonly #holds = new Set<Direction>()
  readonly #walls = new Set<Direction>()

  constructor(client: ClientNode, broker: string) {
    this.client = client
    this.broker = broker
  }

  /** Something keeps the two from speaking to each other. */
  get isHeld(): boolean {
    return this.#holds.size > 0 || this.#walls.size > 0
  }

  hold(way: Direction | 'both'): void {
    if (way !== 'down') this.#holds.add('up')
    if (way !== 'up') this.#holds.add('down')
    this.apply()
  }

  heal(): void {
    this.isBlocked = false
    this.#holds.clear()
    this.apply()
  }

  /** The network between their data centres loses all that goes this way, or does no longer. */
  wall(way: Direction, isThere: boolean): void {
    if (isThere) this.#walls.add(way)
    else this.#walls.delete(way)
    this.apply()
  }

  /** Makes the present link what the network is. */
  apply(): void {
    for (const way of ['up', 'down'] as const) {
      if (this.#holds.has(way) || this.#walls.has(way)) this.link?.[way].hold()
      else this.link?.[way].release()
    }
  }
}
