import { BATCH_HEAD } from '../../../bus/frame.ts'
import type { BrokerLink } from '../../../rr-client/core/broker-link.ts'
import { Rank } from './agenda.ts'
import type { BrokerNode } from './broker-node.ts'
import type { ClientNode } from './client-node.ts'
import type { Direction } from './direction.ts'
import { type EndEvents, type Told, VirtualLink } from './link.ts'
import { Path } from './path.ts'
import type { Surroundings } from './surroundings.ts'

/** A client gives up a dial after so long. */
const DIAL_MS = 3_000

/** What the network needs to know of its world. */
export interface NetworkWorld extends Surroundings {
  readonly brokers: ReadonlyMap<string, BrokerNode>
  readonly latencyMs: number
  readonly awayMs: number | undefined
  readonly onBatch:
    | ((client: ClientNode, broker: string, way: Direction, bytes: Buffer) => void)
    | undefined
  /** The broker that an address leads to. */
  brokerAt(url: string): string
  /** The data centre of a broker, dead or alive. */
  idcOf(broker: string): string | undefined
}

/** One client and one broker. */
export interface Pair {
  readonly client: ClientNode
  readonly broker: string
}

/** Everything between clients and brokers, and what is done to it. */
export class Network {
  readonly #world: NetworkWorld
  readonly #paths = new Map<string, Path>()
  /** Links that broke without both ends being told. */
  readonly #halfOpen = new Set<VirtualLink>()
  /** From data centre to data centre, where nothing arrives. */
  readonly #walls = new Set<string>()

  constructor(world: NetworkWorld) {
    this.#world = world
  }

  path(client: ClientNode, broker: string): Path {
    const key = `${client.instance} ${broker}`
    const known = this.#paths.get(key)
    if (known !== undefined) return known
    const path = new Path(client, broker)
    this.#paths.set(key, path)
    this.#applyWallsTo(path)
    return path
  }

  /** The process is dead: what it sent still arrives, then its peers are told. */
  onDead(node: object): void {
    for (const [key, path] of this.#paths) {
      const { client, broker } = path
      const isBroker = this.#world.brokers.get(broker) === node
      for (const link of path.links) {
        if (client === node) link.client.die('the process died')
        else if (isBroker) link.broker.die('the process died')
      }
      if (!client.isAlive && path.links.size === 0) this.#paths.delete(key)
    }
  }

  cut(client: ClientNode, broker: string, tell?: Told): void {
    const { link } = this.path(client, broker)
    link?.cut(tell)
    if (link !== undefined) this.#note(link, tell)
  }

  reset(client: ClientNode, broker: string, tell?: Told): void {
    const { link } = this.path(client, broker)
    link?.reset(tell)
    if (link !== undefined) this.#note(link, tell)
  }

  duplicate(client: ClientNode, broker: string, lagMs: number): void {
    const path = this.path(client, broker)
    const { link } = path
    if (link === undefined || link.client.isClosed) path.doubledMs = lagMs
    else this.#world.at(0, Rank.told, () => link.abandon(lagMs))
  }

  /** One after the other becomes narrow, and in another order wide again. Returns how long it takes. */
  swizzle(pairs: readonly Pair[], bytesPerMs: number, spreadMs: number): number {
    const { nature } = this.#world
    for (const { client, broker } of pairs) {
      const narrow = (bytes: number) => () =>
        this.path(client, broker).hurt('both', (harm) => {
          harm.bytesPerMs = bytes
        })
      this.#world.at(nature.below(spreadMs), Rank.told, narrow(bytesPerMs))
      this.#world.at(spreadMs + nature.below(spreadMs), Rank.told, narrow(0))
    }
    return 2 * spreadMs
  }

  wall(from: string, to: string, isThere: boolean): void {
    if (isThere) this.#walls.add(`${from} ${to}`)
    else this.#walls.delete(`${from} ${to}`)
    for (const path of this.#paths.values()) this.#applyWallsTo(path)
  }

  healAll(): void {
    this.#walls.clear()
    for (const path of this.#paths.values()) this.#applyWallsTo(path)
    for (const path of this.#paths.values()) path.heal()
    // A network that works again answers what is sent on a connection that is no more.
    for (const link of this.#halfOpen) link.cut('both')
    this.#halfOpen.clear()
  }

  /** A client core wants a link. */
  dial(client: ClientNode, to: BrokerLink): void {
    const world = this.#world
    const name = world.brokerAt(to.url)
    const path = this.path(client, name)
    const broker = world.brokers.get(name)
    const outMs = this.#takesMs(path, 'up')
    if (path.isBlocked || broker === undefined || !broker.isAlive) {
      world.at(outMs, Rank.read, () => client.dialFailed(to, 'refused'))
      return
    }
    const dial = new Dial(client, to)
    world.at(DIAL_MS, Rank.due, dial.onTimeout)
    if (path.isHeld) return
    world.at(outMs, Rank.read, () => {
      if (!broker.isAlive) dial.fail('refused')
      else
        broker.step(() => broker.afterwards(() => !dial.isOver && this.#open(path, broker, dial)))
    })
  }

  #open(path: Path, broker: BrokerNode, dial: Dial): void {
    const { client } = path
    const accepted = broker.accept(client.name)
    const link: VirtualLink = new VirtualLink(
      this.#world,
      this.#latencyMs(path),
      this.#seen(
        path,
        'down',
        client.eventsOf(dial.to, () => link.client),
      ),
      this.#seen(path, 'up', accepted.events),
      () => path.remove(link),
    )
    path.add(link)
    accepted.open(link.broker)
    if (path.swallowed > 0) {
      path.swallowed -= 1
      link.cut('nobody')
      this.#halfOpen.add(link)
      return
    }
    path.link = link
    if (!client.isAlive) {
      link.client.die('the process died')
      return
    }
    const { doubledMs } = path
    path.doubledMs = -1
    this.#world.at(this.#takesMs(path, 'down'), Rank.read, () => {
      if (!dial.isOpened(link) || doubledMs < 0) return
      this.#world.at(0, Rank.told, () => link.abandon(doubledMs))
    })
  }

  /** The same events, which `onBatch` and the trace see as well. */
  #seen({ client, broker }: Path, way: Direction, events: EndEvents): EndEvents {
    const world = this.#world
    return {
      onBatch: (bytes) => {
        world.trace.note(bytes.length, bytes[BATCH_HEAD + 4] ?? 0)
        world.onBatch?.(client, broker, way, bytes)
        events.onBatch(bytes)
      },
      onClosed: events.onClosed,
    }
  }

  #note(link: VirtualLink, tell: Told | undefined): void {
    if (tell !== undefined && tell !== 'both') this.#halfOpen.add(link)
  }

  #latencyMs({ client, broker }: Path): number {
    const { latencyMs, awayMs = latencyMs } = this.#world
    return client.facts.idc === this.#world.idcOf(broker) ? latencyMs : awayMs
  }

  /** What is said while dialling takes its time, too. */
  #takesMs(path: Path, way: Direction): number {
    const { jitterMs, nature } = this.#world
    const jitter = jitterMs > 0 ? nature.below(jitterMs + 1) : 0
    return this.#latencyMs(path) + path.harm[way].delayMs + jitter
  }

  #applyWallsTo(path: Path): void {
    const here = path.client.facts.idc
    const there = this.#world.idcOf(path.broker)
    path.harm.up.isWalled = this.#walls.has(`${here} ${there}`)
    path.harm.down.isWalled = this.#walls.has(`${there} ${here}`)
    path.apply()
  }
}

/** A dial under way: it opens or fails, once. */
class Dial {
  readonly to: BrokerLink
  readonly #client: ClientNode
  isOver = false

  constructor(client: ClientNode, to: BrokerLink) {
    this.#client = client
    this.to = to
  }

  readonly onTimeout = (): void => this.fail('timeout')

  fail(reason: string): void {
    if (this.isOver) return
    this.isOver = true
    this.#client.dialFailed(this.to, reason)
  }

  /** False if it comes too late: nobody wants that link. */
  isOpened(link: VirtualLink): boolean {
    if (this.isOver) {
      link.client.close(1006, 'given up')
      return false
    }
    this.isOver = true
    this.#client.opened(this.to, link.client)
    return true
  }
}
