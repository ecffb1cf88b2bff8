import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { Handler } from '../../scenarios/sim/world/handlers.ts'
import { type AnyNode, World } from '../../scenarios/sim/world/world.ts'
import { assertTruth } from './truth.ts'

const WALK_MS = 3_000
const TELL = ['both', 'client', 'broker', 'nobody'] as const
const MOODS = ['true', 'empty', 'garbled', 'stale'] as const

/** Does what the body says: how long it takes, and whether it throws. */
const deed: Handler = (execution) => {
  const [, afterMs, way] = execution.body.split('|')
  if (way === 'throw') execution.fail(Number(afterMs))
  else execution.reply(Number(afterMs), `re:${execution.body}`)
}

/**
 * A random history with jitter, drift, clogged and duplicated links, resets amid batches, deaths in the
 * middle of a turn, and registries that are lost or lie. What it draws comes from the seed alone.
 */
export class HarshWalk {
  readonly world: World
  readonly story: string[] = []
  readonly #registries: readonly string[]
  readonly #brokers: readonly string[]
  readonly #requesters: ClientNode[] = []
  readonly #responders: ClientNode[] = []
  readonly #hurtPercent: number
  #names = 0
  #bodies = 0

  constructor(seed: number) {
    const world = new World(seed)
    this.world = world
    this.#hurtPercent = 2 + this.#below(20)
    world.latencyMs = 1 + this.#below(4)
    world.jitterMs = this.#below(3) === 0 ? 0 : this.#below(15)
    world.drift = this.#below(3) === 0 ? 0 : 0.05
    this.#registries = Array.from({ length: this.#below(3) }, (_, i) => `r${i + 1}`)
    for (const name of this.#registries) world.registry(name)
    world.http.loss = this.#below(2) === 0 ? 0 : 0.2
    this.#brokers = Array.from({ length: 1 + this.#below(3) }, (_, i) => `b${i + 1}`)
    const registries = this.#registries
    for (const name of this.#brokers)
      world.broker(name, registries.length > 0 ? { registries } : {})
    for (let i = 0; i < 1 + this.#below(3); i++) this.#startResponder()
    for (let i = 0; i < 1 + this.#below(2); i++) this.#startRequester()
  }

  get replies(): number {
    return this.#requesters.flatMap(({ calls }) => calls).filter(({ end }) => end === 'reply')
      .length
  }

  run(): void {
    const { world } = this
    world.run(this.#below(600))
    const until = world.now + WALK_MS
    while (world.now < until) {
      world.run(this.#below(30))
      if (this.#below(100) < this.#hurtPercent) this.#strike()
      else this.#call()
    }
    this.#heal()
    world.run(10_000)
    assertTruth(world, ...this.#requesters)
    world.assertQuiet()
    assertTruth(world, ...this.#requesters)
  }

  #call(): void {
    const by = this.#one(this.#requesters)
    if (!by.isAlive || by.isFrozen) return
    this.#bodies += 1
    const afterMs = this.#below(this.#below(4) === 0 ? 500 : 20)
    by.call({
      body: `${this.#bodies}|${afterMs}|${this.#below(12) === 0 ? 'throw' : 'ok'}|`.padEnd(
        this.#below(5) === 0 ? 3_000 : 0,
        'x',
      ),
      timeoutMs: 100 + this.#below(1_500),
      idempotent: this.#below(3) === 0,
      waitForResponder: this.#below(4) === 0,
    })
  }

  #strike(): void {
    const { world } = this
    const client = this.#one([...this.#requesters, ...this.#responders])
    const broker = this.#one(this.#brokers)
    if (!client.isAlive) return
    const ms = this.#below(1_500)
    const heal = (): void => world.heal(client, broker)
    const roll = this.#below(10)
    if (roll === 0) {
      this.#note(`delay ${client.name} ${broker} ${ms} ms`)
      world.delay(client, broker, this.#below(300), this.#one(['up', 'down', 'both'] as const))
      world.after(ms, heal)
    } else if (roll === 1) {
      const tell = this.#one(TELL)
      this.#note(`reset ${client.name} ${broker}, told ${tell}`)
      world.reset(client, broker, tell)
    } else if (roll === 2) {
      this.#note(`clog ${client.name} ${broker} ${ms} ms`)
      world.clog(client, broker, 1 + this.#below(200))
      world.after(ms, heal)
    } else if (roll === 3) {
      this.#note(`duplicate ${client.name} ${broker} ${ms} ms`)
      world.duplicate(client, broker, ms)
    } else if (roll === 4) {
      this.#note(`swallow a dial of ${client.name} to ${broker}`)
      world.swallowDial(client, broker)
      world.cut(client, broker)
    } else if (roll === 5) this.#crash(this.#one([client, this.#broker(broker)]))
    else if (roll === 6) this.#freeze(this.#one([client, this.#broker(broker)]), ms)
    else if (roll === 7) this.#swizzle()
    else this.#strikeRegistry(client, ms)
  }

  #crash(node: ClientNode | BrokerNode): void {
    const steps = 1 + this.#below(30)
    this.#note(`crash ${node.name} after ${steps} steps`)
    this.world.crash(node, steps)
    this.world.after(this.#below(800), () => this.#replaceDead())
  }

  #freeze(node: AnyNode, ms: number): void {
    if (node.isFrozen) return
    this.#note(`freeze ${node.name} ${ms} ms`)
    // A call cannot be told in time by who is frozen: requesters stop only for a moment.
    this.world.freeze(node, this.#requesters.includes(node as ClientNode) ? ms % 50 : ms)
  }

  #swizzle(): void {
    this.#note('swizzle')
    const clients = [...this.#requesters, ...this.#responders].filter(({ isAlive }) => isAlive)
    const pairs = clients.flatMap((client) => this.#brokers.map((broker) => ({ client, broker })))
    this.world.swizzle(pairs, 1 + this.#below(20), 1 + this.#below(700))
  }

  #strikeRegistry(client: ClientNode, ms: number): void {
    if (this.#registries.length === 0) return
    const { world } = this
    const name = this.#one(this.#registries)
    const registry = world.registries.get(name)!
    const roll = this.#below(4)
    if (roll === 0) {
      this.#note(`kill registry ${name}`)
      world.kill(registry)
      world.after(ms, () => world.restartRegistry(name))
    } else if (roll === 1) {
      const mood = this.#one(MOODS)
      this.#note(`registry ${name} is ${mood}`)
      registry.mood = mood
    } else if (roll === 2) {
      this.#note(`hold ${client.name} ${name} ${ms} ms`)
      world.http.hold(client, name, this.#one(['up', 'down', 'both'] as const))
      world.after(ms, () => world.http.heal(client, name))
    } else this.#freeze(registry, ms)
  }

  /** Whoever died gets another life, or somebody in its place. */
  #replaceDead(): void {
    for (const name of this.#brokers) if (!this.#broker(name).isAlive) this.world.restart(name)
    for (const dead of this.#responders.filter(({ isAlive }) => !isAlive)) {
      this.#responders.splice(this.#responders.indexOf(dead), 1)
      this.#startResponder()
    }
    if (!this.#requesters.some(({ isAlive }) => isAlive)) this.#startRequester()
  }

  /** Nobody is to die later, either. */
  #heal(): void {
    this.#note('heal')
    const { world } = this
    for (const node of [...world.clients, ...world.brokers.values()]) node.afterSteps(0, () => {})
    world.healAll()
    world.run(2_000)
    this.#replaceDead()
    for (const name of this.#registries) {
      if (!world.registries.get(name)!.isAlive) world.restartRegistry(name)
    }
    world.healAll()
  }

  #broker(name: string): BrokerNode {
    return this.world.brokers.get(name)!
  }

  #startResponder(): void {
    const responder = this.#client('Y')
    responder.answer(deed, { concurrency: 1 + this.#below(4), prefetch: this.#below(6) })
    this.#responders.push(responder)
  }

  #startRequester(): void {
    this.#requesters.push(this.#client('R'))
  }

  #client(kind: string): ClientNode {
    this.#names += 1
    const registries = this.#registries
    return this.world.client(`${kind}${this.#names}`, registries.length > 0 ? { registries } : {})
  }

  #note(line: string): void {
    this.story.push(`${this.world.now} ${line}`)
  }

  #below(bound: number): number {
    return this.world.prng.below(bound)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}
