import type { BrokerAsk, BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { AnswerAsk, ClientNode } from '../../scenarios/sim/world/client-node.ts'
import { type Handler, replies } from '../../scenarios/sim/world/handlers.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

/** What a data centre has. */
export interface SiteAsk {
  readonly brokers?: number
  readonly responders?: number
  readonly handler?: Handler
  readonly lane?: AnswerAsk
  readonly limits?: Partial<BrokerAsk>
}

/** A data centre: brokers, and responders linked to every broker of the world. */
export class Site {
  readonly idc: string
  readonly brokers: readonly string[]
  responders: ClientNode[] = []
  /** Every instance that ever answered from here. */
  readonly instances = new Set<string>()
  readonly #world: World
  readonly #handler: Handler
  readonly #lane: AnswerAsk
  #count = 0

  /** The brokers come first, so that the clients of all data centres know of them. */
  constructor(world: World, idc: string, ask: SiteAsk = {}) {
    const { brokers = 1, handler = replies(2), lane = {}, limits = {} } = ask
    this.#world = world
    this.#handler = handler
    this.#lane = lane
    this.idc = idc
    this.brokers = Array.from({ length: brokers }, (_, i) => `${idc}${i + 1}`)
    for (const name of this.brokers) world.broker(name, { ...limits, idc })
  }

  get broker(): BrokerNode {
    return this.#world.brokers.get(this.brokers[0]!)!
  }

  addResponders(count: number): ClientNode[] {
    const added = Array.from({ length: count }, () => this.#addResponder())
    this.responders.push(...added)
    return added
  }

  requester(name = `R-${this.idc}`): ClientNode {
    return this.#world.client(name, { idc: this.idc })
  }

  /** Brokers and responders, all at once. */
  kill(): void {
    for (const name of this.brokers) this.#world.kill(this.#world.brokers.get(name)!)
    for (const responder of this.responders) this.#world.kill(responder)
    this.responders = []
  }

  /** After a `kill`: the same brokers in new lives, and so many new responders. */
  restart(responders: number): void {
    for (const name of this.brokers) this.#world.restart(name)
    this.addResponders(responders)
  }

  freeze(): void {
    for (const name of this.brokers) this.#world.freeze(this.#world.brokers.get(name)!)
    for (const responder of this.responders) this.#world.freeze(responder)
  }

  thaw(): void {
    for (const name of this.brokers) this.#world.brokers.get(name)!.thaw()
    for (const responder of this.responders) responder.thaw()
  }

  #addResponder(): ClientNode {
    this.#count += 1
    const responder = this.#world.client(`Y-${this.idc}-${this.#count}`, { idc: this.idc })
    responder.answer(this.#handler, this.#lane)
    this.instances.add(responder.instance)
    return responder
  }
}

/** Data centres in one world, settled: each with one broker and one responder unless asked otherwise. */
export const sites = (world: World, asks: Readonly<Record<string, SiteAsk>>): Site[] => {
  const all = Object.entries(asks).map(([idc, ask]) => new Site(world, idc, ask))
  for (const site of all) site.addResponders(asks[site.idc]!.responders ?? 1)
  world.run(500)
  return all
}
