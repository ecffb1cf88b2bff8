import { ranTwice } from '../../checkers/at-most-once.ts'
import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'at most one start'

/** A call that is not idempotent begins at most once, at one instance. */
export const atMostOneStart = (scene: Scene): Checker => ({
  name: NAME,
  onBegun({ execution }) {
    const asked = scene.askedOf(execution.body)
    if (asked === undefined) throw new Violation(NAME, `nobody asked for ${execution.body}`)
    const { by, call } = asked
    const begun = scene.world.ledger.of(by.idOf(call)).length
    if (ranTwice({ isIdempotent: call.ask.idempotent === true }, begun)) {
      throw new Violation(NAME, `begun ${begun} times: ${describe(scene, asked)}`)
    }
  },
})
