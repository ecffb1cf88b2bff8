/** Links that were quiet for long: what comes by them first cannot be believed young (rule 4). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Handler, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

const QUIET_MS = 100_000

describe('the first call after a quiet time', () => {
  test('takes one more attempt for each of the two links of its way, however many brokers there are', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed)
      const [sz] = sites(world, { sz: { brokers: 8, responders: 2 } })
      const r = sz!.requester()
      world.run(500)
      r.callMany(50)
      world.run(QUIET_MS)
      const call = r.call()
      world.run(1_000)
      assert.equal(call.end, 'reply')
      assert.ok(call.future!.attempt <= 3, `${call.future!.attempt} attempts`)
      world.assertQuiet()
    }
  })

  test('is a probe all the same, if an isolated queue waits for one', () => {
    const world = new World()
    world.broker()
    let isSick = false
    const handler: Handler = (execution) => {
      execution.reply(isSick ? 5_000 : 2, `re:${execution.body}`)
    }
    world.client('sick').answer(handler)
    world.client('well').answer(replies(2))
    const r = world.client('R')
    world.run(500)
    drive(world, 500, { by: r, perSecond: 200 })
    isSick = true
    drive(world, 1_000, { by: r, perSecond: 200, ask: { timeoutMs: 200 } })
    world.run(500)
    assert.equal(r.advised('queue_isolated').length, 1)
    isSick = false
    const calls = [1, 2].map(() => {
      world.run(QUIET_MS)
      return r.call({ timeoutMs: 1_000 })
    })
    world.run(1_000)
    assert.deepEqual(
      calls.map(({ end }) => end),
      ['reply', 'reply'],
    )
    assert.equal(r.advised('queue_restored').length, 1)
    world.assertQuiet()
  })
})
