/** Does to a scene what the words say. */

import { EVERY_TOPIC } from '../../bus/order.ts'
import { type Player, playersOf, type Target } from '../drills/targets.ts'
import type { Act, Deed, Harm } from '../drills/words.ts'
import type {
  ClosePlan,
  CrashPlan,
  Fault,
  ForcePlan,
  LossPlan,
  MoodPlan,
  ResponderPlan,
  SwizzlePlan,
  WayPlan,
} from './plan.ts'
import type { Place, Scene } from './scene.ts'
import type { ClientNode } from './world/client-node.ts'
import type { Direction } from './world/direction.ts'
import type { RegistryNode } from './world/registry-node.ts'

type DeedAct = Extract<Act, { verb: Deed }>
type HarmAct = Extract<Act, { verb: Harm }>
type SlowAct = Extract<Act, { verb: 'slow' }>

/** A frozen process without a time goes on when all is healed. */
const LONG_MS = 3_600_000
/** A responder that is told to stop ends what it runs within so long, or dies. */
const STOP_MS = 1_000

export class Hurt {
  readonly #scene: Scene
  #added = 0

  constructor(scene: Scene) {
    this.#scene = scene
  }

  do(fault: Fault): void {
    const scene = this.#scene
    switch (fault.verb) {
      case 'lose':
        this.#lose(fault)
        break
      case 'close':
        this.#close(fault)
        break
      case 'clog':
      case 'duplicate':
      case 'swallow':
        this.#hurtWay(fault)
        break
      case 'swizzle':
        this.#swizzle(fault)
        break
      case 'crash':
        this.#crash(fault)
        break
      case 'force':
        this.#force(fault)
        break
      case 'mislead':
        this.#mislead(fault)
        break
      case 'kill':
        this.#kill(fault)
        break
      case 'stop':
        this.#each(fault.target, (place) => this.#stop(place))
        break
      case 'restart':
        this.#each(fault.target, (place) => {
          this.#end(place)
          scene.fill(place)
        })
        break
      case 'freeze':
        this.#each(fault.target, ({ node }) => {
          if (node !== undefined) scene.freeze(node, fault.forMs ?? LONG_MS)
        })
        break
      case 'thaw':
        this.#each(fault.target, ({ node }) => node?.thaw())
        break
      case 'cut':
      case 'reset':
      case 'part':
      case 'delay':
        this.#harm(fault)
        break
      case 'slow':
        this.#slow(fault)
        break
      case 'add':
        this.#add(fault.idc, fault.count)
        break
      case 'remove':
        this.#remove(fault.idc, fault.count)
        break
      case 'heal':
        this.heal()
        break
      case 'load':
        throw new Error('the calls of a plan are in the plan')
    }
  }

  /** All ways are open, nobody is frozen or slow, and every place is filled. */
  heal(): void {
    const { slowMs, world, places } = this.#scene
    slowMs.clear()
    world.http.loss = 0
    world.healAll()
    for (const place of places) {
      // Nobody is to die later, either.
      place.node?.afterSteps(0, () => {})
      this.#scene.fill(place)
      if (place.kind === 'registry') (place.node as RegistryNode).mood = 'true'
    }
  }

  #kill({ target, forMs }: DeedAct): void {
    this.#each(target, (place) => {
      this.#end(place)
      if (forMs !== undefined) this.#scene.world.after(forMs, () => this.#scene.fill(place))
    })
  }

  #end({ node }: Place): void {
    if (node?.isAlive === true) this.#scene.world.kill(node)
  }

  /** Takes no more work, ends what it has, says goodbye. */
  #stop(place: Place): void {
    const { world } = this.#scene
    const { node, kind } = place
    if (node === undefined || !node.isAlive) return
    if (kind !== 'responder' || node.isFrozen) {
      world.kill(node)
      return
    }
    // The place is free for another from now on.
    place.node = undefined
    const client = node as ClientNode
    for (const registration of [...client.core.registrations.all]) client.unanswer(registration)
    world.after(STOP_MS, () => {
      if (client.isAlive && !client.isFrozen) client.leave()
      else if (client.isAlive) world.kill(client)
    })
  }

  #close({ name, withinMs }: ClosePlan): void {
    const { world } = this.#scene
    const place = this.#scene.place('requester', name)
    const client = place?.node as ClientNode | undefined
    if (place === undefined || client === undefined || !client.isAlive || client.isFrozen) return
    client.core.state.phase = 'draining'
    world.after(withinMs, () => {
      if (client.isAlive && !client.isFrozen) client.leave()
      else if (client.isAlive) world.kill(client)
      this.#scene.fill(place)
    })
  }

  #hurtWay({ verb, client, broker, bytesPerMs, forMs }: WayPlan): void {
    const { world } = this.#scene
    const node = this.#scene.place(client.kind, client.name)?.node as ClientNode | undefined
    if (node?.isAlive !== true) return
    if (verb === 'duplicate') world.duplicate(node, broker, forMs)
    else if (verb === 'swallow') {
      world.swallowDial(node, broker)
      world.cut(node, broker)
    } else {
      world.clog(node, broker, bytesPerMs)
      world.after(forMs, () => world.heal(node, broker))
    }
  }

  #swizzle({ bytesPerMs, spreadMs }: SwizzlePlan): void {
    const scene = this.#scene
    const clients = [...scene.clients('requester'), ...scene.clients('responder')]
    const names = scene.of('broker').map(({ name }) => name)
    const pairs = clients.flatMap((client) => names.map((broker) => ({ client, broker })))
    scene.world.swizzle(pairs, bytesPerMs, spreadMs)
  }

  #crash({ target, steps, forMs }: CrashPlan): void {
    const { world } = this.#scene
    const place = this.#scene.place(target.kind, target.name)
    if (place?.node?.isAlive !== true) return
    world.crash(place.node, steps)
    world.after(forMs, () => this.#scene.fill(place))
  }

  #force({ name, to, forMs }: ForcePlan): void {
    const client = this.#scene.place('requester', name)?.node as ClientNode | undefined
    if (client?.isAlive !== true || client.isFrozen) return
    client.step((now) => {
      const until = now + forMs
      const all = { topic: EVERY_TOPIC, instance: undefined, idc: undefined }
      client.core.requester.force(now, { ...all, to, until, reason: 'a drill' })
    })
  }

  #mislead({ registry, mood, forMs }: MoodPlan): void {
    const node = this.#scene.place('registry', registry)?.node as RegistryNode | undefined
    if (node?.isAlive !== true) return
    node.mood = mood
    this.#scene.world.after(forMs, () => {
      node.mood = 'true'
    })
  }

  #lose({ client, broker, told }: LossPlan): void {
    const node = this.#scene.place(client.kind, client.name)?.node as ClientNode | undefined
    if (node?.isAlive === true) this.#scene.world.cut(node, broker, told)
  }

  #harm({ verb, target, from, isOneWay = false, byMs = 0, forMs = LONG_MS }: HarmAct): void {
    const { world } = this.#scene
    if (target.kind === 'idc' && from.kind === 'idc' && 'name' in target && 'name' in from) {
      const walls = [[target.name, from.name] as const]
      if (!isOneWay) walls.push([from.name, target.name])
      for (const [a, b] of walls) world.wall(a, b)
      world.after(forMs, () => {
        for (const [a, b] of walls) world.unwall(a, b)
      })
      return
    }
    for (const { client, broker, way } of this.#ways(target, from)) {
      const ways = isOneWay ? way : 'both'
      if (verb === 'cut') world.hold(client, broker, ways)
      else if (verb === 'part') world.part(client, broker)
      else if (verb === 'delay') world.delay(client, broker, byMs, ways)
      else world.reset(client, broker)
      if (verb !== 'reset') world.after(forMs, () => world.heal(client, broker))
    }
  }

  /** Between clients of one side and brokers of the other; `way` is from `target` to `from`. */
  #ways(target: Target, from: Target): { client: ClientNode; broker: string; way: Direction }[] {
    const near = this.#players(target)
    const far = this.#players(from)
    return [...ways(near, far, 'up'), ...ways(far, near, 'down')]
  }

  #slow({ target, byMs, forMs }: SlowAct): void {
    const { slowMs, world } = this.#scene
    this.#each(target, ({ name }) => {
      slowMs.set(name, byMs)
      if (forMs !== undefined) world.after(forMs, () => slowMs.delete(name))
    })
  }

  /** More of the kind that there is already. */
  #add(idc: string, count: number): void {
    const model = this.#scene.plan.responders[0]!
    for (let i = 1; i <= count; i++) {
      this.#added += 1
      const plan: ResponderPlan = { ...model, name: `${idc}-added-${this.#added}`, idc }
      this.#scene.open('responder', plan)
    }
  }

  /** In good order; the first of the plan stays. */
  #remove(idc: string, count: number): void {
    const [, ...others] = this.#scene.of('responder')
    const leaving = others.filter((place) => place.idc === idc).slice(-count)
    for (const place of leaving) {
      this.#scene.places.splice(this.#scene.places.indexOf(place), 1)
      this.#stop(place)
    }
  }

  #players(target: Target): readonly (Place & Player)[] {
    return playersOf(target, this.#scene.places)
  }

  #each(target: Target, act: (place: Place) => void): void {
    for (const place of this.#players(target)) act(place)
  }
}

const ways = (clients: readonly Place[], brokers: readonly Place[], way: Direction) =>
  clients.flatMap(({ kind, node }) => {
    if (kind === 'broker' || kind === 'registry' || node?.isAlive !== true) return []
    const reached = brokers.filter((place) => place.kind === 'broker')
    return reached.map(({ name }) => ({ client: node as ClientNode, broker: name, way }))
  })
