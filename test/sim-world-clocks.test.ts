/** Clocks that show another time, and run at another rate: nobody's word depends on theirs being one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NodeClock } from '../scenarios/sim/world/clock.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { SETTLE_MS } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'
import { assertTruth } from './virtual/truth.ts'

describe('a clock', () => {
  test('never goes back, counts as fast as it should, and knows when it shows what', () => {
    for (const rate of [0.95, 0.999, 1, 1.0001, 1.05]) {
      const clock = new NodeClock({ rate, offset: 123_456 })
      let last = clock.at(100_000)
      for (let at = 100_001; at < 110_000; at++) {
        const now = clock.at(at)
        assert.ok(now >= last && Number.isInteger(now), `${now} after ${last}`)
        last = now
        const instant = clock.worldAt(now + 7)
        assert.ok(clock.at(instant) >= now + 7 && clock.at(instant - 1) < now + 7, `at ${at}`)
      }
      const counted = last - clock.at(100_000)
      assert.ok(Math.abs(counted - 9_999 * rate) <= 1, `${counted} at ${rate}`)
    }
  })

  test('that runs at no sensible rate is refused', () => {
    for (const rate of [0, 0.5, 2, Number.NaN]) {
      assert.throws(() => new NodeClock({ rate, offset: 0 }), /0\.5 to 2/)
    }
  })
})

/** A requester, a responder and a broker, each with a clock of its own. */
const drifting = (rates: { r: number; y: number; b: number }, handlerMs = 1) => {
  const world = new World()
  const clock = (rate: number, offset: number) => ({ clock: { rate, offset } })
  const b1 = world.broker('b1', clock(rates.b, 7_000_000))
  const y = world.client('Y', clock(rates.y, 900))
  y.answer(replies(handlerMs))
  const r = world.client('R', clock(rates.r, 42_000_000_000))
  world.run(SETTLE_MS)
  return { world, b1, y, r }
}

describe('processes with clocks of their own', () => {
  test('that show another time and run at the same rate do what they would with one clock', () => {
    const digestOf = (offset: number): string => {
      const world = new World()
      const clock = { rate: 1, offset }
      world.broker('b1', { clock })
      world.client('Y', { clock }).answer(replies(2))
      const r = world.client('R', { clock })
      drive(world, 500, { by: r, perSecond: 100 })
      world.run(20_000)
      return world.digest
    }
    // A whole turn of the wheels that deadlines lie in: they end at the same ticks.
    assert.equal(digestOf(0), digestOf(4 * 256 * 256 * 256))
  })

  test('a deadline is the one of whoever set it', () => {
    for (const rate of [0.95, 1, 1.05]) {
      const { world, r } = drifting({ r: rate, y: 2 - rate, b: 1 }, 60_000)
      const call = r.call({ timeoutMs: 2_000 })
      world.run(3_000)
      const wanted = 2_000 / rate
      assert.ok(call.tookMs >= wanted - 1 && call.tookMs <= wanted + 10, `${call.tookMs} ms`)
      assert.equal(call.end, 'deadline_exceeded unknown')
    }
  })

  test('a process that was frozen finds out by its own clock, and goes on', () => {
    for (const rate of [0.95, 1.05]) {
      const { world, b1, r } = drifting({ r: 1, y: 1, b: rate })
      r.call()
      world.run(100)
      const calls = r.callMany(5, { timeoutMs: 8_000, idempotent: true })
      world.freeze(b1, 4_000)
      world.run(12_000)
      assert.ok(calls.every(({ end }) => end === 'reply'))
      assertTruth(world, r)
      world.assertQuiet()
    }
  })

  test('as fast and as slow as clocks get: calls, leases and idle links hold', () => {
    for (const [a, b] of [
      [0.95, 1.05],
      [1.05, 0.95],
    ] as const) {
      const { world, r, y } = drifting({ r: a, y: a, b })
      const traffic = drive(world, 2_000, { by: r, perSecond: 50 })
      world.run(120_000)
      traffic.sent.push(...drive(world, 2_000, { by: r, perSecond: 50 }).sent)
      world.run(3_000)
      assert.deepEqual(traffic.ends, { reply: 200 })
      for (const client of [r, y]) assert.equal(client.advised('link_down').length, 0)
      world.assertQuiet()
    }
  })
})

test('the world draws them: others for each process, the same for the same seed', () => {
  const shown = (seed: number): number[] => {
    const world = new World(seed)
    world.drift = 0.05
    world.broker()
    for (let i = 0; i < 20; i++) world.client(`C${i}`)
    const from = [...world.clients].map(({ now }) => now)
    world.run(100_000)
    return [...world.clients].map(({ now }, i) => now - from[i]!)
  }
  const spans = shown(1)
  assert.deepEqual(spans, shown(1))
  assert.notDeepEqual(spans, shown(2))
  assert.ok(new Set(spans).size > 15)
  assert.ok(Math.min(...spans) >= 94_999 && Math.max(...spans) <= 105_001)
})
