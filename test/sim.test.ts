/** The simulator: the same seed gives the same history, what fails is made small, and nothing fails. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { drawPlan } from '../scenarios/sim/draw.ts'
import { walkAll } from '../scenarios/sim/fleet.ts'
import { keptPlans } from '../scenarios/sim/kept.ts'
import { parseSettings, UsageError } from '../scenarios/sim/options.ts'
import { isPeace, planText } from '../scenarios/sim/plan.ts'
import { playPlan } from '../scenarios/sim/play.ts'
import { shrinkPlan } from '../scenarios/sim/shrink.ts'
import { unseenOf } from '../scenarios/sim/sometimes.ts'

/** FINBUS_SEEDS=n walks more histories than a test run has time for; `npm run simulate` the rest. */
const COUNT = Number(process.env.FINBUS_SEEDS ?? 300)

test(`${COUNT} histories of whole clusters: no checker finds anything`, async () => {
  const tally = await walkAll({ from: 1, count: COUNT, jobs: 2 })
  const told = tally.failures.map(({ seed, checker, message }) => `${seed} ${checker}: ${message}`)
  assert.deepEqual(told, [])
  assert.deepEqual(tally.unlike, [], 'each hundredth seed gives the same history twice')
  assert.equal(tally.histories, COUNT)
  // Rare things need more histories than these; if many are missing, nothing much has happened.
  const unseen = unseenOf(tally.seen)
  assert.ok(unseen.length <= 10, `not seen: ${unseen.join('; ')}`)
})

describe('a seed', () => {
  test('gives the same plan and the same history, each time', () => {
    for (const seed of [3, 11]) {
      assert.deepEqual(drawPlan(seed), drawPlan(seed))
      const [first, second] = [playPlan(drawPlan(seed)), playPlan(drawPlan(seed))]
      assert.equal(first.digest, second.digest)
      assert.equal(first.events, second.events)
    }
  })

  test('is unlike the others', () => {
    const digests = [1, 2, 3, 4, 5, 6].map((seed) => playPlan(drawPlan(seed)).digest)
    assert.equal(new Set(digests).size, digests.length)
  })

  test('can be told in words, and kept as text', () => {
    const plan = drawPlan(5)
    assert.match(planText(plan), /^seed 5: /)
    const read = JSON.parse(JSON.stringify(plan)) as typeof plan
    assert.equal(playPlan(read).digest, playPlan(plan).digest)
  })

  test('of a thousand, some are peaceful, and all sizes come', () => {
    const plans = Array.from({ length: 1_000 }, (_, i) => drawPlan(i + 1))
    assert.ok(plans.some(isPeace))
    const most = (count: (plan: (typeof plans)[number]) => number): number =>
      Math.max(...plans.map(count))
    assert.equal(
      most(({ brokers }) => brokers.length),
      5,
    )
    assert.equal(
      most(({ responders }) => responders.length),
      12,
    )
    assert.equal(
      most(({ requesters }) => requesters.length),
      20,
    )
    assert.equal(
      most(({ brokers }) => new Set(brokers.map(({ idc }) => idc)).size),
      3,
    )
  })
})

describe('a plan that fails', () => {
  test('is made small: what has nothing to do with it is left out', () => {
    const isTelling = (text: string): boolean => /kill|freeze/.test(text)
    const plan = [...Array(200).keys()]
      .map((seed) => drawPlan(seed + 1))
      .find((drawn) => isTelling(planText(drawn)) && drawn.events.length > 40)!
    const small = shrinkPlan(plan, (candidate) => isTelling(planText(candidate)))
    assert.equal(small.events.length, 1)
    assert.deepEqual([small.brokers.length, small.requesters.length], [1, 1])
    assert.equal(small.responders.length, 1)
  })

  for (const { name, plan } of keptPlans().filter(({ plant }) => plant === '')) {
    test(`${name}, kept for ever`, () => {
      assert.equal(playPlan(plan).violation?.message, undefined)
    })
  }
})

describe('npm run simulate', () => {
  const main = fileURLToPath(new URL('../scenarios/sim/main.js', import.meta.url))

  test('walks, and says how far it came', () => {
    const told = execFileSync(process.execPath, [main, '--seeds', '20', '--jobs', '1'], {
      encoding: 'utf8',
    })
    assert.match(told, /20 histories, [\d,]+ events/)
    assert.match(told, /0 violations/)
  })

  test('refuses what it does not know, and says what is near', () => {
    const refusal = (...args: string[]): string => {
      try {
        parseSettings(args, ['settle twice'])
        return ''
      } catch (error) {
        assert.ok(error instanceof UsageError)
        return error.message
      }
    }
    assert.match(refusal('--seedz', '5'), /unknown option --seedz \(did you mean seeds\?\)/)
    assert.match(refusal('--seeds', 'many'), /--seeds must be a whole number from 1/)
    assert.match(refusal('--plant', 'settle twise'), /did you mean settle twice\?/)
    assert.equal(refusal('--seeds', '5', '--keep'), '')
  })
})
