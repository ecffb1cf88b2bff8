import assert from 'node:assert/strict'
import type { Prng } from '../../bus/prng.ts'
import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { VirtualCall } from '../../scenarios/sim/world/calls.ts'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { Handler } from '../../scenarios/sim/world/handlers.ts'
import { World } from '../../scenarios/sim/world/world.ts'
import { type Member, Standby } from './standby.ts'

const WALK_MS = 8_000
/** By then leases of before the healing are over, brokers vote, and links are dialled again. */
const HEALED_MS = 10_000
const QUIET_EVERY = 4

/**
 * A random history of an active/standby group: brokers and candidates are killed, frozen, restarted and
 * cut from each other, told or not, while calls go on. The watch looks on; the seed decides everything.
 */
export class StandbyWalk {
  readonly world: World
  readonly standby: Standby
  readonly story: string[] = []
  readonly calls: VirtualCall[] = []
  readonly #seed: number
  readonly #prng: Prng
  readonly #brokers: string[] = []
  readonly #requester: ClientNode
  readonly #hurtEveryMs: number
  #joined = 0

  constructor(seed: number) {
    this.#seed = seed
    this.world = new World(seed)
    this.#prng = this.world.prng
    this.world.latencyMs = 1 + this.#below(4)
    this.world.awayMs = this.world.latencyMs + this.#below(60)
    this.#hurtEveryMs = 100 + this.#below(600)
    for (let i = 1; i <= 1 + this.#below(4); i++) this.#brokers.push(`b${i}`)
    for (const name of this.#brokers) {
      const silenceMs = this.#one([400, 600, 1_000])
      const sessionHoldMs = this.#one([500, 10_000])
      this.world.broker(name, { idc: this.#idc(), silenceMs, sessionHoldMs })
    }
    this.standby = new Standby(this.world)
    for (let i = 0; i < 2 + this.#below(3); i++) this.#join()
    this.#requester = this.world.client('R', { idc: this.#idc() })
  }

  run(): void {
    const { world } = this
    const until = world.now + WALK_MS
    let hurtAt = world.now + this.#below(3_000)
    while (world.now < until) {
      world.run(this.#below(60))
      if (world.now >= hurtAt) {
        this.#hurt()
        hurtAt = world.now + this.#below(2 * this.#hurtEveryMs)
      } else this.#call()
    }
    this.#heal()
    world.run(HEALED_MS)
    this.#checkHealed()
    this.standby.end()
    // It takes most of the time, and finds what it does in few histories as well.
    if (this.#seed % QUIET_EVERY === 0) world.assertQuiet()
    this.#checkCalls()
  }

  /** One is active, every broker says so, and calls go to it. */
  #checkHealed(): void {
    const [active, ...others] = this.standby.active
    assert.ok(active !== undefined && others.length === 0, `active: ${this.standby.activeNames}`)
    this.standby.assertOwner(active.client.name)
    const call = this.#requester.call({ body: 'healed' })
    this.world.run(1_000)
    assert.equal(call.end, 'reply')
    assert.equal(this.standby.starts.at(-1)?.instance, active.client.instance)
  }

  #checkCalls(): void {
    for (const call of this.calls) {
      const ran = this.world.ledger.of(this.#requester.idOf(call)).length
      assert.equal(call.settlements.length, 1, `settled once: ${call.body}`)
      if (call.ask.idempotent !== true) assert.ok(ran <= 1, `ran ${ran} times: ${call.body}`)
      if (call.error?.outcome === 'not_executed') assert.equal(ran, 0, `ran: ${call.body}`)
      if (call.reply !== undefined) assert.ok(ran > 0, `replied, and never ran: ${call.body}`)
    }
  }

  #call(): void {
    const call = this.#requester.call({
      body: `${this.calls.length}|${this.#below(3) === 0 ? this.#below(900) : this.#below(20)}`,
      timeoutMs: 100 + this.#below(this.#below(5) === 0 ? 4_000 : 800),
      idempotent: this.#below(3) === 0,
      waitForResponder: this.#below(3) === 0,
    })
    this.calls.push(call)
  }

  #hurt(): void {
    const { world } = this
    const member = this.#one(this.#aimedAt())
    const name = this.#one(this.#brokers)
    const broker = world.brokers.get(name)!
    const { client } = member
    const roll = this.#below(100)
    const ms = this.#below(4_000)
    if (roll < 20) {
      const tell = this.#one(['both', 'client', 'broker', 'nobody'] as const)
      this.#note(`cut ${client.name} ${name}, told ${tell}`)
      world.cut(client, name, tell)
    } else if (roll < 45) {
      const way = this.#one(['up', 'down', 'both'] as const)
      for (const at of this.#below(3) === 0 ? this.#brokers : [name]) {
        this.#note(`hold ${client.name} ${at} ${way} ${ms} ms`)
        world.hold(client, at, way)
        world.after(ms, () => world.heal(client, at))
      }
    } else if (roll < 55) {
      this.#note(`part ${client.name} ${name} ${ms} ms`)
      world.part(client, name)
      world.after(ms, () => world.heal(client, name))
    } else if (roll < 68) this.#freeze(client, ms)
    else if (roll < 75) this.#freeze(broker, ms)
    else if (roll < 88) this.#restart(name, broker, this.#below(1_500))
    else this.#replace(member)
  }

  /** The active one is hurt as often as all the others together. */
  #aimedAt(): readonly Member[] {
    const { active, members } = this.standby
    return active.length > 0 && this.#below(2) === 0 ? active : members
  }

  #freeze(node: ClientNode | BrokerNode, ms: number): void {
    if (!node.isAlive || node.isFrozen) return
    this.#note(`freeze ${node.name} ${ms} ms`)
    this.world.freeze(node, ms)
  }

  #restart(name: string, broker: BrokerNode, ms: number): void {
    if (!broker.isAlive) return
    this.#note(`kill ${name}, back in ${ms} ms`)
    this.world.kill(broker)
    this.world.after(ms, () => {
      if (this.world.brokers.get(name)!.isAlive) return
      this.#note(`restart ${name}`)
      this.world.restart(name)
    })
  }

  #replace(member: Member): void {
    const { members } = this.standby
    if (member.client.isFrozen) return
    members.splice(members.indexOf(member), 1)
    const isKilled = this.#below(2) === 0
    this.#note(`${isKilled ? 'kill' : 'leave'} ${member.client.name}`)
    if (isKilled) this.world.kill(member.client)
    else this.standby.leave(member)
    this.#join()
  }

  #heal(): void {
    this.#note('heal')
    this.world.healAll()
    for (const name of this.#brokers) {
      if (!this.world.brokers.get(name)!.isAlive) this.world.restart(name)
    }
  }

  #join(): void {
    this.#joined += 1
    // Names do not come in the order of ids: the next to join may be the first by id.
    const name = `${this.#one(['A', 'M', 'Z'])}${this.#joined}`
    const ask = { idc: this.#idc(), silenceMs: this.#one([400, 1_000]) }
    // Few at once: what waits in a lane must not start when its time has passed.
    const lane = { concurrency: this.#one([1, 2, 64]) }
    this.standby.join(name, deed, ask, lane)
  }

  #note(line: string): void {
    this.story.push(`${this.world.now} ${line} [active: ${this.standby.activeNames}]`)
  }

  #idc(): string {
    return this.#one(['sz', 'sz', 'sh'])
  }

  #below(bound: number): number {
    return this.#prng.below(bound)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}

/** Takes as long as the body says. */
const deed: Handler = (execution) =>
  execution.reply(Number(execution.body.split('|')[1] ?? 1), `re:${execution.body}`)
