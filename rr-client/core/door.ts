import { BusError } from '../../bus/errors.ts'
import { Flag } from '../../bus/frame.ts'
import type { CallFacts } from './future.ts'
import type { ClientState } from './state.ts'

/** Calls made inside handlers have this share of the limit to themselves (WIRE-SAFETY M11). */
const NESTED_SHARE = 0.1

/** Why a call is not even begun: the bus closes, or has too many open. */
export const refusalAtDoor = (
  state: ClientState,
  { topic, flags }: CallFacts,
  inFlight: number,
): BusError | undefined => {
  const { phase, facts } = state
  const isNested = (flags & Flag.nested) !== 0
  const limit = isNested ? facts.maxInFlight : Math.ceil(facts.maxInFlight * (1 - NESTED_SHARE))
  if (phase === 'open' && inFlight < limit) return undefined
  const details = { stage: 'requester', topic, attempts: 0 }
  if (phase === 'closed') return new BusError('not_connected', 'this bus is closed', { details })
  if (phase === 'draining' && !isNested) {
    return new BusError('draining', 'this bus is closing', { details })
  }
  if (inFlight < limit) return undefined
  return new BusError('too_many_inflight', `${inFlight} calls are open, the limit is ${limit}`, {
    details: { ...details, limit, current: inFlight },
  })
}
