/** One process of a simulation: walks the seeds it is given, and says what it saw. */
import { drawPlan } from './draw.ts'
import type { Plan } from './plan.ts'
import { playPlan } from './play.ts'
import { newTally, shrinkFailing, type Walked, walkSeed } from './run.ts'

export type Order =
  | {
      readonly do: 'walk'
      readonly from: number
      readonly count: number
      readonly stopAtFailure: boolean
    }
  /** Makes the plan of a failing seed small. */
  | { readonly do: 'shrink'; readonly seed: number }
  | { readonly do: 'play'; readonly plan: Plan }

export interface Played {
  readonly checker: string
  readonly message: string
  readonly digest: string
}

// Errors are made by the hundred, and nobody reads where; a few frames tell of a defect.
Error.stackTraceLimit = 4

const walk = (from: number, count: number, stopAtFailure: boolean): Walked => {
  const tally = newTally()
  for (let seed = from; seed < from + count; seed++) {
    walkSeed(seed, tally)
    if (stopAtFailure && tally.failures.length > 0) break
  }
  return { ...tally, seen: [...tally.seen] }
}

const shrink = (seed: number): Plan => {
  const plan = drawPlan(seed)
  const { violation } = playPlan(plan)
  return violation === undefined ? plan : shrinkFailing(plan, violation.checker)
}

const play = (plan: Plan): Played => {
  const { violation, digest } = playPlan(plan)
  return { checker: violation?.checker ?? '', message: violation?.message ?? '', digest }
}

process.on('disconnect', () => process.exit(0))
process.on('message', (order: Order) => {
  if (order.do === 'walk') process.send?.(walk(order.from, order.count, order.stopAtFailure))
  else if (order.do === 'shrink') process.send?.(shrink(order.seed))
  else process.send?.(play(order.plan))
})
