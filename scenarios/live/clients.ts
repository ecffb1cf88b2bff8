/** The clients of a live drill: where they play, how their processes are begun, what they are told. */
import type { Load } from '../drills/drill.ts'
import type { Call } from '../drills/stage.ts'
import type { Kind, Player } from '../drills/targets.ts'
import type { Books } from './books.ts'
import type { CallsSeen } from './calls-seen.ts'
import type { Access } from './manners.ts'
import type { Plan } from './pace.ts'
import { forkPart, type PartOf } from './parts.ts'
import { Place } from './place.ts'
import type { Crew } from './processes.ts'

export interface ClientFacts {
  crew: Crew
  books: Books
  calls: CallsSeen
  load: Load
  topic: string
  /** Opens the ways of a client. */
  access(client: Player): Promise<Access>
  onLost(player: Player, how: string): void
}

/** A client may have to wait for a broker that is being restarted as well. */
const CONNECT_MS = 30_000
const END_MS = 10_000

export class Clients {
  readonly responders: Place<'responder'>[] = []
  readonly requesters: Place<'requester'>[] = []
  readonly #bystanders: { child: PartOf<'bystanders'>; idc: string; clients: number }[] = []
  readonly #facts: ClientFacts
  readonly #access = new Map<string, Promise<Access>>()
  /** So much longer the handlers of a responder take, by what asked for it. */
  readonly #slow = new Map<string, Map<object, number>>()
  /** Calls per second of each requester; 0 before the load begins and after it. */
  #rate = 0
  #hasBegun = false

  constructor(facts: ClientFacts) {
    this.#facts = facts
  }

  /** Begins processes of responders. They are numbered on: nobody gets the name of one that was. */
  forkResponders(idc: string, count: number): Place<'responder'>[] {
    const before = this.responders.filter((place) => place.idc === idc).length
    const places = named('responder', idc, before, count).map(
      (player) =>
        new Place<'responder'>({
          ...player,
          fork: () => forkPart(this.#facts.crew, 'responder'),
          join: (child) => this.#answer(player, child),
          onLost: (how) => this.#facts.onLost(player, how),
        }),
    )
    this.responders.push(...places)
    for (const place of places) place.fork()
    return places
  }

  forkRequesters(idc: string, count: number): void {
    const places = named('requester', idc, 0, count).map(
      (player) =>
        new Place<'requester'>({
          ...player,
          fork: () => this.#forkRequester(),
          join: (child, life) => this.#request(player, child, life),
          onLost: (how) => this.#facts.onLost(player, how),
        }),
    )
    this.requesters.push(...places)
    for (const place of places) place.fork()
  }

  /** Clients that are linked and call once a second, all in one process. */
  forkBystanders(idc: string, clients: number): void {
    if (clients === 0) return
    const child = forkPart(this.#facts.crew, 'bystanders')
    child.onNews = (calls) => this.#facts.calls.take(calls as Call[])
    void child.gone.then((how) => {
      this.#facts.onLost({ kind: 'requester', name: `${idc}-bystanders`, idc }, how)
    })
    this.#bystanders.push({ child, idc, clients })
  }

  async join(): Promise<void> {
    const watching = this.#bystanders.map(async ({ child, idc, clients }) => {
      const player: Player = { kind: 'requester', name: `${idc}-bystanders`, idc }
      await child.ask('connect', { ...(await this.#who(player)), clients })
    })
    const places: Place[] = [...this.responders, ...this.requesters]
    await Promise.all([...places.map((place) => place.join()), ...watching])
  }

  /** Every requester has had an answer. */
  async ready(withinMs: number): Promise<void> {
    await Promise.all(this.requesters.map(({ child }) => child.ask('ready', { withinMs })))
  }

  /** From now on requesters make so many calls a second, each. */
  async load(rate: number): Promise<void> {
    this.#rate = rate
    const plan = this.#plan()
    // One that is frozen obeys when it thaws.
    const up = this.requesters.filter(({ isUp }) => isUp)
    for (const { child, isFrozen } of up) {
      const told = child.ask('begin', plan)
      if (isFrozen) told.catch(() => {})
      else await told
    }
    if (this.#hasBegun) return
    this.#hasBegun = true
    for (const { child } of this.#bystanders) {
      await child.ask('begin', { timeoutMs: plan.timeoutMs })
      await child.ask('stream')
    }
  }

  /** No more calls are made; resolves when each has settled. */
  async settle(): Promise<void> {
    this.#rate = 0
    const { load, calls } = this.#facts
    for (const place of this.requesters) if (place.isFrozen) place.thaw()
    const withinMs = load.timeoutMs + END_MS
    const callers = [
      ...this.requesters.map(({ child }) => child),
      ...this.#bystanders.map(({ child }) => child),
    ]
    await Promise.all(
      callers.map(async (child) => {
        if (!child.isUp) return
        try {
          calls.take(await child.askWithin(withinMs, 'end'))
        } catch (error) {
          // Killed while it settled: what it had not told by then nobody will know.
          if (child.isUp) throw error
        }
      }),
    )
  }

  /** Handlers of a responder take so much longer until the same `cause` ends it. */
  async slow({ name }: Player, cause: object, byMs: number): Promise<void> {
    const causes = this.#slow.get(name) ?? new Map<object, number>()
    this.#slow.set(name, causes.set(cause, byMs))
    await this.#behave(name)
  }

  async hasten({ name }: Player, cause: object): Promise<void> {
    if (this.#slow.get(name)?.delete(cause) === true) await this.#behave(name)
  }

  async hastenAll(): Promise<void> {
    const names = [...this.#slow.keys()]
    this.#slow.clear()
    await Promise.all(names.map((name) => this.#behave(name)))
  }

  async #behave(name: string): Promise<void> {
    const place = this.responders.find((one) => one.name === name)
    if (place?.isUp !== true) return
    const told = place.child.ask('behave', { delayMs: this.#handlerMs(name) })
    if (place.isFrozen) told.catch(() => {})
    else await told
  }

  #handlerMs(name: string): number {
    return this.#facts.load.handlerMs + Math.max(0, ...(this.#slow.get(name)?.values() ?? []))
  }

  #forkRequester(): PartOf<'requester'> {
    const child = forkPart(this.#facts.crew, 'requester')
    child.onNews = (calls) => this.#facts.calls.take(calls as Call[])
    return child
  }

  async #answer(player: Player, child: PartOf<'responder'>): Promise<void> {
    const { books, load, topic } = this.#facts
    await child.ask('connect', await this.#who(player))
    await child.ask('behave', { delayMs: this.#handlerMs(player.name) })
    const options = { concurrency: load.concurrency }
    await child.ask('answer', { book: books.open(player.name), topic, options })
  }

  async #request(player: Player, child: PartOf<'requester'>, life: number): Promise<void> {
    await child.ask('connect', { ...(await this.#who(player)), prefix: `${player.name}.${life}` })
    await child.ask('stream')
    if (this.#rate > 0) await child.ask('begin', this.#plan())
  }

  #plan(): Plan {
    const { timeoutMs, idempotentOfTen, retries } = this.#facts.load
    return { rate: this.#rate, timeoutMs, idempotentOfTen, retries }
  }

  async #who(player: Player) {
    const { kind, name, idc } = player
    const key = `${kind} ${name}`
    const opening = this.#access.get(key) ?? this.#facts.access(player)
    this.#access.set(key, opening)
    return { ...(await opening), name, idc, topic: this.#facts.topic, connectTimeoutMs: CONNECT_MS }
  }
}

/** `count` more of a kind in an IDC, after so many that there are. */
export const named = (kind: Kind, idc: string, before: number, count: number): Player[] =>
  Array.from({ length: count }, (_, i) => ({ kind, name: `${idc}-${before + i + 1}`, idc }))
