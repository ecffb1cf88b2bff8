import { lieOf } from '../../checkers/truth.ts'
import type { Asked, Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { slackOfTwoMs } from './slack.ts'

const NAME = 'told the truth'

/** What a caller is told agrees with the ledger, for ever; and `mayStartForMs` is kept. */
export const truth = (scene: Scene): Checker => ({
  name: NAME,
  onSettled(asked) {
    const lie = lieIn(scene, asked)
    if (lie !== undefined) throw new Violation(NAME, `${lie}: ${describe(scene, asked)}`)
  },
  onBegun({ execution }) {
    const asked = scene.askedOf(execution.body)
    if (asked === undefined || !asked.call.isSettled) return
    const lie = lieIn(scene, asked)
    if (lie !== undefined) throw new Violation(NAME, `${lie}: ${describe(scene, asked)}`)
  },
})

const lieIn = (scene: Scene, { by, call }: Asked): string | undefined => {
  const ran = call.future === undefined ? [] : scene.world.ledger.of(by.idOf(call))
  const settled = call.settlements[0]!
  if (settled.kind === 'reply') return lieOf('executed', ran.length)
  const { outcome, details } = settled.error
  const lie = lieOf(outcome, ran.length)
  if (lie !== undefined || outcome !== 'unknown') return lie
  if (details.mayStartForMs === undefined) return 'unknown, and not for how long it may still start'
  const { mayStartForMs } = details
  const last = settled.at + mayStartForMs + slackOfTwoMs(scene, mayStartForMs)
  const isLate = ran.some(({ startedAt }) => startedAt > last)
  return isLate ? `begun after the ${details.mayStartForMs} ms in which it might` : undefined
}
