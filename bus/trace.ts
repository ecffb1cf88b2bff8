/** What one node remembers of one call: the lines of the request inspector. */
export interface TraceEvent {
  /** How long ago, by the node's own clock. */
  agoMs: number
  role: 'requester' | 'broker' | 'responder'
  /** Broker id, or instance id. */
  node: string
  /** `accepted` … `settled` at the requester, `queued` … at the broker, `received` … at the responder. */
  what: TraceWhat
  attempt: number
  topic?: string
  queue?: number
  /** Whom it was sent to, or whom an answer came from. */
  instance?: string
  /** Why, of a refusal, loss or failure; of `settled` the code, or `ok`. */
  reason?: string
}

export const TRACE_WHATS = [
  'accepted',
  'sent',
  'queued',
  'dispatched',
  'received',
  'started',
  'finished',
  'replied',
  'refused',
  'handed_back',
  'expired',
  'lost',
  'cancelled',
  'late',
  'settled',
] as const
export type TraceWhat = (typeof TRACE_WHATS)[number]
