import type { Scene } from '../scene.ts'
import { assertQuiet } from '../world/quiet.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'at rest'

/** When nothing is under way, every table has returned to the size it started with. */
export const atRest = ({ world, plan }: Scene): Checker => ({
  name: NAME,
  onQuiet() {
    if (!plan.rests) return
    try {
      assertQuiet(world)
    } catch (error) {
      throw new Violation(NAME, (error as Error).message)
    }
  },
})
