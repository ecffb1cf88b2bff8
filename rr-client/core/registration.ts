import type { BrokerLink } from './broker-link.ts'
import type { Candidacy } from './candidacy.ts'

/** What a client offers to answer, and how. */
export interface AnswerAsk {
  readonly topic: string
  readonly group: string
  readonly concurrency: number
  readonly prefetch: number
  /** One instance of the group is active, over all brokers; the others stand by. */
  readonly isStandby: boolean
  /** Bounds of the group's queues at each broker; 0 for none. */
  readonly minQueues: number
  readonly maxQueues: number
  /** What the shell keeps with it: handler, lane, schema. */
  readonly answerer: unknown
}

/** A topic that this client answers, over all brokers. */
export interface Registration extends AnswerAsk {
  readonly id: number
  state: 'open' | 'closing' | 'closed'
  /** It was writable once: `reply()` has resolved. */
  isDeclared: boolean
  /** Present if one instance of the group is active and the others stand by. */
  readonly candidacy: Candidacy | undefined
  /** Brokers that have given it a queue, and those that must confirm its end. */
  readonly queues: Map<BrokerLink, number>
  /** The credit that each broker was told. */
  readonly windows: Map<BrokerLink, number>
  readonly leaving: Set<BrokerLink>
  running: number
  waiting: number
  /** The longest that one of the last calls had waited here for a handler. */
  waitedMs: number
}

/** Deliveries held beside those that run take at most so many bytes. */
export const PREFETCH_BYTES = 4 * 1_048_576
