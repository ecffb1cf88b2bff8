import type { BrokerLink } from './broker-link.ts'

/** A topic that this client answers, over all brokers. */
export interface Registration {
  readonly id: number
  readonly topic: string
  readonly group: string
  readonly concurrency: number
  readonly prefetch: number
  /** What the shell keeps with it: handler, lane, schema. */
  readonly answerer: unknown
  state: 'open' | 'closing' | 'closed'
  /** It was writable once: `reply()` has resolved. */
  isDeclared: boolean
  /** Brokers that have given it a queue, and those that must confirm its end. */
  readonly queues: Map<BrokerLink, number>
  readonly leaving: Set<BrokerLink>
  running: number
  waiting: number
}

/** Deliveries held beside those that run take at most so many bytes. */
export const PREFETCH_BYTES = 4 * 1_048_576
