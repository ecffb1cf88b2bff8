import assert from 'node:assert/strict'
import type { Prng } from '../../bus/prng.ts'
import type { BrokerNode } from './broker-node.ts'
import type { VirtualCall } from './calls.ts'
import type { AnswerAsk, ClientNode } from './client-node.ts'
import type { Handler } from './handlers.ts'
import { World } from './world.ts'

const WALK_MS = 4_000
/** A timer is due up to a tick late, and what is readable goes first. */
const LATE_MS = 60

interface Asked {
  readonly by: ClientNode
  readonly call: VirtualCall
}

/** A random history of calls and faults over one small bus; the seed decides everything. */
export class Walk {
  readonly world: World
  readonly asked: Asked[] = []
  readonly story: string[] = []
  readonly #prng: Prng
  readonly #requesters: ClientNode[] = []
  readonly #responders: ClientNode[] = []
  readonly #brokers: string[] = []
  readonly #frozen = new Map<ClientNode | BrokerNode, { from: number; to: number }[]>()
  readonly #lane: AnswerAsk
  /** Every process that ever was, for its advisories. */
  readonly #everybody = new Set<ClientNode | BrokerNode>()
  readonly #hurtPercent: number
  #bodies = 0

  constructor(seed: number) {
    this.world = new World(seed)
    this.#prng = this.world.prng
    this.#hurtPercent = 1 + this.#below(12)
    this.world.latencyMs = 1 + this.#below(4)
    for (let i = 0; i < 1 + this.#below(2); i++) this.#brokers.push(`b${i + 1}`)
    for (const name of this.#brokers) this.#everybody.add(this.world.broker(name))
    this.#lane = { concurrency: 1 + this.#below(4), prefetch: this.#below(6) }
    for (let i = 0; i < 1 + this.#below(3); i++) this.#startResponder()
    for (let i = 0; i < 1 + this.#below(3); i++) {
      const requester = this.world.client(`R${i + 1}`)
      this.#requesters.push(requester)
      this.#everybody.add(requester)
    }
  }

  run(): void {
    const { world } = this
    world.run(this.#below(400))
    const until = world.now + WALK_MS
    while (world.now < until) {
      world.run(this.#below(40))
      if (this.#below(100) < this.#hurtPercent) this.#hurt()
      else this.#call()
    }
    world.healAll()
    world.run(10_000)
    this.#checkRecovered()
    this.check()
    world.assertQuiet()
    this.checkLedger()
  }

  /** Healed, it works again for everybody. */
  #checkRecovered(): void {
    const calls = this.#requesters.map((by) => ({ by, call: by.call({ body: `${by.name}|1|ok` }) }))
    this.world.run(200)
    for (const { by, call } of calls) assert.equal(call.end, 'reply', this.#describe(by, call))
    this.asked.push(...calls)
  }

  /** Every call was told once, in time, and the truth. */
  check(): void {
    for (const { by, call } of this.asked) {
      const what = this.#describe(by, call)
      assert.equal(call.settlements.length, 1, `settled once: ${what}`)
      const lateMs = call.settlements[0]!.at - this.#lastInstant(by, call)
      assert.ok(lateMs <= LATE_MS, `settled ${lateMs} ms late: ${what}`)
    }
    for (const node of this.#everybody) {
      for (const kind of ['protocol_error', 'foreign_reply'] as const) {
        assert.deepEqual(node.advised(kind), [], `${node.name} among friends`)
      }
    }
  }

  checkLedger(): void {
    for (const { by, call } of this.asked) {
      const what = this.#describe(by, call)
      const ran = this.world.ledger.of(by.idOf(call))
      const settled = call.settlements[0]!
      if (call.ask.idempotent !== true) assert.ok(ran.length <= 1, `ran twice: ${what}`)
      if (settled.kind === 'reply') {
        assert.ok(ran.length > 0, `a reply without execution: ${what}`)
        if (settled.replyKind === 0) assert.equal(settled.body, `re:${call.body}`, what)
        continue
      }
      const { outcome, details } = settled.error
      if (outcome === 'not_executed') assert.equal(ran.length, 0, `not_executed, but ran: ${what}`)
      if (outcome === 'executed') assert.ok(ran.length > 0, `executed, but never ran: ${what}`)
      if (outcome !== 'unknown') continue
      const last = settled.at + details.mayStartForMs!
      for (const { startedAt } of ran) assert.ok(startedAt <= last, `started too late: ${what}`)
    }
  }

  #call(): void {
    const by = this.#one(this.#requesters)
    if (by.isFrozen || !by.isAlive) return
    this.#bodies += 1
    const isQuick = this.#below(4) > 0
    const afterMs = isQuick ? this.#below(30) : this.#below(900)
    const call = by.call({
      body: `${this.#bodies}|${afterMs}|${this.#below(12) === 0 ? 'throw' : 'ok'}`,
      timeoutMs: 50 + this.#below(this.#below(3) === 0 ? 2_950 : 500),
      idempotent: this.#below(3) === 0,
      waitForResponder: this.#below(4) === 0,
    })
    this.asked.push({ by, call })
    if (this.#below(25) === 0) {
      this.world.after(this.#below(200), () => {
        if (by.isAlive && !by.isFrozen && !call.isSettled) by.cancel(call)
      })
    }
  }

  #hurt(): void {
    const client = this.#one([...this.#requesters, ...this.#responders])
    const broker = this.#one(this.#brokers)
    const roll = this.#below(100)
    if (roll < 35) {
      const tell = this.#one(['both', 'both', 'client', 'broker', 'nobody'] as const)
      this.#note(`cut ${client.name} ${broker}, told ${tell}`)
      this.world.cut(client, broker, tell)
    } else if (roll < 55) {
      const way = this.#one(['up', 'down', 'both'] as const)
      const ms = this.#below(2_500)
      this.#note(`hold ${client.name} ${broker} ${way} ${ms} ms`)
      this.world.hold(client, broker, way)
      this.world.after(ms, () => this.world.heal(client, broker))
    } else if (roll < 62) {
      const ms = this.#below(1_500)
      this.#note(`part ${client.name} ${broker} ${ms} ms`)
      this.world.part(client, broker)
      this.world.after(ms, () => this.world.heal(client, broker))
    } else if (roll < 72) this.#freeze(client)
    else if (roll < 80) this.#freeze(this.world.brokers.get(broker)!)
    else if (roll < 90) this.#restart(broker)
    else this.#killResponder()
  }

  #freeze(node: ClientNode | BrokerNode): void {
    if (!node.isAlive || node.isFrozen) return
    const ms = this.#below(3_000)
    this.#note(`freeze ${node.name} ${ms} ms`)
    const spells = this.#frozen.get(node) ?? []
    spells.push({ from: this.world.now, to: this.world.now + ms })
    this.#frozen.set(node, spells)
    this.world.freeze(node, ms)
  }

  #restart(name: string): void {
    const ms = this.#below(600)
    this.#note(`kill ${name}, back in ${ms} ms`)
    this.world.kill(this.world.brokers.get(name)!)
    this.world.after(ms, () => {
      this.#note(`restart ${name}`)
      this.#everybody.add(this.world.restart(name))
    })
  }

  #killResponder(): void {
    const dead = this.#one(this.#responders)
    if (!dead.isAlive) return
    this.#note(`kill ${dead.name}`)
    this.world.kill(dead)
    this.#responders.splice(this.#responders.indexOf(dead), 1)
    this.#startResponder()
  }

  #startResponder(): void {
    const responder = this.world.client(`Y${this.#everybody.size}`)
    responder.answer(deed, this.#lane)
    this.#responders.push(responder)
    this.#everybody.add(responder)
  }

  /** The deadline, or the end of a spell in which the caller's process could do nothing. */
  #lastInstant(by: ClientNode, call: VirtualCall): number {
    let instant = call.startedAt + call.timeoutMs
    for (const { from, to } of this.#frozen.get(by) ?? []) {
      if (instant + LATE_MS >= from && instant < to) instant = to
    }
    return instant
  }

  #describe(by: ClientNode, call: VirtualCall): string {
    const { ask, timeoutMs, startedAt } = call
    const ran = this.world.ledger
      .of(by.idOf(call))
      .map(({ instance, startedAt: at }) => `${instance} at ${at}`)
    const settled = call.settlements[0]
    const kind = ask.idempotent === true ? 'idempotent ' : ''
    return (
      `${kind}${by.idOf(call)} (${call.body}) of ${timeoutMs} ms at ${startedAt}, ` +
      `${call.end} at ${settled?.at} ${call.error?.message ?? ''}, ` +
      `ran [${ran.join(', ')}]\n${this.story.join('\n')}`
    )
  }

  #note(line: string): void {
    this.story.push(`${this.world.now} ${line}`)
  }

  #below(bound: number): number {
    return this.#prng.below(bound)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}

/** Does what the body says: how long it takes, and whether it throws. */
const deed: Handler = (execution) => {
  const [, afterMs, way] = execution.body.split('|')
  if (way === 'throw') execution.fail(Number(afterMs))
  else execution.reply(Number(afterMs), `re:${execution.body}`)
}
