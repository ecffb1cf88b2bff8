import { callKey } from '../../../broker/core/session.ts'
import type { Asked, Scene } from '../scene.ts'
import { Calm } from './calm.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'nobody forgets a call'
/** What was sent so long ago has arrived, and so has what was said to it. */
const SETTLED_MS = 500
/** On its way from one to the other it is in nobody's hands. */
const UNDER_WAY_MS = 300

/**
 * A call that runs into its deadline is in somebody's hands: waiting in a broker, or known to a
 * responder. One that nobody knows of any more was dropped without a word (WIRE-SAFETY H7).
 */
export const notForgotten = (scene: Scene): Checker => {
  const calm = new Calm(scene, UNDER_WAY_MS)
  const heldAt = new Map<Asked, number>()
  const isHeld = ({ by, call }: Asked): boolean => {
    const { counter, isLong } = call.future!
    for (const client of scene.everybody) {
      if (!('calls' in client) || !client.isAlive) continue
      for (const mark of client.core.marks.all()) {
        if (mark.counter === counter && mark.peer.instance === by.instance) return true
      }
    }
    const key = callKey(counter, isLong)
    return scene.brokers.some(({ core }) =>
      [...core.links].some(
        ({ session }) => session?.instance === by.instance && session.waiting.has(key),
      ),
    )
  }
  return {
    name: NAME,
    onTick() {
      const { now } = scene.world
      for (const asked of scene.asked) {
        const { call, by } = asked
        if (call.isSettled || !by.isAlive || by.isFrozen) continue
        const { current, isRecovering, waitUntil } = call.future ?? {}
        // One that may have run at an instance that is gone can wait for another one.
        const isWaiting = isRecovering === true || waitUntil !== 0
        if (current?.queue === undefined || isWaiting) continue
        const isOld = by.now - current.sentAt >= SETTLED_MS
        if (!isOld) continue
        if (!calm.holds(now - UNDER_WAY_MS, now, asked) || isHeld(asked)) heldAt.set(asked, now)
        const since = Math.max(heldAt.get(asked) ?? 0, now - (by.now - current.sentAt) + SETTLED_MS)
        if (now - since < UNDER_WAY_MS) continue
        throw new Violation(NAME, `at ${now}: ${describe(scene, asked)}`)
      }
    },
  }
}
