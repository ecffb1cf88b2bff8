/** What an operator can have a broker ask of its clients: JSON in `order` and `ordered` frames. */
import type { TraceEvent } from './trace.ts'

/** Names every topic, also those called later, in a word about queues. */
export const EVERY_TOPIC = '*'
/** Words about circuits, and words about queues, that a client goes by at once, each. */
export const MAX_WORDS = 100

/**
 * Overrules the circuit of a topic or the isolation of its queues at one client. A word about queues
 * holds for those that come later, too; one about `*` for every topic.
 */
export interface ForceOrder {
  do: 'force'
  /** The operator's word has an id: a later order with the same id replaces it. */
  id: string
  topic: string
  what: 'circuit' | 'queues'
  to: 'open' | 'closed' | 'probe' | 'auto'
  /** Queues of this instance only. */
  instance?: string
  /** Queues whose owners run in this data centre only. */
  idc?: string
  reason: string
  forMs: number
}

/** What this client knows of one call, as requester and as responder. */
export interface TraceOrder {
  do: 'trace'
  correlationId: string
}

export type Order = ForceOrder | TraceOrder

export interface OrderAnswer {
  /** Present if it was done. */
  circuits?: number
  queues?: number
  trace?: TraceEvent[]
  /** Present if it was not. */
  error?: string
}
