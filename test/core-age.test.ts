/** Time: no copy outlives its mark, nothing starts late, and a stopped process doubts what it reads. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Handler } from '../scenarios/sim/world/handlers.ts'
import { neverReplies, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { SETTLE_MS, town, wayOf } from './virtual/town.ts'

/** Work that takes as long as its body says, or for ever. */
const asTold: Handler = (execution) => {
  if (execution.body !== 'never') execution.reply(Number(execution.body), `re:${execution.body}`)
}

describe('C6: no copy outlives its mark', () => {
  test('a clogged link thaws after six seconds: what it held is refused unread, or not read', () => {
    const { world, r, y } = town(2, asTold)
    r.call({ body: 'never', timeoutMs: 29_000 })
    world.run(100)
    const floor = y.core.marks.size
    assert.equal(floor, 1, 'the oldest call holds the floor')
    const call = r.call({ body: '10', timeoutMs: 3_000 })
    const way = wayOf(r)!
    world.hold(r, way, 'up')
    world.run(1_500)
    assert.equal(call.reply, 're:10', 'sent again by the other broker')
    assert.notEqual(wayOf(r), way)
    world.run(4_600)
    world.heal(r, way)
    world.run(500)
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    assert.equal(y.core.state.counters.received, 2, 'the stuck copy never reached Y')
  })

  test('a mark lives to its deadline, 15 s and 5 % while the floor is held, and no longer', () => {
    const { world, r, y } = town(1, asTold)
    r.call({ body: 'never', timeoutMs: 30_000 })
    world.run(10)
    const calls = Array.from({ length: 200 }, () => r.call({ body: '1', timeoutMs: 1_000 }))
    world.run(1_000 + 15_000)
    for (const call of calls) assert.equal(call.end, 'reply')
    assert.equal(y.core.marks.size, 201)
    world.run(50 + 2_000)
    assert.equal(y.core.marks.size, 1, 'M12: a long call in front does not keep what is behind it')
  })

  test('long calls have a floor of their own', () => {
    const { world, r, y } = town(1, asTold)
    r.call({ body: 'never', timeoutMs: 600_000 })
    world.run(10)
    for (let i = 0; i < 50; i++) {
      r.call({ body: '1' })
      world.run(5)
    }
    assert.ok(y.core.marks.size <= 3, `${y.core.marks.size} marks`)
  })

  test('after two idle minutes nothing bounds the age of a batch: a send more per link, and no failure', () => {
    const { world, r, b1 } = town(1)
    r.call()
    world.run(120_000)
    const first = r.call({ body: 'first' })
    world.run(50)
    assert.equal(first.reply, 're:first')
    assert.ok([2, 3].includes(first.future?.attempt ?? 0), 'sent once more for each stale link')
    assert.equal(b1.view().counters.staleBatches, 1)
    const next = r.call({ body: 'next' })
    world.run(50)
    assert.deepEqual([next.reply, next.future?.attempt], ['re:next', 1])
    world.assertQuiet()
  })
})

test('expired in the queue or in the lane: the handler never starts', () => {
  const { world, r, y } = town(1, replies(400), { concurrency: 1, prefetch: 1 })
  r.call({ body: 'running', timeoutMs: 2_000 })
  world.run(10)
  const inLane = r.call({ body: 'lane', timeoutMs: 100 })
  const inQueue = r.call({ body: 'queue', timeoutMs: 100 })
  world.run(1_000)
  for (const call of [inLane, inQueue]) {
    assert.ok(['deadline_exceeded', 'expired'].includes(call.error?.code ?? ''), call.end)
    assert.ok(call.tookMs <= 110)
    assert.equal(world.ledger.of(r.idOf(call)).length, 0)
  }
  assert.ok(y.core.state.counters.expired >= 1)
  world.assertQuiet()
})

test('a requester that was stopped sends nothing whose time has run out', () => {
  const { world, r, y } = town(1, replies(100), { concurrency: 1 })
  r.callMany(5, { timeoutMs: 800 })
  world.run(20)
  world.cut(r)
  world.freeze(r, 1_500)
  world.run(2_000)
  for (const call of r.calls) assert.equal(call.settlements.length, 1)
  for (const mark of y.core.marks.all()) assert.ok(mark.deadline < world.now, 'no mark of days')
  world.assertQuiet()
})

describe('H7: a broker that was stopped', () => {
  test('hands back what it had not forwarded, and the calls go on', () => {
    const world = new World()
    const b1 = world.broker('b1')
    const y = world.client('Y', { silenceMs: 10_000 })
    y.answer(replies(600), { concurrency: 1, prefetch: 0 })
    const r = world.client('R', { silenceMs: 10_000 })
    world.run(SETTLE_MS)
    const calls = r.callMany(5, { body: 'c', timeoutMs: 20_000 })
    world.run(100)
    assert.equal(b1.view().topics[0]?.queues[0]?.waiting, 4)
    world.freeze(b1, 2_500)
    world.run(2_600)
    assert.equal(b1.view().counters.handedBack, 4)
    assert.equal(b1.advised('stalled').length, 1)
    world.run(9_000)
    for (const call of calls) {
      assert.equal(call.reply, `re:${call.body}`)
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    }
    world.assertQuiet()
  })

  test('does not over-age what was sent to it just before it went on', () => {
    const world = new World()
    const b1 = world.broker('b1')
    world.client('Y', { silenceMs: 10_000 }).answer(replies(5))
    const r = world.client('R', { silenceMs: 10_000 })
    world.run(SETTLE_MS)
    r.call()
    world.run(20)
    world.freeze(b1, 2_000)
    world.run(1_990)
    const call = r.call({ body: 'fresh', timeoutMs: 500 })
    world.run(400)
    assert.equal(call.reply, 're:fresh')
    world.assertQuiet()
  })
})

test('H11: a responder starts nothing that came by a link it has since lost', () => {
  const { world, r, y } = town(1, replies(500), { concurrency: 1, prefetch: 8 })
  const running = r.call({ body: 'a', timeoutMs: 15_000 })
  world.run(5)
  const backlog = r.callMany(4, { timeoutMs: 15_000 })
  world.run(20)
  assert.equal([...y.core.registrations.all][0]?.waiting, 4)
  world.part(y)
  world.run(4_000)
  assert.equal(world.ledger.total, 1, 'the lane came to them and started none')
  for (const call of [running, ...backlog]) {
    assert.equal(call.end, 'responder_lost unknown')
    const { mayStartForMs } = call.error!.details
    assert.ok(mayStartForMs! > 0 && mayStartForMs! <= 25_000, `${mayStartForMs}`)
  }
  world.assertQuiet()
})

test('a delivery in a batch too old for its responder is refused by it, and sent again', () => {
  const { world, r, y, b1 } = town(2, neverReplies)
  world.run(100)
  world.hold(y, 'b1', 'down')
  const call = r.call({ timeoutMs: 20_000 })
  world.run(900)
  assert.equal(wayOf(r), 'b1')
  world.heal(y, 'b1')
  world.run(100)
  assert.equal(world.ledger.of(r.idOf(call)).length, 1, 'younger than a second: it runs')
  assert.equal(b1.view().deliveries, 1)
  r.cancel(call)
  world.run(50)
})
