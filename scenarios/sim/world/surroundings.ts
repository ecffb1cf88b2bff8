import type { Prng } from '../../../bus/prng.ts'
import type { BrokerLink } from '../../../rr-client/core/broker-link.ts'
import type { Ledger } from './ledger.ts'
import type { Trace } from './trace.ts'

/** What a process or a link needs of the world it is in. */
export interface Surroundings {
  readonly now: number
  readonly prng: Prng
  /** The chance of networks and clocks: what is off draws nothing, and so changes nothing. */
  readonly nature: Prng
  /** Up to so much longer does a message take. */
  readonly jitterMs: number
  readonly ledger: Ledger
  readonly trace: Trace
  /** Does something later, in the order of ranks within one instant. */
  at(afterMs: number, rank: number, act: () => void): void
}

/** What a client asks of its world besides. */
export interface DialSurroundings<C> extends Surroundings {
  dial(client: C, link: BrokerLink): void
}
