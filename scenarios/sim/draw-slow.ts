import type { Plan, PlannedEvent } from './plan.ts'

/** A spell is so many times as long. */
const SLOWER = 4

/**
 * The same plan, drawn out: calls are as short as before, and what is done to people lasts longer than
 * batches are believed (rule 4) and than idle links are silent.
 */
export const drawnOut = (plan: Plan): Plan => ({
  ...plan,
  chaosMs: plan.chaosMs * SLOWER,
  events: plan.events.map(slower),
})

const slower = (event: PlannedEvent): PlannedEvent => {
  const at = event.at * SLOWER
  if (event.kind === 'call') return { ...event, at }
  const { fault } = event
  if (!('forMs' in fault) || fault.forMs === undefined) return { ...event, at }
  return { ...event, at, fault: { ...fault, forMs: fault.forMs * SLOWER } }
}
