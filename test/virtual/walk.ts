import assert from 'node:assert/strict'
import { QueueState } from '../../bus/frame.ts'
import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { VirtualCall } from '../../scenarios/sim/world/calls.ts'
import type { AnswerAsk, ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { Handler } from '../../scenarios/sim/world/handlers.ts'
import { World } from '../../scenarios/sim/world/world.ts'
import { Harm, type Victims } from './harm.ts'

const WALK_MS = 4_000
/** A timer is due up to a tick late, and what is readable goes first. */
const LATE_MS = 60
/** One of so many histories hurts nobody: then everything must stay at home. */
const PEACE = 8
/** `A1` is the beginning of `A10`, and another place. */
const IDCS = ['A1', 'A10', 'B1']

interface Asked {
  readonly by: ClientNode
  readonly call: VirtualCall
}

/** A random history of calls and faults over a small bus; the seed decides everything. */
export class Walk implements Victims {
  readonly world: World
  readonly asked: Asked[] = []
  readonly idcs: readonly string[]
  readonly brokers: readonly string[]
  readonly requesters: ClientNode[] = []
  readonly responders: ClientNode[] = []
  readonly #harm: Harm
  readonly #isPeace: boolean
  readonly #lane: AnswerAsk
  /** Every process that ever was, for its advisories. */
  readonly #everybody = new Set<ClientNode | BrokerNode>()
  readonly #hurtPercent: number
  #bodies = 0

  constructor(seed: number) {
    const world = new World(seed)
    this.world = world
    this.#harm = new Harm(world, this)
    this.#isPeace = this.#below(PEACE) === 0
    this.#hurtPercent = this.#isPeace ? 0 : this.#below(6) === 0 ? 30 : 1 + this.#below(12)
    world.latencyMs = 1 + this.#below(4)
    this.idcs = IDCS.slice(0, 1 + this.#below(IDCS.length))
    if (this.idcs.length > 1) world.awayMs = world.latencyMs + this.#below(20)
    this.brokers = Array.from({ length: 1 + this.#below(4) }, (_, i) => `b${i + 1}`)
    for (const name of this.brokers) {
      this.#everybody.add(world.broker(name, { idc: this.#one(this.idcs) }))
    }
    this.#lane = this.#isPeace ? {} : this.#drawLane()
    for (let i = 0; i < 1 + this.#below(3); i++) this.#startResponder(this.#one(this.idcs))
    for (let i = 0; i < 1 + this.#below(3); i++) this.#startRequester(`R${i + 1}`)
  }

  get story(): readonly string[] {
    return this.#harm.story
  }

  run(): void {
    const { world } = this
    world.run(this.#isPeace ? 1_000 : this.#below(400))
    const until = world.now + WALK_MS
    while (world.now < until) {
      world.run(this.#below(40))
      if (this.#below(100) < this.#hurtPercent) this.#harm.strike()
      else this.#call()
    }
    world.healAll()
    world.run(10_000)
    this.#checkRecovered()
    this.check()
    if (this.#isPeace) this.#checkLocal()
    world.assertQuiet()
    for (const name of this.brokers) this.#checkOwners(world.brokers.get(name)!)
    this.checkLedger()
  }

  replace(responder: ClientNode): void {
    this.responders.splice(this.responders.indexOf(responder), 1)
    this.#startResponder(responder.facts.idc)
  }

  restarted(broker: BrokerNode): void {
    this.#everybody.add(broker)
  }

  /** Healed, it works again for everybody. */
  #checkRecovered(): void {
    const calls = this.requesters.map((by) => ({ by, call: by.call({ body: `${by.name}|1|ok` }) }))
    this.world.run(500)
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

  /** Nobody was hurt: what a data centre with a broker and a responder asks, it answers itself. */
  #checkLocal(): void {
    const { world } = this
    for (const { by, call } of this.asked) {
      const { idc } = by.facts
      assert.equal(call.end, 'reply', this.#describe(by, call))
      const hasBroker = this.brokers.some((name) => world.brokers.get(name)!.limits.idc === idc)
      const locals = this.responders.filter(({ facts }) => facts.idc === idc)
      if (!hasBroker || locals.length === 0) continue
      const [ran] = world.ledger.of(by.idOf(call))
      const isLocal = locals.some(({ instance }) => instance === ran!.instance)
      assert.ok(isLocal, `ran elsewhere: ${this.#describe(by, call)}`)
    }
  }

  /**
   * At rest each instance at home owns a queue; those elsewhere do not, unless too few seem to be at
   * home: one whose death nobody could notice counted beside the one in its place for a while.
   */
  #checkOwners(broker: BrokerNode): void {
    const queues = broker.view().topics.flatMap((topic) => topic.queues)
    const { idc } = broker.limits
    const locals = this.responders.filter(({ facts }) => facts.idc === idc)
    const isShort = (broker.advised('idc_takeover').at(-1)?.local ?? 0) > 0
    const due = locals.length > 0 && !isShort ? locals : this.responders
    const wanted = due.map(({ instance }) => instance)
    const owners = queues.map(({ owner }) => owner)
    const what = `${broker.name} in ${idc}\n${this.#places()}\n${this.story.join('\n')}`
    const isBounded = this.#lane.maxQueues !== undefined
    assert.ok(isBounded ? owners.length > 0 : owners.length >= locals.length, `owners at ${what}`)
    for (const owner of owners) assert.ok(wanted.includes(owner), `${owner} at ${what}`)
    for (const { owner, window } of queues) {
      const { core } = due.find(({ instance }) => instance === owner)!
      const link = core.state.links.find((l) => l.broker === broker.name && l.isUp)!
      const [registration] = core.registrations.all
      assert.equal(window, registration!.windows.get(link), `the credit of ${owner} at ${what}`)
    }
  }

  #call(): void {
    const by = this.#one(this.requesters)
    if (by.isFrozen || !by.isAlive) return
    this.#bodies += 1
    const isQuick = this.#below(4) > 0
    const afterMs = isQuick ? this.#below(30) : this.#below(900)
    const shortMs = this.#isPeace ? 1_000 : 50
    const call = by.call({
      body: `${this.#bodies}|${afterMs}|${this.#below(12) === 0 ? 'throw' : 'ok'}`,
      timeoutMs: shortMs + this.#below(this.#below(3) === 0 ? 2_950 : 500),
      idempotent: this.#below(3) === 0,
      ...(this.#below(5) === 0 ? { key: `k${this.#below(4)}` } : {}),
      waitForResponder: this.#below(4) === 0,
    })
    this.asked.push({ by, call })
    call.onSettled = () => this.#checkRoutes(by, call)
    if (this.#isPeace || this.#below(25) > 0) return
    this.world.after(this.#below(200), () => {
      if (by.isAlive && !by.isFrozen && !call.isSettled) by.cancel(call)
    })
  }

  /** Nobody answers: then there is no queue that takes requests, however sick it seemed. */
  #checkRoutes(by: ClientNode, call: VirtualCall): void {
    const { future, error } = call
    if (future === undefined || error?.code !== 'no_responder') return
    for (const { state, link, instance } of future.topic.queues) {
      const isThere = state === QueueState.writable && link.isUp && !link.outbox.isClogged
      assert.ok(!isThere, `${instance} would have answered: ${this.#describe(by, call)}`)
    }
  }

  #drawLane(): AnswerAsk {
    const lane = { concurrency: 1 + this.#below(4), prefetch: this.#below(6) }
    return this.#below(4) > 0 ? lane : { ...lane, maxQueues: 1 + this.#below(2) }
  }

  #startResponder(idc: string): void {
    const responder = this.#client(`Y${this.#everybody.size}`, idc)
    responder.answer(deed, this.#lane)
    this.responders.push(responder)
  }

  #startRequester(name: string): void {
    this.requesters.push(this.#client(name, this.#one(this.idcs)))
  }

  /** Most know every broker; some know one and hear of the others later. */
  #client(name: string, idc: string): ClientNode {
    const { world, brokers } = this
    const knowsAll = this.#isPeace || this.#below(4) > 0
    const client = world.client(name, { idc, brokers: knowsAll ? brokers : [this.#one(brokers)] })
    this.#everybody.add(client)
    if (!knowsAll) world.after(this.#below(3_000), () => this.#introduce(client))
    return client
  }

  #introduce(client: ClientNode): void {
    const known = this.brokers.map((name) => this.world.brokers.get(name)!)
    client.step((now) => {
      for (const { name, limits } of known) client.core.addBroker(now, name, limits.idc)
    })
  }

  /** The deadline, or the end of a spell in which the caller's process could do nothing. */
  #lastInstant(by: ClientNode, call: VirtualCall): number {
    let instant = call.startedAt + call.timeoutMs
    for (const { from, to } of this.#harm.spellsOf(by)) {
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
      `ran [${ran.join(', ')}]\n${this.#places()}\n${this.story.join('\n')}`
    )
  }

  /** Who stands where. */
  #places(): string {
    const places = [...this.#everybody].map((node) => {
      const idc = 'facts' in node ? node.facts.idc : node.limits.idc
      return `${node.name} in ${idc}`
    })
    return [...new Set(places)].join(', ')
  }

  #below(bound: number): number {
    return this.world.prng.below(bound)
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
