import type { BrokerLink } from './broker-link.ts'
import type { Peer } from './peer.ts'
import type { Registration } from './registration.ts'

/** A way by which a copy of the call came, and by which it must be answered. */
export interface Way {
  readonly link: BrokerLink
  generation: number
  /** The requester's handle at that broker, within its life. */
  readonly origin: number
  /** The broker's number for the delivery. */
  readonly delivery: number
}

/**
 * A responder's memory of one call: made when its frame is read, before anything else, so that two
 * copies can never both run. `never` remembers that this attempt, and those before it, must not.
 */
export interface Mark {
  readonly id: number
  readonly peer: Peer
  readonly counter: number
  readonly isLong: boolean
  registration: Registration
  state: 'waiting' | 'running' | 'done' | 'never'
  /** Newest attempt seen. */
  attempt: number
  flags: number
  deadline: number
  /** Kept at least until then unless the floor passes it: deadline + 15 s + 5 % (rule 3). */
  forgetAt: number
  way: Way
  /** Other copies of it that came, to be answered as well. */
  others: Way[] | undefined
  headers: Buffer
  body: Buffer
  /** The answer, while it is kept. */
  reply: KeptReply | undefined
  /** Batch on `way.link` that carried the answer; a broker has it once that is acknowledged. */
  batch: number
  /** What the shell keeps with a running call. */
  runner: unknown
}

export interface KeptReply {
  readonly kind: number
  readonly flags: number
  readonly headers: Buffer
  readonly body: Buffer
}

const KEEP_MS = 15_000
const KEEP_SHARE = 0.05

export const forgetInstant = (now: number, remainingMs: number): number =>
  now + remainingMs + KEEP_MS + Math.ceil(remainingMs * KEEP_SHARE)
