import type { Assignment } from './assignment.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** One client as its broker sees it. */
export interface SessionView {
  instance: string
  name: string
  idc: string
  label: string
  address: string
  state: 'up' | 'lost'
  /** Since when it is up, or lost. */
  forMs: number
  /** Requests of it here, and deliveries it has not answered. */
  calls: number
  unsentBytes: number
  heldReplies: number
  watches: number
  answers: number
}

/** Sessions that one look shows, at most. */
const MOST = 1_000

export const sessionView = (
  now: number,
  session: Session,
  assignment: Assignment,
  state: BrokerState,
): SessionView => {
  const { link } = session
  return {
    instance: session.instance,
    name: session.name,
    idc: session.idc,
    label: session.label,
    address: session.address,
    state: link === undefined ? 'lost' : 'up',
    forMs: now - (link === undefined ? session.lostAt : session.upAt),
    calls: link?.calls ?? session.waiting.size + state.deliveries.of(session).length,
    unsentBytes: link?.outbox.unsentBytes ?? 0,
    heldReplies: session.held.length,
    watches: session.watched.size,
    answers: [...assignment.of(session)].length,
  }
}

/** In the order of their instances, those after the named one. */
export const sessionsAfter = (state: BrokerState, after: string, limit: number): Session[] =>
  [...state.byInstance.keys()]
    .filter((instance) => instance > after)
    .sort()
    .slice(0, Math.max(0, Math.min(MOST, limit)))
    .map((instance) => state.byInstance.get(instance)!)
