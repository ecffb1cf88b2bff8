/** Home has too much to do: part of the calls goes next door before callers feel it, and no more. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnswerAsk } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

/** Home has one responder, which takes `takesMs` for a call; next door there is room enough. */
const narrowHome = (takesMs: number, lane: AnswerAsk) => {
  const world = new World()
  const ask = { handler: replies(takesMs), lane }
  const [sz, sh] = sites(world, { sz: ask, sh: { ...ask, responders: 4 } })
  const r = sz!.requester()
  world.run(500)
  return { world, sz: sz!, sh: sh!, r }
}

describe('more than home can do', () => {
  for (const prefetch of [64, 0]) {
    test(`prefetch ${prefetch}: twice the capacity: calls spill over, none fails, and it ends soon`, () => {
      const { world, sz, sh, r } = narrowHome(5, { concurrency: 8, prefetch })
      // Without prefetch a handler waits for the way to the broker and back, too.
      const capacity = prefetch > 0 ? 1_600 : 1_140
      const calm = drive(world, 2_000, { by: r, perSecond: capacity / 2 })
      world.run(50)
      assert.deepEqual([calm.ranIn(sh), calm.ends], [0, { reply: calm.count }])
      const usualMs = calm.tookMs(990)
      const from = world.now
      const rush = drive(world, 4_000, { by: r, perSecond: capacity * 2 })
      world.run(200)
      assert.deepEqual(rush.ends, { reply: rush.count })
      const until = rush.firstSentTo(sh)!.call.startedAt
      const slowest = rush.answeredBy(until).tookMs(1_000)
      assert.ok(slowest < usualMs * 2, `${slowest} ms before the first of them left`)
      const settled = rush.between(from + 500, world.now).tookMs(990)
      assert.ok(settled < usualMs * 2.5, `99 of 100 within ${settled} ms, usually ${usualMs}`)
      assert.ok(rush.ranIn(sz) > rush.count * 0.45, `only ${rush.ranIn(sz)} at home`)
      const after = drive(world, 1_000, { by: r, perSecond: capacity / 2 })
      world.run(50)
      assert.deepEqual([after.ranIn(sh), after.ends], [0, { reply: after.count }])
      world.assertQuiet()
    })
  }

  test('next door has too much to do as well: calls stay where they wait less', () => {
    const world = new World()
    const ask = { handler: replies(5), lane: { concurrency: 8 } }
    const [sz, sh] = sites(world, { sz: ask, sh: ask })
    const [rsz, rsh] = [sz!.requester(), sh!.requester()]
    world.run(500)
    const streams = [rsz, rsh].map((by) => ({ by, perSecond: 1_700, ask: { timeoutMs: 20_000 } }))
    const calls = drive(world, 3_000, ...streams)
    world.run(5_000)
    assert.deepEqual(calls.ends, { reply: calls.count })
    for (const r of [rsz, rsh]) {
      const { crossIdc, requests } = r.core.state.counters
      assert.ok(crossIdc < requests * 0.3, `${crossIdc} of ${requests} crossed to no avail`)
    }
    world.assertQuiet()
  })
})

describe('not more than home can do', () => {
  test('many callers of a quick handler, whose calls wait for each other a moment', () => {
    const { world, sz, r } = narrowHome(0, {})
    // Replies fill several batches, so that callers go on while others are still unread.
    const body = 'x'.repeat(900)
    let left = 20_000
    const next = (): void => {
      if (left === 0) return
      left -= 1
      const call = r.call({ body })
      call.onSettled = () => r.afterwards(next)
    }
    for (let i = 0; i < 250; i++) next()
    world.run(2_000)
    const { succeeded, crossIdc } = r.core.state.counters
    assert.deepEqual([succeeded, crossIdc], [20_000, 0])
    assert.equal(sz.broker.view().counters.requests, 20_000)
  })

  test('a responder that takes one call at a time, and has half of what it can do', () => {
    const { world, sz, r } = narrowHome(5, { concurrency: 1 })
    const calls = drive(world, 5_000, { by: r, perSecond: 100 })
    world.run(50)
    assert.deepEqual([calls.ranIn(sz), calls.ends], [calls.count, { reply: calls.count }])
  })
})
