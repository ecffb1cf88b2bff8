/** A stage on which happens what a test says: time that only waits move, calls as they are written. */
import type { Call, Ledger, Look, QueueNow, Stage } from '../../scenarios/drills/stage.ts'
import type { Player } from '../../scenarios/drills/targets.ts'
import { type Act, actText } from '../../scenarios/drills/words.ts'

export const BROKER: Player = { kind: 'broker', name: 'sz-1', idc: 'sz' }

/** A call that was answered at home after 5 ms, unless told otherwise. */
export const call = (id: string, at: number, rest: Partial<Call> = {}): Call => ({
  ...{ id, at, ms: 5, code: 'ok', outcome: 'executed', idc: 'sz', byIdc: 'sz', by: 'sz-1' },
  ...{ isIdempotent: false, isBystander: false },
  ...rest,
})

export const lost = (id: string, at: number, rest: Partial<Call> = {}): Call =>
  call(id, at, { code: 'responder_lost', outcome: 'unknown', byIdc: '', by: '', ...rest })

export const queue = (rest: Partial<QueueNow> = {}): QueueNow => ({
  ...{ broker: 'sz-1', queue: 1, epoch: 1, owner: 'sz-1', state: 'writable', depth: 0 },
  ...rest,
})

export class ScriptedStage implements Stage {
  readonly done: string[] = []
  /** Calls are seen once they have settled. */
  calls: Call[] = []
  /** What the books of responders say; by default each call that was answered, once. */
  books: Map<string, number> | undefined
  queues: () => QueueNow[] = () => [queue()]
  players: () => Player[] = () => [BROKER]
  silent: () => string[] = () => []
  onAct: (act: Act) => void | Promise<void> = () => {}
  onEnd: () => void | Promise<void> = () => {}
  onStart: () => void | Promise<void> = () => {}
  ends = 0
  #now = 1_000
  readonly #seen = new Set<Call>()

  /** Milliseconds since the drill began. */
  get ms(): number {
    return this.#now - 1_000
  }

  now(): number {
    return this.#now
  }

  async start(): Promise<void> {
    await this.onStart()
  }

  async perform(act: Act): Promise<void> {
    this.done.push(`${this.ms} ${actText(act)}`)
    await this.onAct(act)
  }

  async wait(ms: number): Promise<void> {
    this.#now += ms
    await new Promise((resolve) => setImmediate(resolve))
  }

  async look(): Promise<Look> {
    const isFresh = (one: Call): boolean => one.at + one.ms <= this.ms && !this.#seen.has(one)
    const fresh = this.calls.filter(isFresh)
    for (const one of fresh) this.#seen.add(one)
    // Times of a test begin with the drill; those of a stage begin anywhere.
    const calls = fresh.map((one) => ({ ...one, at: one.at + 1_000 }))
    const [queues, silent, players] = [this.queues(), this.silent(), this.players()]
    return { at: this.#now, calls, queues, silent, players }
  }

  async settle(): Promise<Look> {
    this.#now += 10_000
    return this.look()
  }

  ledger(): Ledger {
    return this.books ?? new Map(this.calls.filter((c) => c.code === 'ok').map((c) => [c.id, 1]))
  }

  async end(): Promise<void> {
    this.ends += 1
    await this.onEnd()
  }
}
