import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNode } from './virtual/client-node.ts'
import { replies } from './virtual/handlers.ts'
import { World } from './virtual/world.ts'

/** Two data centres, one broker and one responder in each, and a requester in the first. */
const twoSites = () => {
  const world = new World()
  world.broker('sz', { idc: 'sz' })
  world.broker('sh', { idc: 'sh' })
  const ysz = world.client('Ysz', { idc: 'sz' })
  const ysh = world.client('Ysh', { idc: 'sh' })
  ysz.answer(replies(2))
  ysh.answer(replies(2))
  const r = world.client('R', { idc: 'sz' })
  world.run(500)
  return { world, ysz, ysh, r }
}

/** Calls at a steady pace; how many of them ran where, and how many failed. */
const load = (world: World, r: ClientNode, ms: number, everyMs = 2) => {
  const from = r.calls.length
  for (let at = 0; at < ms; at += everyMs) {
    r.call({ body: `${world.now}` })
    world.run(everyMs)
  }
  world.run(100)
  const calls = r.calls.slice(from)
  const by = (instance: string): number =>
    calls.filter((call) => world.ledger.of(r.idOf(call)).some((e) => e.instance === instance))
      .length
  const failed = calls.filter((call) => call.end !== 'reply')
  return { count: calls.length, by, failed }
}

describe('home first', () => {
  test('with one broker and one responder in each data centre every call stays at home', () => {
    const { world, r, ysz, ysh } = twoSites()
    const { count, by, failed } = load(world, r, 2_000)
    assert.deepEqual([by(ysz.instance), by(ysh.instance), failed.length], [count, 0, 0])
    assert.equal(r.core.state.counters.crossIdc, 0)
    world.assertQuiet()
  })

  test('no responder at home: instances elsewhere answer, through the home broker', () => {
    const { world, r, ysz, ysh } = twoSites()
    world.kill(ysz)
    const { count, by, failed } = load(world, r, 1_000)
    assert.ok(by(ysh.instance) >= count - 1, `${by(ysh.instance)} of ${count}`)
    assert.deepEqual(
      failed.map((call) => call.error?.code).filter((c) => c !== 'responder_lost'),
      [],
    )
    world.assertQuiet()
  })

  test('the home broker is gone: the other data centre answers, and later home again', () => {
    const { world, r, ysz, ysh } = twoSites()
    load(world, r, 500)
    world.kill(world.brokers.get('sz')!)
    const away = load(world, r, 2_000)
    assert.deepEqual([away.failed.length], [0])
    assert.ok(away.by(ysh.instance) >= away.count - 2)
    world.restart('sz')
    const soon = load(world, r, 2_000)
    assert.deepEqual(soon.failed, [])
    assert.equal(soon.by(ysz.instance), 0, 'it waits before it returns')
    load(world, r, 8_000)
    const back = load(world, r, 1_000)
    assert.deepEqual([back.by(ysz.instance), back.failed.length], [back.count, 0])
    world.assertQuiet()
  })
})
