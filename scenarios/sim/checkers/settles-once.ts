import type { Asked, Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { slackMs } from './slack.ts'

/** A timer is due up to a tick late, and what is readable goes first. */
const LATE_MS = 60
const NAME = 'settles once, in time'

/** Every call of a caller that lives settles exactly once, by its deadline. */
export const settlesOnce = (scene: Scene): Checker => ({
  name: NAME,
  onSettled(asked) {
    const { settlements } = asked.call
    if (settlements.length > 1)
      throw new Violation(NAME, `settled again: ${describe(scene, asked)}`)
    const lateMs = settlements[0]!.at - lastInstant(scene, asked)
    if (lateMs > LATE_MS) {
      throw new Violation(NAME, `settled ${lateMs} ms late: ${describe(scene, asked)}`)
    }
  },
  onHealed() {
    for (const asked of scene.asked) {
      // A caller that died, or whose handler died, waits for nothing.
      if (asked.call.isSettled || !asked.by.isAlive) continue
      const dueMs = scene.world.now - lastInstant(scene, asked)
      if (dueMs > LATE_MS) throw new Violation(NAME, `never settled: ${describe(scene, asked)}`)
    }
  },
})

/** The deadline, or the end of a spell in which the caller's process could do nothing. */
const lastInstant = (scene: Scene, { by, call }: Asked): number => {
  let instant = call.startedAt + call.timeoutMs + slackMs(scene, call.timeoutMs)
  for (const { from, to } of scene.spellsOf(by)) {
    if (instant + LATE_MS >= from && instant < to) instant = to
  }
  return instant
}
