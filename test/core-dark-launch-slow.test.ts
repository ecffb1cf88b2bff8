/** Dark launch and owners that answer late: another instance helps only if it may have the calls. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DarkLaunchRule } from '../bus/rules.ts'
import type { CallAsk } from '../scenarios/sim/world/calls.ts'
import { type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'

const FLAGGED: CallAsk = { headers: { flag: 'v2' } }
const ruleOf = (otherwise: 'fallback' | 'strict'): DarkLaunchRule => ({
  ...{ topic: TOPIC, to: 'v2', otherwise },
  when: { header: { flag: 'v2' } },
})

/** Two instances, of which one answers in half a second and one call at a time. */
const pair = (slow: 'plain' | 'gray', otherwise: 'fallback' | 'strict') => {
  const world = new World()
  world.broker('b1').setRules([ruleOf(otherwise)], 1)
  const [plain, gray] = [world.client('A'), world.client('V', { label: 'v2' })]
  const lane = { concurrency: 1, prefetch: 0 }
  plain.answer(replies(slow === 'plain' ? 500 : 1), lane)
  gray.answer(replies(slow === 'gray' ? 500 : 1), lane)
  const r = world.client('R')
  world.run(500)
  /** Calls at once; how many of them ran there. */
  const ranAt = (client: ClientNode, ask: CallAsk): number => {
    const calls = r.callMany(10, { ...ask, timeoutMs: 20_000 })
    world.run(6_000)
    for (const call of calls) assert.equal(call.end, 'reply', call.error?.message)
    return calls.filter((call) => world.ledger.of(r.idOf(call))[0]!.instance === client.instance)
      .length
  }
  return { world, plain, gray, r, ranAt }
}

describe('calls that wait for a slow instance', () => {
  test('wait on, if the only quick one is set apart', () => {
    const { world, plain, r, ranAt } = pair('plain', 'fallback')
    assert.equal(ranAt(plain, {}), 10)
    assert.equal(r.core.state.counters.moves, 0)
    world.assertQuiet()
  })

  test('wait on for a gray one, if the rule is strict', () => {
    const { world, gray, r, ranAt } = pair('gray', 'strict')
    assert.equal(ranAt(gray, FLAGGED), 10)
    assert.equal(r.core.state.counters.moves, 0)
    world.assertQuiet()
  })

  test('go to the others, if the rule lets them', () => {
    const { world, plain, r, ranAt } = pair('gray', 'fallback')
    assert.ok(ranAt(plain, FLAGGED) >= 8)
    assert.ok(r.core.state.counters.moves > 0)
    world.assertQuiet()
  })
})

describe('the only instance of its kind fails', () => {
  for (const [what, slow, ask] of [
    ['an ordinary one', 'plain', {}],
    ['a gray one of a strict rule', 'gray', FLAGGED],
  ] as const) {
    test(`${what}: it is not isolated, for nobody else may have its calls`, () => {
      const { world, r } = pair(slow, 'strict')
      for (let i = 0; i < 20; i++) {
        r.call({ ...ask, timeoutMs: 100 })
        world.run(600)
      }
      assert.ok(r.calls.every(({ end }) => end.startsWith('deadline_exceeded')))
      assert.deepEqual(r.advised('queue_isolated'), [])
      world.assertQuiet()
    })
  }
})
