/** Random histories: whatever is done to the bus, every call is told once, in time, and the truth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Walk } from './virtual/walk.ts'

/** FINBUS_SEED=n walks one seed alone; FINBUS_SEEDS=n walks more of them than a test run has time for. */
const ONE = Number(process.env.FINBUS_SEED ?? 0)
const COUNT = Number(process.env.FINBUS_SEEDS ?? 300)

test(`${COUNT} random histories: settled once, in time, truly; and nothing is left`, () => {
  const first = ONE > 0 ? ONE : 1
  for (let seed = first; seed < first + (ONE > 0 ? 1 : COUNT); seed++) {
    try {
      new Walk(seed).run()
    } catch (error) {
      if (error instanceof assert.AssertionError) throw new Error(`seed ${seed}: ${error.message}`)
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test('the same seed gives the same history', () => {
  const historyOf = (seed: number): string[] => {
    const walk = new Walk(seed)
    walk.run()
    return [...walk.story, ...walk.asked.map(({ call }) => `${call.end} ${call.tookMs}`)]
  }
  assert.deepEqual(historyOf(4), historyOf(4))
  assert.notDeepEqual(historyOf(4), historyOf(5))
})
