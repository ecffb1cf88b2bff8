/** The ways between the processes of a drill: each client goes to each server by one of its own. */
import { type Player, playersOf, type Target, targetText } from '../drills/targets.ts'
import type { Harm as HarmVerb } from '../drills/words.ts'
import type { Condition, Direction } from './fault-proxy.ts'
import type { Change, WayTo } from './network-part.ts'
import type { PartOf } from './parts.ts'

interface Way {
  readonly client: Player
  readonly server: Player
  readonly port: number
}

/** Whom an act stands between. */
export interface Between {
  target: Target
  from: Target
  isOneWay?: boolean
}

/** What is done to ways, until it is undone: all at once, they are what a way is like. */
interface Harm {
  readonly verb: Exclude<HarmVerb, 'reset'>
  readonly byMs: number
  readonly ways: ReadonlyMap<Way, readonly Direction[]>
}

const BOTH: readonly Direction[] = ['up', 'down']

export class Ways {
  readonly #network: PartOf<'network'>
  readonly #ways: Way[] = []
  readonly #harms = new Set<Harm>()

  constructor(network: PartOf<'network'>) {
    this.#network = network
  }

  /** Opens a way to each of these servers. Returns the ports to enter them at. */
  async open(client: Player, servers: readonly { server: Player; to: WayTo }[]): Promise<number[]> {
    const ports = await this.#network.ask('open', { ways: servers.map(({ to }) => to) })
    ports.forEach((port, i) => {
      this.#ways.push({ client, server: servers[i]!.server, port })
    })
    return ports
  }

  /** Hurts all ways between; what is returned takes it back. */
  async hurt(verb: Harm['verb'], between: Between, byMs = 0): Promise<() => Promise<void>> {
    const harm: Harm = { verb, byMs, ways: this.#between(between) }
    this.#harms.add(harm)
    await this.#shape(harm.ways.keys())
    return async () => {
      if (this.#harms.delete(harm)) await this.#shape(harm.ways.keys())
    }
  }

  /** Breaks all connections between, once. */
  async reset(between: Between): Promise<void> {
    const ports = [...this.#between(between).keys()].map(({ port }) => port)
    await this.#network.ask('reset', { ports })
  }

  async heal(): Promise<void> {
    this.#harms.clear()
    await this.#shape(this.#ways)
  }

  async #shape(ways: Iterable<Way>): Promise<void> {
    const changes: Change[] = []
    for (const way of ways) changes.push({ port: way.port, condition: this.#conditionOf(way) })
    await this.#network.ask('shape', { changes })
  }

  #conditionOf(way: Way): Condition {
    const harms = [...this.#harms].filter(({ ways }) => ways.has(way))
    const mannerOf = (direction: Direction) => {
      const there = harms.filter(({ ways }) => ways.get(way)!.includes(direction))
      return {
        isCut: there.some(({ verb }) => verb === 'cut'),
        latencyMs: Math.max(0, ...there.map(({ byMs }) => byMs)),
      }
    }
    const isParted = harms.some(({ verb }) => verb === 'part')
    const admission = isParted ? 'refuse' : 'pass'
    return { up: mannerOf('up'), down: mannerOf('down'), admission }
  }

  #between({ target, from, isOneWay = false }: Between): Map<Way, readonly Direction[]> {
    const found = new Map<Way, readonly Direction[]>()
    for (const way of this.#ways) {
      const directions = new Set<Direction>()
      if (isEnd(target, way.client) && isEnd(from, way.server)) directions.add('up')
      if (isEnd(from, way.client) && isEnd(target, way.server)) directions.add('down')
      if (directions.size > 0) found.set(way, isOneWay ? [...directions] : BOTH)
    }
    if (found.size === 0) throw new Error(noWay(target, from))
    return found
  }
}

const isEnd = (target: Target, player: Player): boolean => playersOf(target, [player]).length > 0

const noWay = (target: Target, from: Target): string =>
  `there is no way between ${targetText(target)} and ${targetText(from)}: clients are linked to brokers, and clients and brokers to registries, if there are any`
