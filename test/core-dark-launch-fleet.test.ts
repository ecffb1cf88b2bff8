/** Dark launch of a topic so large that no requester knows all of its queues. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DarkLaunchRule } from '../bus/rules.ts'
import { type AnswerAsk, type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'

const FLAGGED = { headers: { flag: 'v2' } }
const RULE: DarkLaunchRule = {
  ...{ topic: '*', to: 'v2', otherwise: 'strict' },
  when: { header: { flag: 'v2' } },
}

const fleet = (rules: DarkLaunchRule[], lane: AnswerAsk = {}) => {
  const world = new World()
  const broker = world.broker('b1')
  if (rules.length > 0) broker.setRules(rules, 1)
  const plain = Array.from({ length: 100 }, (_, i) => world.client(`A${i}`))
  for (const client of plain) client.answer(replies(), lane)
  const addGray = (): ClientNode => {
    const gray = world.client('V', { label: 'v2' })
    gray.answer(replies(), lane)
    world.run(500)
    return gray
  }
  const requesters = Array.from({ length: 8 }, (_, i) => world.client(`R${i}`))
  world.run(500)
  /** How many of so many calls of each requester ran at one of these. */
  const ranAt = (grays: ClientNode[], ask: { headers?: Record<string, string> }): number => {
    const calls = requesters.flatMap((r) => r.callMany(10, ask).map((call) => ({ r, call })))
    world.run(50)
    for (const { call } of calls) assert.equal(call.end, 'reply', call.error?.message)
    const instances = new Set(grays.map(({ instance }) => instance))
    return calls.filter(({ r, call }) =>
      world.ledger.of(r.idOf(call)).some((run) => instances.has(run.instance)),
    ).length
  }
  const knows = (count: number): void => {
    for (const r of requesters)
      assert.equal(r.core.requester.topics.find(TOPIC)!.queues.length, count)
  }
  return { world, broker, plain, addGray, ranAt, knows }
}

describe('several data centres', () => {
  for (const when of ['before', 'after']) {
    test(`a gray instance alone at home leaves ordinary calls to others; rules came ${when} it`, () => {
      const world = new World()
      const broker = world.broker('b1', { idc: 'sz' })
      world.broker('b2', { idc: 'sh' })
      if (when === 'before') broker.setRules([RULE], 1)
      const gray = world.client('V', { idc: 'sz', label: 'v2' })
      gray.answer(replies())
      const plain = world.client('A', { idc: 'sh' })
      plain.answer(replies())
      world.run(500)
      if (when === 'after') broker.setRules([RULE], 1)
      const r = world.client('R', { idc: 'sz' })
      world.run(500)
      const ranAt = (ask: { headers?: Record<string, string> }): (string | undefined)[] => {
        const calls = r.callMany(5, ask)
        world.run(100)
        return calls.map((call) => world.ledger.of(r.idOf(call))[0]?.instance)
      }
      assert.deepEqual(ranAt({}), Array(5).fill(plain.instance))
      assert.deepEqual(ranAt(FLAGGED), Array(5).fill(gray.instance))
      world.assertQuiet()
    })
  }
})

describe('a large topic', () => {
  test('everybody knows the one gray instance among a hundred, before and after it is another', () => {
    const { world, addGray, ranAt, knows } = fleet([RULE])
    const gray = addGray()
    assert.equal(ranAt([gray], FLAGGED), 80)
    assert.equal(ranAt([gray], {}), 0)
    knows(33)
    const second = addGray()
    assert.equal(ranAt([gray, second], FLAGGED), 80)
    knows(34)
    world.kill(gray)
    world.run(500)
    assert.equal(ranAt([second], FLAGGED), 80)
    knows(33)
    world.assertQuiet()
  })

  test('rules that come later set it apart for everybody, and rules that go make it one of many', () => {
    const { world, broker, addGray, ranAt, knows } = fleet([])
    const gray = addGray()
    ranAt([gray], {})
    knows(32)
    broker.setRules([RULE], 1)
    world.run(100)
    assert.equal(ranAt([gray], FLAGGED), 80)
    assert.equal(ranAt([gray], {}), 0)
    knows(33)
    broker.setRules([], 2)
    world.run(100)
    ranAt([gray], FLAGGED)
    knows(32)
    world.assertQuiet()
  })

  test('a queue that goes from one kind of owner to the other is known as what it is now', () => {
    const { world, broker, plain, addGray, ranAt, knows } = fleet([RULE], { maxQueues: 100 })
    ranAt([], {})
    knows(32)
    const gray = addGray()
    assert.ok(broker.view().topics[0]!.queues.every(({ owner }) => owner !== gray.instance))
    world.kill(plain[7]!)
    world.run(500)
    assert.equal(ranAt([gray], FLAGGED), 80)
    assert.equal(ranAt([gray], {}), 0)
    const late = world.client('A100')
    late.answer(replies(), { maxQueues: 100 })
    world.kill(gray)
    world.run(500)
    assert.ok(broker.view().topics[0]!.queues.some(({ owner }) => owner === late.instance))
    assert.ok(ranAt(plain, {}) > 70)
    world.assertQuiet()
  })
})
