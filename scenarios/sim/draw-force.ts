/** Draws what operators do: they overrule circuits of queues, for one requester and for a while. */
import { Prng } from '../../bus/prng.ts'
import type { FaultPlan, Plan } from './plan.ts'

/** One history in so many has an operator who interferes. */
const SHARE = 0.06
const FORCED = ['open', 'closed'] as const
/** Its own chance: whether somebody interferes changes nothing else of a history. */
const SALT = 0x0f0f_0f0f

/** The same plan, with somebody who interferes now and then. */
export const forced = (plan: Plan): Plan => {
  const prng = new Prng(plan.seed ^ SALT)
  if (!prng.chance(SHARE) || plan.events.every(({ kind }) => kind === 'call')) return plan
  const { requesters, chaosMs, events } = plan
  const faults = Array.from({ length: 1 + prng.below(3) }, (): FaultPlan => {
    const { name } = requesters[prng.below(requesters.length)]!
    const to = FORCED[prng.below(FORCED.length)]!
    const fault = { verb: 'force' as const, name, to, forMs: 1 + prng.below(800) }
    return { at: prng.below(chaosMs), kind: 'fault', fault }
  })
  return { ...plan, events: [...events, ...faults].sort((a, b) => a.at - b.at) }
}
