import { Prng } from '../../../bus/prng.ts'
import type { BrokerLink } from '../../../rr-client/core/broker-link.ts'
import { hostOf } from './address.ts'
import { Agenda, Rank } from './agenda.ts'
import { BROKER_LIMITS, type BrokerAsk, BrokerNode } from './broker-node.ts'
import { type ClientAsk, ClientNode } from './client-node.ts'
import type { ClockAsk } from './clock.ts'
import type { Direction, Directions } from './direction.ts'
import { Ledger } from './ledger.ts'
import type { Told, VirtualLink } from './link.ts'
import { Network, type Pair } from './network.ts'
import { assertQuiet } from './quiet.ts'
import { type RegistryAsk, RegistryNode } from './registry-node.ts'
import { Trace } from './trace.ts'
import { VirtualHttp } from './virtual-http.ts'

const FIRST_INSTANT = 100_000
const LEASE_MS = 6_000
/** Clocks begin anywhere up to here. */
const MOST_OFFSET_MS = 1_000_000_000
/** Apart from the world's own chance, which decides the same whatever nature does. */
const NATURE_SEED = 0x6e617475

/** Any process of the world. */
export type AnyNode = BrokerNode | ClientNode | RegistryNode

/**
 * A virtual world: its own time, its own chance, processes that run the production cores unchanged,
 * and links that can be hurt. The same seed and the same acts give the same history.
 */
export class World {
  readonly prng: Prng
  readonly nature: Prng
  readonly ledger = new Ledger()
  readonly trace = new Trace()
  readonly brokers = new Map<string, BrokerNode>()
  readonly clients = new Set<ClientNode>()
  readonly registries = new Map<string, RegistryNode>()
  /** Between registries and those who ask them. */
  readonly http: VirtualHttp
  readonly #network: Network
  readonly #agenda = new Agenda()
  readonly #limits = new Map<string, BrokerAsk>()
  readonly #addresses = new Map<string, string>()
  #now = FIRST_INSTANT
  #lives = 0
  /** Milliseconds a batch takes one way, at home and to another data centre. */
  latencyMs = 1
  awayMs: number | undefined
  /** Up to so much longer takes each batch; those of one way stay in order. */
  jitterMs = 0
  /** Clocks of processes that start from now on run up to this share too fast or too slow. */
  drift = 0
  /** Sees every batch that arrives anywhere. */
  onBatch: ((client: ClientNode, broker: string, way: Direction, bytes: Buffer) => void) | undefined

  constructor(seed = 1) {
    this.prng = new Prng(seed)
    this.nature = new Prng(seed ^ NATURE_SEED)
    this.http = new VirtualHttp(this)
    this.#network = new Network(this)
  }

  get now(): number {
    return this.#now
  }

  /** Things that have happened. */
  get events(): number {
    return this.trace.events
  }

  /** Of the whole history so far: the same for the same history, and hardly for any other. */
  get digest(): string {
    return this.trace.digest
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
      this.trace.event(this.#now, this.#agenda.rank)
      this.#agenda.take()()
    }
    this.#now = until
  }

  broker(name = 'b1', { idc = 'local', ...limits }: Partial<BrokerAsk> = {}): BrokerNode {
    for (const [host, broker] of this.#addresses) if (broker === name) this.#addresses.delete(host)
    for (const host of limits.hosts ?? [name]) this.#addresses.set(host, name)
    const all = { ...BROKER_LIMITS, ...limits, idc }
    this.#limits.set(name, all)
    return this.#startBroker(name, all)
  }

  client(name: string, ask: Partial<ClientAsk> = {}): ClientNode {
    this.#lives += 1
    const instance = `instance-${name}-${this.#lives}`
    const known = ask.registries === undefined ? [...this.#limits.keys()] : []
    const brokers = ask.brokers ?? known
    const all = { ...this.#clock(), ...ask, brokers }
    const client = new ClientNode(this, name, instance, all, this.http)
    this.clients.add(client)
    client.start()
    return client
  }

  /** A copy of the registry. Copies know nothing of each other. */
  registry(name = 'r1', { leaseMs = LEASE_MS, ...ask }: Partial<RegistryAsk> = {}): RegistryNode {
    this.#lives += 1
    const copy = `copy-${name}-${this.#lives}`
    const all = { ...this.#clock(), ...ask, leaseMs }
    const registry = new RegistryNode(this, name, copy, all)
    this.registries.set(name, registry)
    return registry
  }

  /** kill -9: what it sent still arrives, then its peers are told; nothing more reaches it. */
  kill(node: AnyNode): void {
    node.die()
    if (node instanceof RegistryNode) this.http.onDead(node.name)
    else this.#network.onDead(node)
    if (node instanceof ClientNode) this.clients.delete(node)
  }

  /** kill -9 after so many more steps of it, before anything that the last one wrote has left. */
  crash(node: AnyNode, steps = 1): void {
    node.afterSteps(steps, () => this.kill(node))
  }

  /** The broker of that name, in a new life. */
  restart(name: string): BrokerNode {
    const old = this.brokers.get(name)
    if (old?.isAlive === true) this.kill(old)
    return this.#startBroker(name, this.#limits.get(name)!)
  }

  /** The registry of that name, in a new life, with an empty directory. */
  restartRegistry(name: string): RegistryNode {
    const old = this.registries.get(name)!
    if (old.isAlive) this.kill(old)
    return this.registry(name, old.ask)
  }

  freeze(node: AnyNode, ms?: number): void {
    node.freeze()
    if (ms !== undefined) this.after(ms, () => node.thaw())
  }

  link(client: ClientNode, broker = 'b1'): VirtualLink {
    const { link } = this.#network.path(client, broker)
    if (link === undefined) throw new Error(`${client.name} has no link to ${broker}`)
    return link
  }

  hasLink(client: ClientNode, broker = 'b1'): boolean {
    return this.#network.path(client, broker).link !== undefined
  }

  /** The link breaks, what is under way is lost; the client will dial again. */
  cut(client: ClientNode, broker = 'b1', tell?: Told): void {
    this.#network.cut(client, broker, tell)
  }

  /** As `cut`, but part of what is under way still arrives before the news does. */
  reset(client: ClientNode, broker = 'b1', tell?: Told): void {
    this.#network.reset(client, broker, tell)
  }

  /** As `cut`, and no new link until `heal`. */
  part(client: ClientNode, broker = 'b1'): void {
    this.#network.path(client, broker).isBlocked = true
    this.cut(client, broker)
  }

  /** Nothing arrives in that direction any more, on this link and later ones, and nobody is told. */
  hold(client: ClientNode, broker: string, way: Directions): void {
    this.#network.path(client, broker).hurt(way, (harm) => {
      harm.isHeld = true
    })
  }

  /** Everything takes so much longer from now on, until `heal`. */
  delay(client: ClientNode, broker: string, byMs: number, way: Directions = 'both'): void {
    this.#network.path(client, broker).hurt(way, (harm) => {
      harm.delayMs = byMs
    })
  }

  /** Only so many bytes a millisecond get through, until `heal`; the others wait with their sender. */
  clog(client: ClientNode, broker: string, bytesPerMs: number, way: Directions = 'both'): void {
    this.#network.path(client, broker).hurt(way, (harm) => {
      harm.bytesPerMs = bytesPerMs
    })
  }

  /** Clogs these one after the other, and opens them in another order. Returns how long it takes. */
  swizzle(pairs: readonly Pair[], bytesPerMs = 1, spreadMs = 1_000): number {
    return this.#network.swizzle(pairs, bytesPerMs, spreadMs)
  }

  /**
   * The client gives up its link, or else the next one once it has said hello, and dials again; what
   * it had sent arrives late all the same, when the broker may have the new link already.
   */
  duplicate(client: ClientNode, broker = 'b1', lagMs = 100): void {
    this.#network.duplicate(client, broker, lagMs)
  }

  /** The broker takes the next dial, and the client never hears of it. */
  swallowDial(client: ClientNode, broker = 'b1'): void {
    this.#network.path(client, broker).swallowed += 1
  }

  heal(client: ClientNode, broker = 'b1'): void {
    this.#network.path(client, broker).heal()
  }

  /** Nothing arrives any more that goes from one data centre to another, and nobody is told. */
  wall(from: string, to: string): void {
    this.#network.wall(from, to, true)
  }

  unwall(from: string, to: string): void {
    this.#network.wall(from, to, false)
  }

  healAll(): void {
    this.#network.healAll()
    this.http.healAll()
    for (const broker of this.brokers.values()) broker.thaw()
    for (const client of this.clients) client.thaw()
    for (const registry of this.registries.values()) {
      registry.thaw()
      registry.mood = 'true'
    }
  }

  /** Waits until nothing can be under way any more, and checks that nothing is left anywhere. */
  assertQuiet(): void {
    assertQuiet(this)
  }

  /** For clients: a link is wanted. */
  dial(client: ClientNode, to: BrokerLink): void {
    this.#network.dial(client, to)
  }

  /** For the network: the broker that an address leads to, or none. Its name always does. */
  brokerAt(url: string): string {
    const host = hostOf(url)
    return host === url ? url : (this.#addresses.get(host) ?? '')
  }

  /** For the network: the data centre of a broker, dead or alive. */
  idcOf(broker: string): string | undefined {
    return this.#limits.get(broker)?.idc
  }

  #startBroker(name: string, limits: BrokerAsk): BrokerNode {
    this.#lives += 1
    const ask = { ...this.#clock(), ...limits }
    const broker = new BrokerNode(this, name, 1_000 + this.#lives, ask, this.http)
    this.brokers.set(name, broker)
    broker.start()
    return broker
  }

  /** For a process that starts now, unless it was given a clock. */
  #clock(): { clock?: ClockAsk } {
    if (this.drift === 0) return {}
    const rate = 1 + this.drift * (this.nature.below(2_001) / 1_000 - 1)
    return { clock: { rate, offset: this.nature.below(MOST_OFFSET_MS) } }
  }
}
