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
  const brokers = events.filter(({ role }) => role === 'broker')
  const rooms = new Map<string, Room>()
  for (const { role, node, what, attempt, at } of events) {
    const firstAt = (...whats: string[]): number =>
      Math.min(
        ...brokers
          .filter((each) => each.attempt === attempt && whats.includes(each.what))
          .map((each) => each.at),
      )
    const key = `${role} ${node}`
    const room = rooms.get(key) ?? { least: -Infinity, most: Infinity }
    rooms.set(key, room)
    const after = (since: number): void => {
      if (since !== Infinity) room.least = Math.max(room.least, since - at)
    }
    const before = (until: number): void => {
      room.most = Math.min(room.most, until - at)
    }
    if (role === 'requester' && what === 'sent') before(firstAt('queued', 'dispatched'))
    if (role === 'requester' && what === 'settled') after(firstAt('replied'))
    if (role === 'responder' && what === 'received') after(firstAt('dispatched'))
    if (role === 'responder' && what === 'replied') before(firstAt('replied'))
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

/** What went out counts more for a requester, what came in for a responder, where both cannot be. */
const shiftOf = ({ role, node }: Event, rooms: ReadonlyMap<string, Room>): number => {
  const { least, most } = rooms.get(`${role} ${node}`)!
  return role === 'requester'
    ? Math.min(Math.max(0, least), most)
    : Math.max(Math.min(0, most), least)
}
