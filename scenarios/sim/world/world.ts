import { Prng } from '../../../bus/prng.ts'
import type { BrokerLink } from '../../../rr-client/core/broker-link.ts'
import { Agenda, Rank } from './agenda.ts'
import { BROKER_LIMITS, type BrokerAsk, BrokerNode } from './broker-node.ts'
import { type ClientAsk, ClientNode } from './client-node.ts'
import { Ledger } from './ledger.ts'
import { type EndEvents, VirtualLink } from './link.ts'
import { type Direction, Path } from './path.ts'
import { assertQuiet } from './quiet.ts'

const FIRST_INSTANT = 100_000
const DIAL_MS = 3_000

/**
 * A virtual world: its own time, its own chance, processes that run the production cores unchanged,
 * and links that can be hurt. The same seed and the same acts give the same history.
 */
export class World {
  readonly prng: Prng
  readonly ledger = new Ledger()
  readonly brokers = new Map<string, BrokerNode>()
  readonly clients = new Set<ClientNode>()
  readonly #agenda = new Agenda()
  readonly #paths = new Map<string, Path>()
  readonly #limits = new Map<string, BrokerAsk>()
  /** Links that broke without both ends being told. */
  readonly #halfOpen = new Set<VirtualLink>()
  #now = FIRST_INSTANT
  #lives = 0
  /** From data centre to data centre, where nothing arrives. */
  readonly #walls = new Set<string>()
  /** Milliseconds a batch takes one way, at home and to another data centre. */
  latencyMs = 1
  awayMs: number | undefined
  /** Sees every batch that arrives anywhere. */
  onBatch: ((client: ClientNode, broker: string, way: Direction, bytes: Buffer) => void) | undefined

  constructor(seed = 1) {
    this.prng = new Prng(seed)
  }

  get now(): number {
    return this.#now
  }

  at(afterMs: number, rank: number, act: () => void): void {
    this.#agenda.add(this.#now + Math.max(0, afterMs), rank, act)
  }

  /** Something the test does at a later instant. */
  after(ms: number, act: () => void): void {
    this.at(ms, Rank.told, act)
  }

  /** Time goes by. */
  run(ms: number): void {
    const until = this.#now + ms
    while (this.#agenda.next <= until) {
      this.#now = Math.max(this.#now, this.#agenda.next)
      this.#agenda.take()()
    }
    this.#now = until
  }

  broker(name = 'b1', { idc = 'local', ...limits }: Partial<BrokerAsk> = {}): BrokerNode {
    const all = { ...BROKER_LIMITS, ...limits, idc }
    this.#limits.set(name, all)
    return this.#startBroker(name, all)
  }

  client(name: string, ask: Partial<ClientAsk> = {}): ClientNode {
    this.#lives += 1
    const instance = `instance-${name}-${this.#lives}`
    const brokers = ask.brokers ?? [...this.#limits.keys()]
    const client = new ClientNode(this, name, instance, { ...ask, brokers })
    this.clients.add(client)
    client.start()
    return client
  }

  /** kill -9: what it sent still arrives, then its peers are told; nothing more reaches it. */
  kill(node: BrokerNode | ClientNode): void {
    node.die()
    for (const path of this.#paths.values()) {
      const { link } = path
      if (link === undefined) continue
      if (path.client === node) link.client.close(1006, 'the process died')
      else if (this.brokers.get(path.broker) === node) link.broker.close(1006, 'the process died')
    }
    if (node instanceof ClientNode) this.clients.delete(node)
  }

  /** The broker of that name, in a new life. */
  restart(name: string): BrokerNode {
    const old = this.brokers.get(name)
    if (old?.isAlive === true) this.kill(old)
    return this.#startBroker(name, this.#limits.get(name)!)
  }

  freeze(node: BrokerNode | ClientNode, ms?: number): void {
    node.freeze()
    if (ms !== undefined) this.after(ms, () => node.thaw())
  }

  link(client: ClientNode, broker = 'b1'): VirtualLink {
    const { link } = this.#path(client, broker)
    if (link === undefined) throw new Error(`${client.name} has no link to ${broker}`)
    return link
  }

  hasLink(client: ClientNode, broker = 'b1'): boolean {
    return this.#path(client, broker).link !== undefined
  }

  /** The link breaks, what is under way is lost; the client will dial again. */
  cut(client: ClientNode, broker = 'b1', tell?: 'both' | 'client' | 'broker' | 'nobody'): void {
    const { link } = this.#path(client, broker)
    link?.cut(tell)
    if (link !== undefined && tell !== undefined && tell !== 'both') this.#halfOpen.add(link)
  }

  /** As `cut`, and no new link until `heal`. */
  part(client: ClientNode, broker = 'b1'): void {
    this.#path(client, broker).isBlocked = true
    this.cut(client, broker)
  }

  /** Nothing arrives in that direction any more, on this link and later ones, and nobody is told. */
  hold(client: ClientNode, broker: string, way: Direction | 'both'): void {
    this.#path(client, broker).hold(way)
  }

  heal(client: ClientNode, broker = 'b1'): void {
    this.#path(client, broker).heal()
  }

  /** Nothing arrives any more that goes from one data centre to another, and nobody is told. */
  wall(from: string, to: string): void {
    this.#walls.add(`${from} ${to}`)
    this.#applyWalls()
  }

  unwall(from: string, to: string): void {
    this.#walls.delete(`${from} ${to}`)
    this.#applyWalls()
  }

  healAll(): void {
    this.#walls.clear()
    this.#applyWalls()
    for (const path of this.#paths.values()) path.heal()
    // A network that works again answers what is sent on a connection that is no more.
    for (const link of this.#halfOpen) link.cut('both')
    this.#halfOpen.clear()
    for (const broker of this.brokers.values()) broker.thaw()
    for (const client of this.clients) client.thaw()
  }

  /** Waits until nothing can be under way any more, and checks that nothing is left anywhere. */
  assertQuiet(): void {
    assertQuiet(this)
  }

  /** A client core wants a link. */
  dial(client: ClientNode, to: BrokerLink): void {
    const path = this.#path(client, to.url)
    const broker = this.brokers.get(to.url)
    const latencyMs = this.#latencyOf(path)
    if (path.isBlocked || broker === undefined || !broker.isAlive) {
      this.at(latencyMs, Rank.read, () => client.dialFailed(to, 'refused'))
      return
    }
    let isOver = false
    const fail = (reason: string): void => {
      if (isOver) return
      isOver = true
      client.dialFailed(to, reason)
    }
    this.at(DIAL_MS, Rank.due, () => fail('timeout'))
    if (path.isHeld) return
    this.at(latencyMs, Rank.read, () => {
      if (!broker.isAlive) fail('refused')
      else
        broker.step(() =>
          broker.afterwards(
            () =>
              !isOver &&
              this.#open(path, to, broker, () => {
                isOver = true
              }),
          ),
        )
    })
  }

  #open(path: Path, to: BrokerLink, broker: BrokerNode, opened: () => void): void {
    const { client } = path
    opened()
    const accepted = broker.accept(client.name)
    const latencyMs = this.#latencyOf(path)
    const link: VirtualLink = new VirtualLink(
      this,
      latencyMs,
      this.#seen(
        path,
        'down',
        client.eventsOf(to, () => link.client),
      ),
      this.#seen(path, 'up', accepted.events),
      () => {
        if (path.link === link) path.link = undefined
      },
    )
    path.link = link
    path.apply()
    accepted.open(link.broker)
    if (client.isAlive) this.at(latencyMs, Rank.read, () => client.opened(to, link.client))
    else link.client.close(1006, 'the process died')
  }

  #startBroker(name: string, limits: BrokerAsk): BrokerNode {
    this.#lives += 1
    const broker = new BrokerNode(this, name, 1_000 + this.#lives, limits)
    this.brokers.set(name, broker)
    return broker
  }

  /** The same events, which `onBatch` sees as well. */
  #seen({ client, broker }: Path, way: Direction, events: EndEvents): EndEvents {
    return {
      onBatch: (bytes) => {
        this.onBatch?.(client, broker, way, bytes)
        events.onBatch(bytes)
      },
      onClosed: events.onClosed,
    }
  }

  #latencyOf({ client, broker }: Path): number {
    const isHome = client.facts.idc === this.#limits.get(broker)?.idc
    return isHome ? this.latencyMs : (this.awayMs ?? this.latencyMs)
  }

  #applyWalls(): void {
    for (const path of this.#paths.values()) this.#applyWallsTo(path)
  }

  #applyWallsTo(path: Path): void {
    const here = path.client.facts.idc
    const there = this.#limits.get(path.broker)?.idc
    path.wall('up', this.#walls.has(`${here} ${there}`))
    path.wall('down', this.#walls.has(`${there} ${here}`))
  }

  #path(client: ClientNode, broker: string): Path {
    const key = `${client.instance} ${broker}`
    const known = this.#paths.get(key)
    if (known !== undefined) return known
    const path = new Path(client, broker)
    this.#paths.set(key, path)
    this.#applyWallsTo(path)
    return path
  }
}
