/** What is wrong with the ways of a drill in virtual time, for as long as it is. */
import type { Act, Harm } from '../drills/words.ts'
import type {
  AskingMember,
  BrokerMember,
  ClientMember,
  Member,
  RegistryMember,
} from './stage-cast.ts'
import type { Direction } from './world/direction.ts'
import type { World } from './world/world.ts'

export type HarmAct = Extract<Act, { verb: Harm }>

interface Towards {
  /** What only the one named first sends goes this way. */
  readonly direction: Direction
}

/** Between two places, whatever lives are in them: links to brokers, questions to registries. */
type Way = Towards &
  (
    | { readonly near: ClientMember; readonly far: BrokerMember }
    | { readonly near: AskingMember; readonly far: RegistryMember }
  )

interface Trouble {
  readonly act: HarmAct
  readonly ways: readonly Way[]
}

export class Network {
  readonly #world: World
  readonly #troubles = new Set<Trouble>()

  constructor(world: World) {
    this.#world = world
  }

  harm(act: HarmAct, target: readonly Member[], from: readonly Member[]): void {
    const ways = [...waysOf(target, from, 'up'), ...waysOf(from, target, 'down')]
    if (ways.length === 0) {
      throw new Error('ways are between clients and brokers, and from both of them to registries')
    }
    const trouble: Trouble = { act, ways }
    for (const way of ways) this.#apply(act, way)
    if (act.verb === 'reset') return
    this.#troubles.add(trouble)
    if (act.forMs !== undefined) this.#world.after(act.forMs, () => this.#end(trouble))
  }

  /** Who is born into a network that is in trouble shares it. */
  onBorn(member: Member): void {
    for (const { act, ways } of this.#troubles) {
      for (const way of ways) if (way.near === member) this.#apply(act, way)
    }
  }

  /** Told when the world has been healed. */
  onHealed(): void {
    this.#troubles.clear()
  }

  #end(trouble: Trouble): void {
    if (!this.#troubles.delete(trouble)) return
    for (const way of trouble.ways) {
      this.#heal(way)
      // Other troubles of this way go on.
      for (const { act, ways } of this.#troubles) {
        for (const other of ways) {
          if (other.near === way.near && other.far === way.far) this.#apply(act, other)
        }
      }
    }
  }

  #apply({ verb, ...act }: HarmAct, way: Way): void {
    const { near, far } = way
    const { node } = near
    if (node === undefined || !node.isAlive) return
    const direction = act.isOneWay === true ? way.direction : 'both'
    if (far.kind === 'registry') {
      const { http } = this.#world
      if (verb === 'delay') throw new Error('the way to a registry cannot be made slow')
      if (verb === 'cut') http.hold(node, far.host, direction)
      else http.part(node, far.host)
      if (verb === 'reset') http.heal(node, far.host)
      return
    }
    const client = (near as ClientMember).node!
    if (verb === 'reset') this.#world.reset(client, far.name)
    else if (verb === 'part') this.#world.part(client, far.name)
    else if (verb === 'cut') this.#world.hold(client, far.name, direction)
    else this.#world.delay(client, far.name, act.byMs ?? 0, direction)
  }

  #heal({ near, far }: Way): void {
    const { node } = near
    if (node === undefined) return
    if (far.kind === 'registry') this.#world.http.heal(node, far.host)
    else this.#world.heal((near as ClientMember).node!, far.name)
  }
}

const waysOf = (near: readonly Member[], far: readonly Member[], direction: Direction): Way[] =>
  near.flatMap((one) => far.flatMap((other) => wayOf(one, other, direction) ?? []))

const wayOf = (near: Member, far: Member, direction: Direction): Way | undefined => {
  if (near.kind === 'registry') return undefined
  if (far.kind === 'registry') return { near, far, direction }
  if (near.kind === 'broker' || far.kind !== 'broker') return undefined
  return { near, far, direction }
}
