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
  const taken = takenBy(events)
  const shifts = new Map<string, number>()
  for (const { role, node, what, attempt, at } of events) {
    const isSent = role === 'requester' && what === 'sent'
    if (!isSent && !(role === 'responder' && what === 'received')) continue
    const { sentBefore, receivedAfter } = taken.get(attempt) ?? {}
    const there = isSent ? sentBefore : receivedAfter
    if (there === undefined) continue
    const key = `${role} ${node}`
    const known = shifts.get(key) ?? 0
    shifts.set(key, isSent ? Math.min(known, there - at) : Math.max(known, there - at))
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

/** By when brokers had each attempt, and from when on its responder may have had it. */
interface Taken {
  sentBefore?: number
  receivedAfter?: number
}

const takenBy = (events: readonly Event[]): Map<number, Taken> => {
  const taken = new Map<number, Taken>()
  for (const { role, what, attempt, at } of events) {
    if (role !== 'broker' || (what !== 'queued' && what !== 'dispatched')) continue
    const known = taken.get(attempt) ?? {}
    const { sentBefore = at, receivedAfter = at } = known
    taken.set(attempt, {
      ...known,
      sentBefore: Math.min(sentBefore, at),
      ...(what === 'dispatched' && { receivedAfter: Math.min(receivedAfter, at) }),
    })
  }
  return taken
}
