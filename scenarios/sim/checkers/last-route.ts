import { QueueState } from '../../../bus/frame.ts'
import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'last route'

/** While a queue takes requests nobody is told that nobody answers, however sick it seemed. */
export const lastRoute = (scene: Scene): Checker => ({
  name: NAME,
  onSettled(asked) {
    const { future, error } = asked.call
    if (future === undefined || error?.code !== 'no_responder') return
    // Rules send some calls to few instances: these may be gone while others are there.
    if (scene.plan.rules.length > 0) return
    for (const { state, link, instance } of future.topic.queues) {
      if (state !== QueueState.writable || !link.isUp || link.outbox.isClogged) continue
      if (!link.isHome) continue
      throw new Violation(NAME, `${instance} would have answered: ${describe(scene, asked)}`)
    }
  },
})
