/** Puts what several nodes remember of one call into the order in which it happened. */
import { TRACE_WHATS } from '../../bus/trace.ts'
import type { Trace } from './api.ts'

type Event = Trace['events'][number]

const WHAT_ORDER = new Map(TRACE_WHATS.map((what, index) => [what, index]))
const ROLE_ORDER = { requester: 0, responder: 1, broker: 2 }

/**
 * Nodes say how long ago something was, and their answers take time to come, so that all of a node's
 * events may be off by as much. What a broker took in was sent before, and what a responder received
 * was dispatched before: by that the others are moved, whole nodes at a time.
 */
export const inOrder = (events: readonly Event[]): Event[] => {
  const shifts = new Map<string, number>()
  for (const { role, node, what, attempt, at } of events) {
    const isSent = role === 'requester' && what === 'sent'
    if (!isSent && !(role === 'responder' && what === 'received')) continue
    const there = events
      .filter((each) => each.role === 'broker' && each.attempt === attempt)
      .filter((each) => each.what === 'dispatched' || (isSent && each.what === 'queued'))
      .map((each) => each.at)
    if (there.length === 0) continue
    const key = `${role} ${node}`
    const known = shifts.get(key) ?? 0
    shifts.set(
      key,
      isSent ? Math.min(known, Math.min(...there) - at) : Math.max(known, Math.min(...there) - at),
    )
  }
  return events
    .map((event) => ({ ...event, at: event.at + (shifts.get(`${event.role} ${event.node}`) ?? 0) }))
    .sort(
      (a, b) =>
        a.at - b.at ||
        WHAT_ORDER.get(a.what)! - WHAT_ORDER.get(b.what)! ||
        ROLE_ORDER[a.role] - ROLE_ORDER[b.role],
    )
}
