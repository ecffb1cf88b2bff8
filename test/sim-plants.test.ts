import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Kept, keptPlans } from '../scenarios/sim/kept.ts'
import { PLANTS } from '../scenarios/sim/plants/index.ts'
import { type Plant, planted } from '../scenarios/sim/plants/plant.ts'
import { Worker } from '../scenarios/sim/worker.ts'

const BUILD = new URL('../', import.meta.url)
/** Processes at a time: there may be few cores, and other tests run as well. */
const AT_ONCE = 2

const kept = keptPlans().filter(({ plant }) => plant !== '')

test('each planted bug finds the place in the program that it takes something from', () => {
  for (const { name, edits } of PLANTS) {
    const sources = new Map<string, string>()
    for (const edit of edits) {
      const file = fileURLToPath(new URL(edit.file, BUILD))
      const source = sources.get(file) ?? readFileSync(file, 'utf8')
      assert.doesNotThrow(() => sources.set(file, planted(source, edit)), name)
      assert.notEqual(sources.get(file), source, `${name} changes nothing in ${edit.file}`)
    }
  }
})

test('planted bugs have names of their own, and a kept plan each', () => {
  const names = PLANTS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(kept.map(({ plant }) => plant).sort(), [...names].sort())
})

test('the plan that caught a planted bug catches it again', async () => {
  const missed: string[] = []
  await inTurn(kept, async (plan) => {
    const checker = await violatedIn(plan, plan.plant)
    if (checker === '') missed.push(plan.plant)
  })
  assert.deepEqual(missed, [])
})

test('without the bugs nothing is wrong with these plans', async () => {
  const worker = new Worker()
  try {
    for (const { plant, plan } of kept) {
      const { checker, message } = await worker.play(plan)
      assert.equal(checker, '', `${plant}: ${message}`)
    }
  } finally {
    worker.end()
  }
})

/** Which checker says no to the plan, in a process with this bug in it. */
const violatedIn = async ({ plan }: Kept, plant: Plant['name']): Promise<string> => {
  const worker = new Worker(plant)
  try {
    return (await worker.play(plan)).checker
  } finally {
    worker.end()
  }
}

/** So many at a time. */
const inTurn = async <T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> => {
  const left = [...all]
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await act(next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
