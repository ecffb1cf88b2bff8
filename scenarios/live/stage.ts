/** A stage of real processes over loopback: every promise of the bus is kept there, or not, by itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Drill } from '../drills/drill.ts'
import type { Ledger, Look, Stage } from '../drills/stage.ts'
import type { Player } from '../drills/targets.ts'
import type { Act } from '../drills/words.ts'
import { actText } from '../drills/words.ts'
import { perform } from './acts.ts'
import { Books } from './books.ts'
import { CallsSeen } from './calls-seen.ts'
import { Clients } from './clients.ts'
import { clock } from './clock.ts'
import type { Ground } from './ground.ts'
import { forkPart, type PartOf } from './parts.ts'
import type { Place } from './place.ts'
import { Crew } from './processes.ts'
import { Undoing } from './undoing.ts'
import { Ways } from './ways.ts'

/** What a ground is made with. */
export interface Site {
  crew: Crew
  ways: Ways
  topic: string
  onLost(player: Player, how: string): void
}

export interface LiveFacts {
  seed: number
  topic: string
  ground(site: Site): Ground
}

/** As long as it takes on a machine that others use. */
const READY_MS = 30_000

export class LiveStage implements Stage {
  readonly #facts: LiveFacts
  readonly #crew = new Crew()
  #books: Books | undefined
  readonly #calls = new CallsSeen()
  /** What went wrong by itself, and in whose end nobody had a hand. */
  readonly #failures: string[] = []
  readonly #undoing = new Undoing((failure) => this.#fail(failure))
  readonly #ended = new AbortController()
  #network: PartOf<'network'> | undefined
  #ways: Ways | undefined
  #ground: Ground | undefined
  #clients: Clients | undefined
  #ledger: Ledger | undefined
  #ending: Promise<void> | undefined

  constructor(facts: LiveFacts) {
    this.#facts = facts
  }

  now(): number {
    return clock()
  }

  async start(drill: Drill): Promise<void> {
    if (this.#network !== undefined) throw new Error('a stage is for one drill')
    const crew = this.#crew
    const books = new Books()
    this.#books = books
    crew.guard.remove(books.directory)
    this.#network = forkPart(crew, 'network')
    void this.#network.gone.then((how) => this.#fail(`the network ended by itself (${how})`))
    const ways = new Ways(this.#network)
    this.#ways = ways
    const { topic, seed } = this.#facts
    const onLost = (player: Player, how: string): void =>
      this.#fail(`${player.kind} ${player.name} ended by itself (${how})`)
    const ground = this.#facts.ground({ crew, ways, topic, onLost })
    this.#ground = ground
    const clients = new Clients({
      ...{ crew, topic, onLost, books, calls: this.#calls, load: drill.load },
      access: (client) => ground.access(client),
    })
    this.#clients = clients
    const starting = ground.start(drill)
    starting.catch(() => {})
    for (const [idc, { responders, requesters, bystanders }] of Object.entries(
      drill.cluster.idcs,
    )) {
      clients.forkResponders(idc, responders)
      clients.forkRequesters(idc, requesters)
      clients.forkBystanders(idc, bystanders)
    }
    await Promise.all([starting, this.#network.ask('seed', { seed })])
    await clients.join()
    await ground.ready(READY_MS)
    const isAnswered = Object.values(drill.cluster.idcs).some(({ responders }) => responders > 0)
    if (isAnswered) await clients.ready(READY_MS)
    await clients.load(drill.load.rate)
  }

  async perform(act: Act): Promise<void> {
    const [ground, clients, ways] = [this.#ground, this.#clients, this.#ways]
    if (ground === undefined || clients === undefined || ways === undefined) {
      throw new Error(`"${actText(act)}" came before the start`)
    }
    const refusal = ground.refusal(act)
    if (refusal !== undefined) throw new Error(refusal)
    const places = (): readonly Place[] => [
      ...ground.places(),
      ...clients.responders,
      ...clients.requesters,
    ]
    const onFailure = (failure: string): void => this.#fail(failure)
    await perform(act, {
      ...{ clients, ways, undoing: this.#undoing, places, onFailure },
      steer: (one) => ground.steer(one),
    })
  }

  async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ended.signal }).catch(() => {})
  }

  async look(): Promise<Look> {
    const { queues, silent } = await this.#ground!.look(this.#clients!)
    return { at: clock(), calls: this.#calls.look(), queues, silent, players: this.#players() }
  }

  async settle(): Promise<Look> {
    await this.#clients!.settle()
    return this.look()
  }

  ledger(): Ledger {
    return this.#ledger ?? this.#books?.read() ?? new Map()
  }

  /** Rejects, once everything has ended, with what had gone wrong by itself. */
  end(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    this.#ended.abort()
    this.#undoing.stop()
    const failures = [...this.#failures]
    // Before anything else: others wait for their cluster.
    await this.#ground?.end().catch((error: Error) => failures.push(error.message))
    this.#crew.interrupt()
    await this.#crew.kill()
    this.#ledger = this.ledger()
    await this.#crew.end()
    this.#books?.remove()
    if (this.#calls.lost > 0) failures.push(`${this.#calls.lost} calls were never looked at`)
    if (failures.length > 0) throw new Error(failures.join('; '))
  }

  #players(): Player[] {
    const clients = this.#clients!
    const there = [...clients.responders, ...clients.requesters].filter(({ isUp }) => isUp)
    return [...this.#ground!.players(), ...there].map(({ kind, name, idc }) => ({
      kind,
      name,
      idc,
    }))
  }

  #fail(failure: string): void {
    if (!this.#ended.signal.aborted) this.#failures.push(failure)
  }
}
