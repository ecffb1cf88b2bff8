import type { Fault } from '../plan.ts'
import type { Asked, Scene } from '../scene.ts'
import { Calm } from './calm.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'answered in time'
/** For the turns of the loops on the way. */
const SLACK_MS = 60
/** A caller that is stopped for less than this keeps its links. */
const SHORT_MS = 800

/**
 * What a handler has answered in time reaches its caller, while nobody is hurt: also when the queue it
 * came by has another owner since (WIRE-SAFETY H4), and when the caller was stopped a moment and finds
 * the answer and the deadline at once (the gate).
 */
export const answered = (scene: Scene): Checker => {
  const calm = new Calm(scene)
  const { latencyMs, awayMs, nature } = scene.plan
  const wayMs = 2 * (Math.max(latencyMs, awayMs) + (nature?.jitterMs ?? 0)) + SLACK_MS
  return {
    name: NAME,
    onSettled(asked) {
      const { by, call } = asked
      const [settled] = call.settlements
      if (settled?.kind !== 'error' || call.future === undefined) return
      if (settled.error.code === 'cancelled') return
      const runs = scene.world.ledger.of(by.idOf(call)).filter(({ endedAt }) => endedAt >= 0)
      const [ran] = runs
      if (ran === undefined) return
      if (ran.endedAt + wayMs > settled.at) return
      if (!calm.holds(ran.startedAt, settled.at, asked, (fault) => isShortStop(fault, asked)))
        return
      throw new Violation(NAME, `answered at ${ran.endedAt}: ${describe(scene, asked)}`)
    },
  }
}

const isShortStop = (fault: Fault, { by }: Asked): boolean => {
  if (fault.verb !== 'freeze' || fault.target.kind !== 'requester') return false
  if (!('name' in fault.target) || by.name !== `requester ${fault.target.name}`) return false
  return (fault.forMs ?? SHORT_MS) < SHORT_MS
}
