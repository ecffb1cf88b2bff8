/** What a drill is played on: real processes over loopback, or the virtual world. */
import type { Drill } from './drill.ts'
import type { Player } from './targets.ts'
import type { Act } from './words.ts'

/** What became of one call. */
export interface Call {
  readonly id: string
  /** When it was made, and how long it took, in milliseconds of the stage's clock. */
  readonly at: number
  readonly ms: number
  /** `ok`, or the code it failed with. */
  readonly code: string
  readonly outcome: 'executed' | 'not_executed' | 'unknown'
  /** The IDC it was made in, and the one it was answered in, if it was. */
  readonly idc: string
  readonly byIdc: string
  /** The name of the responder that answered. */
  readonly by: string
  readonly isIdempotent: boolean
  /** Calls of bystanders are not part of the load; their own figures are told apart. */
  readonly isBystander: boolean
}

/** One queue, as its broker describes it. */
export interface QueueNow {
  readonly broker: string
  readonly queue: number
  readonly epoch: number
  readonly owner: string
  readonly state: string
  readonly depth: number
}

/** What is seen of the cluster at one instant. */
export interface Look {
  readonly at: number
  /** Calls that have settled since the last look. */
  readonly calls: readonly Call[]
  /** Queues of the topic at the brokers that answered. */
  readonly queues: readonly QueueNow[]
  /** Brokers that are up and did not answer in time: frozen, most likely. */
  readonly silent: readonly string[]
  /** Players that are up now. */
  readonly players: readonly Player[]
}

/** How often each call was begun, by the books of those who begin them: an independent count. */
export type Ledger = ReadonlyMap<string, number>

export interface Stage {
  /** Milliseconds; only differences mean anything. */
  now(): number
  /** Starts every process, waits until the topic is answered in each IDC, and begins the load. */
  start(drill: Drill): Promise<void>
  perform(act: Act): Promise<void>
  /** Lets time go by. */
  wait(ms: number): Promise<void>
  look(): Promise<Look>
  /** Ends the load; resolves with the last look once every call has settled. */
  settle(): Promise<Look>
  ledger(): Ledger
  /** Ends every process and gives everything back, whatever happened before. May be called twice. */
  end(): Promise<void>
}
