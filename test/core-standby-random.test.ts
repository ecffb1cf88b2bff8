/** Random histories of active/standby groups: whatever is done to them, never two are active. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StandbyWalk } from './virtual/standby-walk.ts'

/** FINBUS_SEED=n walks one seed alone; FINBUS_SEEDS=n walks more of them than a test run has time for. */
const ONE = Number(process.env.FINBUS_SEED ?? 0)
const COUNT = Number(process.env.FINBUS_SEEDS ?? 300)

test(`${COUNT} random histories: at every instant at most one may start; healed, exactly one does`, () => {
  const first = ONE > 0 ? ONE : 1
  let takeovers = 0
  for (let seed = first; seed < first + (ONE > 0 ? 1 : COUNT); seed++) {
    const walk = new StandbyWalk(seed)
    try {
      walk.run()
    } catch (error) {
      const story = `seed ${seed}\n${walk.story.join('\n')}`
      if (!(error instanceof assert.AssertionError)) throw new Error(story, { cause: error })
      throw new Error(`${error.message}\n${story}`)
    }
    const { starts } = walk.standby
    takeovers += starts.filter(
      ({ instance }, i) => i > 0 && instance !== starts[i - 1]!.instance,
    ).length
  }
  // Histories in which nothing happens prove nothing.
  if (ONE === 0) assert.ok(takeovers > COUNT, `${takeovers} changes of the active one`)
})
