/** Drills in virtual time: the same words, steps and bounds, on the cores themselves. */
import { type Cluster, type Drill, DrillError } from '../drills/drill.ts'
import type { Ledger, Look, QueueNow, Stage } from '../drills/stage.ts'
import { type Act, actText, isSteer, STEERED_THERE } from '../drills/words.ts'
import { Calls } from './stage-calls.ts'
import { Cast, type Member } from './stage-cast.ts'
import { Network } from './stage-network.ts'
import { TOPIC } from './world/client-node.ts'
import { World } from './world/world.ts'

const HOME_MS = 1
const AWAY_MS = 3
const READY_MS = 10_000
/** How much longer than the longest call the last one may take to settle. */
const SETTLE_MS = 5_000

export interface VirtualOptions {
  readonly seed?: number
}

/** The same drill and seed give the same report. */
export const virtualStage = (options: VirtualOptions = {}): Stage => new VirtualStage(options)

class VirtualStage implements Stage {
  readonly #seed: number
  readonly #world: World
  readonly #network: Network
  #drill: Drill | undefined
  #cast: Cast | undefined
  #calls: Calls | undefined
  #heals = 0

  constructor({ seed = 1 }: VirtualOptions) {
    this.#seed = seed
    this.#world = new World(seed)
    this.#world.latencyMs = HOME_MS
    this.#world.awayMs = AWAY_MS
    this.#network = new Network(this.#world)
  }

  now(): number {
    return this.#world.now
  }

  async start(drill: Drill): Promise<void> {
    const steered = drill.steps.flatMap(({ acts }) => acts).find(isSteer)
    if (steered !== undefined) throw new DrillError(notHere(steered))
    this.#drill = drill
    const { cluster, load } = drill
    const cast = new Cast(this.#world, drill, (member) => this.#network.onBorn(member))
    const calls = new Calls(this.#world, load, this.#seed, (name) => cast.idcOf(name))
    this.#cast = cast
    this.#calls = calls
    for (const member of cast.clients) if (member.kind === 'requester') calls.add(member)
    this.#addBystanders(cluster, cast, calls)
    this.#untilAnswered(cast)
    calls.begin()
  }

  async perform(act: Act): Promise<void> {
    const cast = this.#of(this.#cast)
    switch (act.verb) {
      case 'kill':
      case 'freeze':
      case 'stop':
      case 'restart':
      case 'thaw':
        for (const member of this.#meant(act)) this.#do(act.verb, member, act.forMs)
        return
      case 'cut':
      case 'part':
      case 'reset':
      case 'delay':
        return this.#network.harm(act, this.#meant(act), cast.meant(act.from))
      case 'slow':
        return this.#slow(this.#meant(act), act.byMs, act.forMs)
      case 'heal':
        return this.#heal()
      case 'add':
        return cast.addResponders(act.idc, act.count)
      case 'remove':
        return cast.removeResponders(act.idc, act.count)
      case 'load':
        return this.#of(this.#calls).setRate(act.rate)
      default:
        throw new Error(notHere(act))
    }
  }

  /** Signals of the real process are heard between two waits. */
  async wait(ms: number): Promise<void> {
    this.#world.run(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }

  async look(): Promise<Look> {
    const cast = this.#of(this.#cast)
    const queues: QueueNow[] = []
    const silent: string[] = []
    for (const { name, node } of cast.brokers) {
      if (node === undefined || !node.isAlive) continue
      if (node.isFrozen) {
        silent.push(name)
        continue
      }
      const topic = node.view().topics.find((view) => view.topic === TOPIC)
      for (const { queue, epoch, ownerName, state, waiting, unanswered } of topic?.queues ?? []) {
        const depth = waiting + unanswered
        queues.push({ broker: name, queue, epoch, owner: ownerOf(ownerName), state, depth })
      }
    }
    const calls = this.#of(this.#calls).taken()
    this.#forget()
    return { at: this.now(), calls, queues, silent, players: cast.players }
  }

  async settle(): Promise<Look> {
    const calls = this.#of(this.#calls)
    calls.end()
    const until = this.now() + this.#of(this.#drill).load.timeoutMs + SETTLE_MS
    while (calls.open > 0 && this.now() < until) await this.wait(50)
    if (calls.open > 0) throw new Error(`${calls.open} calls have not settled in time`)
    return this.look()
  }

  ledger(): Ledger {
    return this.#of(this.#calls).ledger()
  }

  /** Nothing of it is outside this object. */
  async end(): Promise<void> {
    this.#calls?.end()
  }

  #do(verb: 'kill' | 'freeze' | 'stop' | 'restart' | 'thaw', member: Member, forMs?: number): void {
    const cast = this.#of(this.#cast)
    switch (verb) {
      case 'kill':
        cast.kill(member)
        if (forMs !== undefined) this.#world.after(forMs, () => cast.bear(member))
        return
      case 'freeze':
        if (member.node?.isAlive === true) this.#world.freeze(member.node, forMs)
        return
      case 'thaw':
        member.node?.thaw()
        return
      case 'stop':
        cast.stop(member)
        return
      case 'restart':
        cast.kill(member)
        cast.bear(member)
    }
  }

  #slow(members: readonly Member[], byMs: number, forMs: number | undefined): void {
    const heals = this.#heals
    const add = (ms: number): void => {
      // After a `heal` there is nothing to take back.
      if (heals !== this.#heals) return
      for (const member of members) if (member.kind === 'responder') member.slowMs += ms
    }
    add(byMs)
    if (forMs !== undefined) this.#world.after(forMs, () => add(-byMs))
  }

  #heal(): void {
    this.#heals += 1
    this.#world.healAll()
    this.#network.onHealed()
    for (const member of this.#of(this.#cast).clients) member.slowMs = 0
  }

  #addBystanders({ idcs }: Cluster, cast: Cast, calls: Calls): void {
    for (const [idc, { bystanders }] of Object.entries(idcs)) {
      for (let i = 1; i <= bystanders; i++) {
        calls.addBystander(
          idc,
          this.#world.client(`bystander-${idc}-${i}`, { idc, ...cast.clientAsk }),
        )
      }
    }
  }

  /** What the world keeps for tests would fill the memory in a drill of an hour. */
  #forget(): void {
    for (const { calls, advisories, aborts } of this.#world.clients) {
      for (const kept of [calls, advisories, aborts]) kept.length = 0
    }
    for (const { advisories } of this.#world.brokers.values()) advisories.length = 0
  }

  /** A call of each requester, which belongs to nobody's load, must have been answered. */
  #untilAnswered(cast: Cast): void {
    const probes = cast.clients.flatMap(({ kind, name, node }) =>
      kind === 'requester' && node !== undefined
        ? [{ name, call: node.call({ timeoutMs: READY_MS, waitForResponder: true }) }]
        : [],
    )
    const until = this.now() + READY_MS
    while (probes.some(({ call }) => !call.isSettled) && this.now() < until) this.#world.run(10)
    const failed = probes.find(({ call }) => call.reply === undefined)
    if (failed !== undefined) {
      throw new Error(`requester ${failed.name} got no answer: ${failed.call.end}`)
    }
  }

  #meant(act: Extract<Act, { target: unknown }>): Member[] {
    return this.#of(this.#cast).meant(act.target)
  }

  #of<T>(part: T | undefined): T {
    if (part === undefined) throw new Error('the stage has not been started')
    return part
  }
}

const notHere = (act: Act): string =>
  `"${actText(act)}" is for a cluster of yours: ${STEERED_THERE}`

/** Clients are called by what they are and their name, for brokers have such names as well. */
const ownerOf = (client: string): string => client.replace(/^responder-/, '')
