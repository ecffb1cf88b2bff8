/** Puts what several nodes remember of one call into the order in which it happened. */
import { TRACE_WHATS } from '../../bus/trace.ts'
import type { Trace } from './api.ts'

type Event = Trace['events'][number]

const WHAT_ORDER = new Map(TRACE_WHATS.map((what, index) => [what, index]))
const ROLE_ORDER = { requester: 0, responder: 1, broker: 2 }

/** By how much a node may be moved: neither to before what made it act nor to after what it caused. */
interface Room {
  least: number
  most: number
}

/**
 * Nodes say how long ago something was, and their answers take time to come, so that all of a node's
 * events may be off by as much. What a broker took in was sent before, what a responder received was
 * dispatched before, and what settled was answered before: by that the others are moved as little as
 * will do, whole nodes at a time.
 */
export const inOrder = (events: readonly Event[]): Event[] => {
  const seen = seenBy(events)
  const rooms = new Map<string, Room>()
  for (const { role, node, what, attempt, at } of events) {
    const key = `${role} ${node}`
    const room = rooms.get(key) ?? { least: -Infinity, most: Infinity }
    rooms.set(key, room)
    const {
      takenAt = Infinity,
      dispatchedAt = Infinity,
      repliedAt = Infinity,
    } = seen.get(attempt) ?? {}
    const after = (since: number): void => {
      if (since !== Infinity) room.least = Math.max(room.least, since - at)
    }
    const before = (until: number): void => {
      room.most = Math.min(room.most, until - at)
    }
    if (role === 'requester' && what === 'sent') before(takenAt)
    if (role === 'requester' && what === 'settled') after(repliedAt)
    if (role === 'responder' && what === 'received') after(dispatchedAt)
    if (role === 'responder' && what === 'replied') before(repliedAt)
  }
  return events
    .map((event) => ({ ...event, at: event.at + shiftOf(event, rooms) }))
    .sort(
      (a, b) =>
        a.at - b.at ||
        WHAT_ORDER.get(a.what)! - WHAT_ORDER.get(b.what)! ||
        ROLE_ORDER[a.role] - ROLE_ORDER[b.role],
    )
}

/** When brokers first did so with an attempt; Infinity if none did. */
interface Seen {
  takenAt: number
  dispatchedAt: number
  repliedAt: number
}

const seenBy = (events: readonly Event[]): Map<number, Seen> => {
  const seen = new Map<number, Seen>()
  for (const { role, what, attempt, at } of events) {
    if (role !== 'broker') continue
    const of = seen.get(attempt) ?? {
      takenAt: Infinity,
      dispatchedAt: Infinity,
      repliedAt: Infinity,
    }
    seen.set(attempt, of)
    if (what === 'queued' || what === 'dispatched') of.takenAt = Math.min(of.takenAt, at)
    if (what === 'dispatched') of.dispatchedAt = Math.min(of.dispatchedAt, at)
    if (what === 'replied') of.repliedAt = Math.min(of.repliedAt, at)
  }
  return seen
}

/** What went out counts more for a requester, what came in for a responder, where both cannot be. */
const shiftOf = ({ role, node }: Event, rooms: ReadonlyMap<string, Room>): number => {
  const { least, most } = rooms.get(`${role} ${node}`)!
  return role === 'requester'
    ? Math.min(Math.max(0, least), most)
    : Math.max(Math.min(0, most), least)
}
