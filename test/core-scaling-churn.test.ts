/** Check 21: whoever comes and goes, a queue has one owner at a time and its epochs only grow. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Prng } from '../bus/prng.ts'
import type { AnswerAsk } from '../scenarios/sim/world/client-node.ts'
import { Crew } from './virtual/crew.ts'
import { Tenure } from './virtual/tenure.ts'
import { drive, type Traffic } from './virtual/traffic.ts'

const MINUTE_MS = 60_000
const STEP_MS = 500

interface Churn {
  readonly seed: number
  readonly lane: AnswerAsk
  readonly isKilling: boolean
  readonly ms?: number
}

/** Up to eight consumers, one of whom comes or goes every half second, under 200 calls a second. */
const churn = ({ seed, lane, isKilling, ms = MINUTE_MS }: Churn) => {
  const prng = new Prng(seed)
  const crew = new Crew(5, 5, lane)
  const tenure = new Tenure(crew.world, crew.broker)
  const calls = { by: crew.r, perSecond: 200, ask: { timeoutMs: 3_000, waitForResponder: true } }
  const all: Traffic[] = []
  for (let at = 0; at < ms; at += STEP_MS) {
    const count = crew.members.length
    if (count <= 2 || (count < 8 && prng.chance(0.5))) crew.join(5, lane)
    else {
      const member = crew.members[prng.below(count)]!
      if (isKilling && prng.chance(0.5)) crew.kill(member)
      else crew.leave(member)
    }
    all.push(drive(crew.world, STEP_MS, calls))
  }
  crew.world.run(4_000)
  return { crew, tenure, all }
}

describe('check 21: no double listening', () => {
  test('four queues for up to eight, in good order: nothing fails, nothing runs twice', () => {
    const { crew, tenure, all } = churn({ seed: 1, lane: { maxQueues: 4 }, isKilling: false })
    for (const { failed, ranTwice } of all) assert.deepEqual([failed, ranTwice], [[], []])
    tenure.check()
    const epochs = crew.broker.view().topics[0]!.queues.map(({ epoch }) => epoch)
    assert.equal(epochs.length, Math.min(4, crew.members.length))
    assert.ok(Math.max(...epochs) > 5, `they did change hands: ${epochs}`)
    crew.world.assertQuiet()
  })

  test('with kills among them: only what ran there is unknown', () => {
    const { crew, tenure, all } = churn({ seed: 2, lane: { maxQueues: 4 }, isKilling: true })
    let lost = 0
    for (const { failed, ranTwice } of all) {
      for (const { end } of failed) assert.equal(end, 'responder_lost unknown')
      lost += failed.length
      assert.deepEqual(ranTwice, [])
    }
    assert.ok(lost <= 60, `${lost} of 12,000`)
    tenure.check()
    crew.world.assertQuiet()
  })

  test('without a bound no queue ever changes hands', () => {
    const { crew, tenure, all } = churn({ seed: 3, lane: {}, isKilling: false, ms: 20_000 })
    for (const { failed, ranTwice } of all) assert.deepEqual([failed, ranTwice], [[], []])
    tenure.check()
    assert.ok(crew.broker.advised('queue_assigned').every(({ epoch }) => epoch === 1))
    crew.world.assertQuiet()
  })

  test('any history of ten seconds, for ten seeds', () => {
    for (let seed = 10; seed < 20; seed++) {
      const lane = { maxQueues: 1 + (seed % 4) }
      const { crew, tenure, all } = churn({ seed, lane, isKilling: seed % 2 === 0, ms: 10_000 })
      for (const { ranTwice } of all) assert.deepEqual(ranTwice, [], `seed ${seed}`)
      tenure.check()
      crew.world.assertQuiet()
    }
  })
})
