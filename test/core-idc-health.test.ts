/** What is a reason to leave home, and what is none: a sick home is left, a busy or blinking one not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Handler, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

/** A handler that hangs while it is told to, and answers what it took in that time long after. */
const hanging = () => {
  const mood = { isHanging: false }
  const handler: Handler = (execution) =>
    execution.reply(mood.isHanging ? 8_000 : 2, `re:${execution.body}`)
  return { mood, handler }
}

describe('home does not answer', () => {
  for (const responders of [1, 2]) {
    test(`all ${responders} responders at home hang: the other data centre is asked, until they answer`, () => {
      const world = new World()
      const { mood, handler } = hanging()
      const [sz, sh] = sites(world, { sz: { responders, handler }, sh: { responders: 2 } })
      const r = sz!.requester()
      world.run(500)
      drive(world, 1_000, { by: r, perSecond: 200 })
      mood.isHanging = true
      const at = world.now
      const stream = { by: r, perSecond: 200, ask: { timeoutMs: 500 } }
      const hung = drive(world, 6_000, stream)
      world.run(600)
      const first = hung.answeredFrom(sh!)
      assert.ok(first >= 0 && first - at < 2_000, `first answered after ${first - at} ms`)
      const later = hung.between(at + 2_500, world.now)
      assert.ok(later.failed.length <= later.count / 100, JSON.stringify(later.ends))
      mood.isHanging = false
      drive(world, 30_000, stream)
      const back = drive(world, 2_000, stream)
      world.run(600)
      assert.deepEqual([back.failed, back.ranIn(sz!)], [[], back.count])
      world.assertQuiet()
    })
  }
})

describe('home blinks', () => {
  test('the link of its only responder is lost and back: calls are at home again at once', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: {}, sh: {} })
    const r = sz!.requester()
    world.run(500)
    drive(world, 500, { by: r, perSecond: 500 })
    world.cut(sz!.responders[0]!, 'sz1')
    const blink = drive(world, 200, { by: r, perSecond: 500 })
    const after = drive(world, 1_000, { by: r, perSecond: 500 })
    world.run(100)
    assert.deepEqual([blink.failed, after.failed], [[], []])
    assert.equal(after.ranIn(sh!), 0)
    world.assertQuiet()
  })

  test('its broker stands still for a third of a second: calls are at home again at once', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: {}, sh: {} })
    const r = sz!.requester()
    world.run(500)
    drive(world, 500, { by: r, perSecond: 500 })
    world.freeze(sz!.broker, 350)
    const blink = drive(world, 500, { by: r, perSecond: 500 })
    const after = drive(world, 1_000, { by: r, perSecond: 500 })
    world.run(100)
    assert.deepEqual([blink.failed, after.failed], [[], []])
    assert.equal(after.ranIn(sh!), 0)
    world.assertQuiet()
  })
})

describe('home is full', () => {
  test('what it cannot take goes next door, the rest stays', () => {
    const world = new World()
    const ask = { handler: replies(10), lane: { concurrency: 4, prefetch: 4 } }
    const [sz, sh] = sites(world, {
      sz: { ...ask, limits: { maxDepth: 10 } },
      sh: { ...ask, responders: 4 },
    })
    const r = sz!.requester()
    world.run(500)
    // Four at a time, 10 ms each, are 400 a second.
    const calls = drive(world, 4_000, { by: r, perSecond: 800 })
    world.run(200)
    assert.deepEqual(calls.failed, [])
    assert.ok(calls.ranIn(sz!) > 4 * 400 * 0.8, `${calls.ranIn(sz!)} at home`)
    const after = drive(world, 1_000, { by: r, perSecond: 200 })
    world.run(100)
    assert.deepEqual([after.failed, after.ranIn(sh!)], [[], 0])
    world.assertQuiet()
  })

  test('and nobody else can be reached: the caller hears that it is overloaded, not that nobody is there', () => {
    const world = new World()
    const [sz] = sites(world, {
      sz: {
        handler: replies(2_500),
        lane: { concurrency: 1, prefetch: 0 },
        limits: { maxDepth: 2 },
      },
      sh: { responders: 0 },
    })
    world.wall('sz', 'sh')
    const r = sz!.requester()
    world.run(200)
    r.callMany(2, { timeoutMs: 10_000 })
    world.run(50)
    const call = r.call({ timeoutMs: 2_500 })
    world.run(2_500)
    assert.equal(call.end, 'overloaded not_executed')
    assert.ok(call.tookMs < 1_100, `after ${call.tookMs} ms`)
    world.assertQuiet()
  })
})
