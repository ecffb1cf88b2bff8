/** What a refusal speaks for: one attempt, never the call; and where a call may go after it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RetryBudget } from '../rr-client/core/retry-budget.ts'
import { neverReplies, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { keyFor, SETTLE_MS, town, wayOf } from './virtual/town.ts'

describe('C1: a refusal frees its attempt, not the call', () => {
  test('refused by the second broker while the first attempt runs: nobody else gets it', () => {
    const { world, r, y } = town(2, replies(3_000))
    const z = world.client('Z')
    z.answer(replies(1))
    world.run(SETTLE_MS)
    const call = r.call({ body: '7', timeoutMs: 5_000, key: keyFor(y, z) })
    world.run(10)
    assert.equal(wayOf(r), 'b1')
    assert.equal(world.ledger.of(r.idOf(call))[0]?.instance, y.instance)
    world.part(y, 'b2')
    world.cut(r, 'b1')
    world.run(4_000)
    assert.ok(r.core.state.counters.recoveries >= 1)
    assert.equal(call.reply, 're:7')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    assert.equal(y.core.state.counters.duplicates >= 1, true, 'the copy joined what ran')
    world.assertQuiet()
  })

  test('idempotent, run half way and then expired at another: not told as not_executed', () => {
    const { world, r, y } = town(1, replies(2_000))
    const z = world.client('Z')
    const lane = z.answer(neverReplies, { concurrency: 1 })
    world.run(SETTLE_MS)
    const blocker = r.call({ key: keyFor(z, y), timeoutMs: 9_000 })
    world.run(10)
    assert.equal(z.laneOf(lane).running, 1)
    const call = r.call({ key: keyFor(y, z), idempotent: true, timeoutMs: 500 })
    world.run(10)
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    world.kill(y)
    world.run(1_000)
    assert.equal(call.error?.outcome, 'unknown', call.end)
    assert.equal(world.ledger.of(r.idOf(call)).length, 1, 'at Z it waited and never began')
    r.cancel(blocker)
    world.run(100)
  })

  test('handed back late by the first broker: the attempt that runs goes on', () => {
    const { world, r, y, b1 } = town(2, replies(600), { concurrency: 1, prefetch: 0 })
    const z = world.client('Z')
    z.answer(replies(1))
    world.run(SETTLE_MS)
    const key = keyFor(y, z)
    const first = r.call({ key, body: 'first' })
    const call = r.call({ key, body: '7' })
    world.run(10)
    assert.equal(wayOf(r), 'b1')
    assert.equal(b1.view().topics[0]?.queues.find((q) => q.owner === y.instance)?.waiting, 1)
    world.cut(r, 'b1')
    world.run(250)
    world.part(y, 'b1')
    world.run(300)
    assert.ok(b1.view().counters.handedBack! >= 1, 'b1 gave attempt 1 back')
    world.run(2_500)
    for (const it of [first, call]) {
      assert.equal(it.reply, `re:${it.body}`)
      assert.equal(world.ledger.of(r.idOf(it)).length, 1)
      assert.equal(world.ledger.of(r.idOf(it))[0]?.instance, y.instance)
    }
    world.assertQuiet()
  })
})

test('C2: returned unstarted leaves a mark, so that a late copy cannot run', () => {
  const { world, r, y } = town(2, replies(2_500), { concurrency: 1 })
  const registration = [...y.core.registrations.all][0]!
  const z = world.client('Z')
  z.answer(replies(1))
  const other = world.client('S')
  world.run(SETTLE_MS)
  const blocker = other.call({ key: keyFor(y, z), timeoutMs: 4_000 })
  world.run(10)
  world.hold(y, 'b1', 'down')
  const calls = r.callMany(40, { timeoutMs: 20_000, body: 'c' })
  world.run(10)
  const stuck = calls.filter(({ future, isSettled }) => {
    const current = future?.current
    return !isSettled && current?.instance === y.instance && current.link.url === 'b1'
  })
  assert.ok(stuck.length >= 3, 'copies that are stuck between b1 and Y')
  world.cut(r, 'b1')
  world.run(50)
  assert.ok(registration.waiting >= stuck.length, 'second copies came by b2 and wait in the lane')
  y.step((now) => y.core.responder.handBack(now, registration))
  world.run(50)
  const atZ = stuck.filter(
    (call) => world.ledger.of(r.idOf(call))[0]?.instance === z.instance && call.isSettled,
  )
  assert.ok(atZ.length >= 1, 'some of them went to Z and were answered')
  world.heal(y, 'b1')
  world.run(4_000)
  assert.equal(blocker.end, 'reply')
  for (const call of atZ) assert.equal(world.ledger.of(r.idOf(call)).length, 1, 'met a mark')
})

test('H6: a pinned copy needs no queue, credit or watermark at the other broker', () => {
  const { world, r, y, b2 } = town(2, replies(700), { concurrency: 2, prefetch: 0 })
  const other = world.client('S', { brokers: ['b2'] })
  world.run(SETTLE_MS)
  const call = r.call({ body: '7' })
  world.run(5)
  assert.equal(wayOf(r), 'b1')
  const rival = other.call({ body: 'rival' })
  world.run(5)
  const queue = b2.view().topics[0]?.queues[0]
  assert.equal(queue?.unanswered, queue?.window, 'b2 has no credit left at Y')
  world.part(r, 'b1')
  world.run(1_000)
  assert.equal(call.reply, 're:7')
  assert.equal(rival.reply, 're:rival')
  assert.equal(world.ledger.of(r.idOf(call)).length, 1)
  assert.equal(y.core.state.counters.duplicates, 1)
  world.assertQuiet()
})

test('M6: an idempotent call that cost two responders their link goes to no third', () => {
  const world = new World()
  world.broker()
  const poisoned = ['X', 'Y', 'Z'].map((name) => world.client(name))
  for (const node of poisoned) node.answer(() => world.after(0, () => world.kill(node)))
  const r = world.client('R')
  world.run(SETTLE_MS)
  const call = r.call({ idempotent: true })
  world.run(4_000)
  assert.equal(call.end, 'responder_lost unknown')
  assert.equal(world.ledger.of(r.idOf(call)).length, 2)
  assert.equal(poisoned.filter(({ isAlive }) => isAlive).length, 1)
  world.assertQuiet()
})

test('an idempotent call whose responder dies is answered by another one at once', () => {
  const { world, r, y } = town(1, replies(1_000))
  const z = world.client('Z')
  z.answer(replies(1))
  world.run(SETTLE_MS)
  const call = r.call({ idempotent: true, key: keyFor(y, z), body: '7' })
  world.run(10)
  world.kill(y)
  world.run(20)
  assert.equal(call.reply, 're:7')
  assert.deepEqual(
    world.ledger.of(r.idOf(call)).map(({ instance }) => instance),
    [y.instance, z.instance],
  )
  world.assertQuiet()
})

test('a responder that dies is told in about 150 ms, with what may still happen', () => {
  const { world, r, y } = town(1, replies(1_000))
  const call = r.call()
  world.run(10)
  world.kill(y)
  world.run(400)
  assert.equal(call.end, 'responder_lost unknown')
  assert.ok(call.tookMs < 250, `${call.tookMs} ms`)
  assert.equal(typeof call.error?.details.mayStartForMs, 'number')
  world.assertQuiet()
})

describe('where a refused call may go', () => {
  test('overload is tried on at most two other queues, and then said', () => {
    const world = new World()
    world.broker('b1', { maxDepth: 1 })
    const all = ['V', 'W', 'X', 'Y', 'Z'].map((name) => world.client(name))
    for (const node of all) node.answer(neverReplies, { concurrency: 1, prefetch: 0 })
    const [s, r] = [world.client('S'), world.client('R')]
    world.run(SETTLE_MS)
    for (const node of all) {
      const others = all.filter((other) => other !== node)
      s.call({ key: keyFor(node, ...others), timeoutMs: 900 })
    }
    // R has not heard yet that the five queues are full.
    const call = r.call({ timeoutMs: 900 })
    world.run(100)
    assert.equal(call.end, 'overloaded not_executed')
    assert.ok(call.tookMs < 20)
    assert.ok((call.error?.details.attempts ?? 9) <= 3, `${call.error?.details.attempts} attempts`)
    assert.equal(world.ledger.of(r.idOf(call)).length, 0)
  })

  test('a queue that refused is not asked again by the same call', () => {
    const { world, r } = town(1, replies(100), { concurrency: 1, prefetch: 0 })
    r.callMany(60, { timeoutMs: 20_000 })
    world.run(2_500)
    const call = r.call({ timeoutMs: 300 })
    world.run(20)
    assert.equal(call.end, 'overloaded not_executed', 'too slow to be served in time, said at once')
    assert.equal(call.error?.details.attempts, 1)
    assert.ok((call.error?.retryAfterMs ?? 0) > 0)
    world.assertQuiet()
  })

  test('the retry budget: ten tokens, a tenth back for a success, one a second by itself', () => {
    const budget = new RetryBudget()
    const taken = Array.from({ length: 12 }, () => budget.take(50_000))
    assert.deepEqual(taken, [...Array.from({ length: 10 }, () => true), false, false])
    assert.equal(budget.take(50_999), false)
    assert.equal(budget.take(51_001), true)
    for (let i = 0; i < 11; i++) budget.succeed()
    assert.equal(budget.take(51_001), true)
  })
})
