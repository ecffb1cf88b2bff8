import type { Prng } from '../../bus/prng.ts'
import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

/** A stretch of time in which a process could do nothing. */
interface Spell {
  readonly from: number
  readonly to: number
}

/** Whom a random history may hurt. */
export interface Victims {
  readonly idcs: readonly string[]
  readonly brokers: readonly string[]
  readonly requesters: readonly ClientNode[]
  readonly responders: readonly ClientNode[]
  /** Puts another in the place of a responder that was killed. */
  replace(responder: ClientNode): void
  /** The broker of that name is there again. */
  restarted(broker: BrokerNode): void
}

/** What a random history does to the world, one fault at a time, and what it did. */
export class Harm {
  readonly story: string[] = []
  readonly #world: World
  readonly #victims: Victims
  readonly #prng: Prng
  readonly #frozen = new Map<ClientNode | BrokerNode, Spell[]>()

  constructor(world: World, victims: Victims) {
    this.#world = world
    this.#victims = victims
    this.#prng = world.prng
  }

  /** In one data centre the same faults as ever; where there are more, a whole one now and then. */
  strike(): void {
    if (this.#victims.idcs.length > 1 && this.#below(4) === 0) this.#strikeIdc()
    else this.#strikeOne()
  }

  spellsOf(node: ClientNode | BrokerNode): readonly Spell[] {
    return this.#frozen.get(node) ?? []
  }

  note(line: string): void {
    this.story.push(`${this.#world.now} ${line}`)
  }

  #strikeOne(): void {
    const { requesters, responders, brokers } = this.#victims
    const client = this.#one([...requesters, ...responders])
    const broker = this.#one(brokers)
    const roll = this.#below(100)
    if (roll < 35) {
      const tell = this.#one(['both', 'both', 'client', 'broker', 'nobody'] as const)
      this.note(`cut ${client.name} ${broker}, told ${tell}`)
      this.#world.cut(client, broker, tell)
    } else if (roll < 55) {
      const way = this.#one(['up', 'down', 'both'] as const)
      const ms = this.#below(2_500)
      this.note(`hold ${client.name} ${broker} ${way} ${ms} ms`)
      this.#world.hold(client, broker, way)
      this.#world.after(ms, () => this.#world.heal(client, broker))
    } else if (roll < 62) {
      const ms = this.#below(1_500)
      this.note(`part ${client.name} ${broker} ${ms} ms`)
      this.#world.part(client, broker)
      this.#world.after(ms, () => this.#world.heal(client, broker))
    } else if (roll < 72) this.#freeze(client, this.#below(3_000))
    else if (roll < 80) this.#freeze(this.#broker(broker), this.#below(3_000))
    else if (roll < 90) this.#restart(broker, this.#below(600))
    else if (roll < 96) this.#killResponder(this.#one(responders))
    else this.#close(this.#one(responders), this.#below(1_000))
  }

  /** Killed, frozen, or cut off from another one. */
  #strikeIdc(): void {
    const { idcs } = this.#victims
    const idc = this.#one(idcs)
    const ms = this.#below(2_500)
    const roll = this.#below(3)
    if (roll === 0) this.#wall(idc, this.#one(idcs.filter((other) => other !== idc)), ms)
    else if (roll === 1) {
      this.note(`kill all of ${idc}`)
      for (const name of this.#brokersOf(idc)) this.#restart(name, ms)
      for (const responder of this.#respondersOf(idc)) this.#killResponder(responder)
    } else {
      this.note(`freeze all of ${idc}`)
      for (const name of this.#brokersOf(idc)) this.#freeze(this.#broker(name), ms)
      for (const responder of this.#respondersOf(idc)) this.#freeze(responder, ms)
    }
  }

  #wall(from: string, to: string, ms: number): void {
    const isOneWay = this.#below(2) === 0
    this.note(`wall ${from} ${isOneWay ? 'to' : 'and'} ${to} ${ms} ms`)
    this.#world.wall(from, to)
    if (!isOneWay) this.#world.wall(to, from)
    this.#world.after(ms, () => {
      this.#world.unwall(from, to)
      if (!isOneWay) this.#world.unwall(to, from)
    })
  }

  #freeze(node: ClientNode | BrokerNode, ms: number): void {
    if (!node.isAlive || node.isFrozen) return
    this.note(`freeze ${node.name} ${ms} ms`)
    const { now } = this.#world
    this.#frozen.set(node, [...this.spellsOf(node), { from: now, to: now + ms }])
    this.#world.freeze(node, ms)
  }

  #restart(name: string, ms: number): void {
    this.note(`kill ${name}, back in ${ms} ms`)
    this.#world.kill(this.#broker(name))
    this.#world.after(ms, () => {
      this.note(`restart ${name}`)
      this.#victims.restarted(this.#world.restart(name))
    })
  }

  #killResponder(dead: ClientNode): void {
    if (!dead.isAlive) return
    this.note(`kill ${dead.name}`)
    this.#world.kill(dead)
    this.#victims.replace(dead)
  }

  /** Takes no more work, and leaves when what it has is done, or its time is over. */
  #close(responder: ClientNode, ms: number): void {
    if (!responder.isAlive || responder.isFrozen) return
    this.note(`close ${responder.name} within ${ms} ms`)
    for (const registration of [...responder.core.registrations.all]) {
      responder.unanswer(registration)
    }
    this.#victims.replace(responder)
    this.#world.after(ms, () => {
      if (responder.isAlive && !responder.isFrozen) responder.leave()
      else this.#world.kill(responder)
    })
  }

  #broker(name: string): BrokerNode {
    return this.#world.brokers.get(name)!
  }

  #brokersOf(idc: string): string[] {
    return this.#victims.brokers.filter((name) => this.#broker(name).limits.idc === idc)
  }

  #respondersOf(idc: string): ClientNode[] {
    return this.#victims.responders.filter(({ facts }) => facts.idc === idc)
  }

  #below(bound: number): number {
    return this.#prng.below(bound)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}
