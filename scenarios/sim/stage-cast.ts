/** Who plays in a drill in virtual time, and how each of them is born, hurt and ended. */

import type { Drill } from '../drills/drill.ts'
import { Cast as Parts } from '../drills/drill.ts'
import { type Player, playersOf, type Target } from '../drills/targets.ts'
import type { BrokerNode } from './world/broker-node.ts'
import type { ClientNode } from './world/client-node.ts'
import type { RegistryNode } from './world/registry-node.ts'
import type { World } from './world/world.ts'

/** A responder that is told to stop has so long to finish what it runs. */
const STOP_MS = 10_000

export interface BrokerMember extends Player {
  readonly kind: 'broker'
  node: BrokerNode | undefined
}

export interface RegistryMember extends Player {
  readonly kind: 'registry'
  /** Its name in the world, where brokers and registries are hosts of one network. */
  readonly host: string
  node: RegistryNode | undefined
}

export interface ClientMember extends Player {
  readonly kind: 'responder' | 'requester'
  node: ClientNode | undefined
  /** Its handlers take so much longer just now. */
  slowMs: number
}

/** Those who ask registries. */
export type AskingMember = BrokerMember | ClientMember
export type Member = AskingMember | RegistryMember

export class Cast {
  readonly members: Member[] = []
  readonly #world: World
  readonly #drill: Drill
  readonly #onBorn: (member: Member) => void
  readonly #idcs = new Map<string, string>()

  constructor(world: World, drill: Drill, onBorn: (member: Member) => void) {
    this.#world = world
    this.#drill = drill
    this.#onBorn = onBorn
    // Registries and brokers first, so that every client knows of all of them.
    const { players } = new Parts(drill.cluster)
    const order = ['registry', 'broker', 'responder', 'requester'] as const
    for (const kind of order) {
      for (const { name, idc } of players.filter((player) => player.kind === kind)) {
        this.join(kind, name, idc)
      }
    }
  }

  /** Those that are up, frozen ones among them. */
  get players(): Player[] {
    return this.members
      .filter(({ node }) => node?.isAlive === true)
      .map(({ kind, name, idc }) => ({ kind, name, idc }))
  }

  get brokers(): BrokerMember[] {
    return this.members.filter((member) => member.kind === 'broker')
  }

  get clients(): ClientMember[] {
    const isClient = (one: Member): one is ClientMember => 'slowMs' in one
    return this.members.filter(isClient)
  }

  /** Of a responder, dead or alive. */
  idcOf(name: string): string {
    return this.#idcs.get(name) ?? ''
  }

  meant(target: Target): Member[] {
    return playersOf(target, this.members)
  }

  join(kind: Member['kind'], name: string, idc: string): void {
    const member = newMember(kind, name, idc)
    this.members.push(member)
    if (kind === 'responder') this.#idcs.set(name, idc)
    this.bear(member)
  }

  /** A new life, unless it has one. */
  bear(member: Member): void {
    if (member.node?.isAlive === true) return
    if (member.kind === 'broker') member.node = this.#bearBroker(member)
    else if (member.kind === 'registry') member.node = this.#bearRegistry(member)
    else member.node = this.#bearClient(member)
    this.#onBorn(member)
  }

  /** How a client learns of brokers: from registries alone, if there are any. */
  get clientAsk(): { registries?: readonly string[] } {
    const hosts = this.members.flatMap((one) => (one.kind === 'registry' ? [one.host] : []))
    return hosts.length === 0 ? {} : { registries: hosts }
  }

  kill({ node }: Member): void {
    if (node?.isAlive === true) this.#world.kill(node)
  }

  /** In good order: nothing new is taken, what runs is finished, goodbye is said. Time goes by. */
  stop(member: Member): void {
    const { node } = member
    if (node === undefined || !node.isAlive) return
    if (node.isFrozen) throw new Error(`${member.kind} ${member.name} is frozen: it cannot stop`)
    if (member.kind === 'broker') member.node!.leave()
    else if (member.kind === 'registry') this.#world.kill(node)
    else this.#stopClient(member.node!)
  }

  addResponders(idc: string, count: number): void {
    const before = this.#respondersOf(idc).length
    for (let i = 1; i <= count; i++) this.join('responder', `${idc}-${before + i}`, idc)
  }

  /** Those that came last go first. */
  removeResponders(idc: string, count: number): void {
    const there = this.#respondersOf(idc).filter(({ node }) => node?.isAlive === true)
    if (there.length < count) {
      throw new Error(`there are ${there.length} responders in ${idc}, not ${count}`)
    }
    for (const member of there.slice(-count)) this.stop(member)
  }

  #respondersOf(idc: string): Member[] {
    return this.members.filter((member) => member.kind === 'responder' && member.idc === idc)
  }

  #bearBroker({ name, idc }: BrokerMember): BrokerNode {
    if (this.#world.brokers.has(name)) return this.#world.restart(name)
    return this.#world.broker(name, { idc, ...this.clientAsk })
  }

  #bearRegistry({ host }: RegistryMember): RegistryNode {
    if (this.#world.registries.has(host)) return this.#world.restartRegistry(host)
    return this.#world.registry(host)
  }

  #bearClient(member: ClientMember): ClientNode {
    const { name, idc, kind } = member
    const node = this.#world.client(`${kind}-${name}`, { idc, ...this.clientAsk })
    if (kind === 'requester') return node
    const { handlerMs, concurrency } = this.#drill.load
    node.answer(({ reply }) => reply(handlerMs + member.slowMs, name), { concurrency })
    return node
  }

  #stopClient(node: ClientNode): void {
    for (const registration of [...node.core.registrations.all]) node.unanswer(registration)
    const world = this.#world
    const until = world.now + STOP_MS
    const isBusy = (): boolean =>
      node.core.registrations.size > 0 || node.core.requester.inFlight > 0
    while (node.isAlive && isBusy() && world.now < until) world.run(1)
    if (!node.isAlive) return
    node.leave()
    world.clients.delete(node)
  }
}

const newMember = (kind: Member['kind'], name: string, idc: string): Member => {
  const traits = { name, idc, node: undefined }
  if (kind === 'broker') return { kind, ...traits }
  if (kind === 'registry') return { kind, ...traits, host: `registry-${name}` }
  return { kind, ...traits, slowMs: 0 }
}
