/** One slow responder among quick ones: who pays for it, and for how long. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Crew, type Member } from './virtual/crew.ts'
import { drive } from './virtual/traffic.ts'

const SLOW_MS = 2_000
const QUICK_MS = 5
const TIMEOUT_MS = 1_000

/** One slow of so many, default concurrency. */
const slowCrew = (count: number) => {
  const crew = new Crew(count, QUICK_MS)
  const [slow] = crew.members as [Member]
  slow.mood.takesMs = SLOW_MS
  /** 4,000 calls at once. How many of them failed. */
  const burst = (): number => {
    const calls = crew.r.callMany(4_000, { timeoutMs: TIMEOUT_MS })
    crew.world.run(TIMEOUT_MS + 100)
    for (const { end } of calls) {
      assert.ok(end === 'reply' || end === 'deadline_exceeded unknown', end)
    }
    return calls.filter(({ end }) => end !== 'reply').length
  }
  return { crew, world: crew.world, r: crew.r, slow, burst }
}

describe('4,000 calls at once, one responder is slow', () => {
  for (const count of [2, 4]) {
    test(`one of ${count}: at most 2 % fail, then at most a probe`, () => {
      const { world, burst } = slowCrew(count)
      assert.ok(burst() <= 80)
      for (const pauseMs of [0, 0, 2_000, 0, 5_000]) {
        world.run(pauseMs)
        const failed = burst()
        assert.ok(failed <= 1, `${failed} after a pause of ${pauseMs} ms`)
      }
      world.assertQuiet()
    })
  }

  test('a steady load after them: next to nobody fails', () => {
    const { world, r, burst } = slowCrew(2)
    burst()
    const steady = drive(world, 20_000, { by: r, perSecond: 500, ask: { timeoutMs: TIMEOUT_MS } })
    world.run(TIMEOUT_MS)
    assert.ok(steady.failed.length <= 5, `${steady.failed.length} of ${steady.count}`)
    world.assertQuiet()
  })

  test('it recovers: its share returns, and nobody fails for it', () => {
    const { crew, world, r, slow, burst } = slowCrew(4)
    burst()
    slow.mood.takesMs = QUICK_MS
    const calls = { by: r, perSecond: 500, ask: { timeoutMs: TIMEOUT_MS } }
    const ramp = drive(world, 12_000, calls)
    const back = drive(world, 2_000, calls)
    world.run(100)
    assert.deepEqual([...ramp.failed, ...back.failed], [])
    const share = back.shareOf(slow.client)
    assert.ok(Math.abs(share - 0.25) < 0.05, `${share}`)
    assert.equal(crew.isolationOf(slow), 'closed')
    world.assertQuiet()
  })

  test('slow, but in time for patient callers: it gets what it can finish', () => {
    const { world, r, slow } = slowCrew(2)
    const calls = r.callMany(4_000, { timeoutMs: 20_000 })
    world.run(20_000)
    assert.deepEqual(
      calls.filter(({ end }) => end !== 'reply'),
      [],
    )
    const slowest = Math.max(...calls.map(({ tookMs }) => tookMs))
    assert.ok(slowest <= SLOW_MS + 200, `${slowest} ms: nobody waits for it twice`)
    const ran = calls.filter(
      (call) => world.ledger.of(r.idOf(call))[0]?.instance === slow.client.instance,
    )
    assert.ok(ran.length <= 200, `${ran.length}`)
    // Long after, what it took is hardly believed any more: a few find out, not half of them.
    world.run(20_000)
    const later = r.callMany(4_000, { timeoutMs: 20_000 })
    world.run(1_000)
    const open = later.filter(({ isSettled }) => !isSettled)
    assert.ok(open.length <= 400, `${open.length}`)
    world.assertQuiet()
  })
})
