/** Random histories in a world that is as harsh as it gets: everything at once, and nobody is told a lie. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HarshWalk } from './virtual/harsh-walk.ts'

/** FINBUS_SEED=n walks one seed alone; FINBUS_SEEDS=n walks more of them than a test run has time for. */
const ONE = Number(process.env.FINBUS_SEED ?? 0)
const COUNT = Number(process.env.FINBUS_SEEDS ?? 100)

test(`${COUNT} harsh histories: settled once, in time, truly; and nothing is left`, () => {
  const first = ONE > 0 ? ONE : 1
  let replies = 0
  for (let seed = first; seed < first + (ONE > 0 ? 1 : COUNT); seed++) {
    const walk = new HarshWalk(seed)
    try {
      walk.run()
    } catch (error) {
      const story = `seed ${seed}\n${walk.story.join('\n')}`
      if (!(error instanceof assert.AssertionError)) throw new Error(story, { cause: error })
      throw new Error(`${error.message}\n${story}`)
    }
    replies += walk.replies
  }
  // Histories in which nothing works prove nothing.
  if (ONE === 0) assert.ok(replies > COUNT * 10, `${replies} replies`)
})

test('the same seed gives the same history', () => {
  const digestOf = (seed: number): string => {
    const walk = new HarshWalk(seed)
    walk.run()
    return walk.world.digest
  }
  assert.equal(digestOf(4), digestOf(4))
  assert.notEqual(digestOf(4), digestOf(5))
})
