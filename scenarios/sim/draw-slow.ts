/** Draws which plans take longer than most, in their calls or in what is done to people. */
import type { Chance } from './draw-faults.ts'
import type { CallPlan, Plan, PlannedEvent } from './plan.ts'

const PATIENT_SHARE = 0.1
const DRAWN_OUT_SHARE = 0.06
/** Of the calls of a patient plan so many have this much time, and some of these need it. */
const LONG_CALLS = 0.08
/** Above 30 s a call has a counter of another series. */
const LONG_TIMEOUTS_MS = [6_000, 12_000, 30_100]
const SLOW_CALLS = 0.25
const SLOW_MS = 3_000
/** Brokers stop for so long: about as long as others wait for them, and a little less than that. */
const BRIEF_SHARE = 0.04
const BRIEF_MS = 1_020
const BRIEF_RANGE_MS = 230
const BRIEF_TIMEOUT_MS = 2_500
/** What is drawn out takes so many times as long. */
const SLOWER = 6
/** What was done late is not healed at once. */
const LATE_MS = 8_000

/** The same plan, or a slower one. */
export const slowed = (plan: Plan, chance: Chance): Plan => {
  const isPatient = chance.chance(PATIENT_SHARE)
  const isDrawnOut = chance.chance(DRAWN_OUT_SHARE)
  const own = isPatient ? patient(plan, chance) : plan
  const slow = isDrawnOut ? drawnOut(own) : own
  return chance.chance(BRIEF_SHARE) ? briefly(slow, chance) : slow
}

/** Some callers wait long, so that nothing that came after them may be forgotten yet. */
const patient = (plan: Plan, chance: Chance): Plan => ({
  ...plan,
  events: plan.events.map((event) =>
    event.kind === 'call' && chance.chance(LONG_CALLS) ? longer(event, chance) : event,
  ),
})

const longer = (call: CallPlan, chance: Chance): CallPlan => ({
  ...call,
  timeoutMs: chance.one(LONG_TIMEOUTS_MS),
  takesMs: chance.chance(SLOW_CALLS) ? chance.below(SLOW_MS) : call.takesMs,
})

/** Nothing happens but that brokers stop, whom nobody has given up yet when they go on. */
const briefly = (plan: Plan, chance: Chance): Plan => {
  const calls = plan.events
    .filter((event) => event.kind === 'call')
    .map((call) => ({ ...call, timeoutMs: Math.max(call.timeoutMs, BRIEF_TIMEOUT_MS) }))
  const stops = Array.from({ length: 1 + chance.below(2) }, (): PlannedEvent => {
    const { name } = chance.one(plan.brokers)
    const forMs = BRIEF_MS + chance.below(BRIEF_RANGE_MS)
    const fault = { verb: 'freeze' as const, target: { kind: 'broker' as const, name }, forMs }
    return { at: chance.below(plan.chaosMs), kind: 'fault', fault }
  })
  const events = [...calls, ...stops].sort((a, b) => a.at - b.at)
  return { ...plan, chaosMs: plan.chaosMs + 2 * BRIEF_TIMEOUT_MS, events }
}

/** What is done lasts longer than batches are believed (rule 4), and than idle links are silent. */
const drawnOut = (plan: Plan): Plan => ({
  ...plan,
  chaosMs: plan.chaosMs * SLOWER + LATE_MS,
  events: plan.events.map(slower),
})

const slower = (event: PlannedEvent): PlannedEvent => {
  const at = event.at * SLOWER
  if (event.kind === 'call') return { ...event, at }
  const { fault } = event
  if (!('forMs' in fault) || fault.forMs === undefined) return { ...event, at }
  return { ...event, at, fault: { ...fault, forMs: fault.forMs * SLOWER } }
}
