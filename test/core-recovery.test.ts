/** Lost links and brokers: found in time, survived without a second execution, and given back whole. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { SETTLE_MS, town, wayOf } from './virtual/town.ts'

const queueOf = (broker: BrokerNode) => broker.view().topics[0]?.queues[0]

/** Tells of itself in time: two pings' worth after the silence limit. */
const FOUND_MS = 1_000 + 250 + 100

describe('H1: the retry budget does not stand in the way of failover', () => {
  test('a broker dies with 1,000 calls in flight: every one is answered, each ran once', () => {
    const { world, r } = town(2, replies(40), { concurrency: 2_000, prefetch: 2_000 })
    const calls = r.callMany(1_000, { body: 'c', timeoutMs: 5_000 })
    world.run(15)
    assert.ok(calls.every(({ future }) => future?.current?.link.url === 'b1'))
    world.kill(world.brokers.get('b1')!)
    world.run(2_000)
    for (const call of calls) {
      assert.equal(call.reply, `re:${call.body}`)
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    }
    assert.ok(r.core.state.counters.recoveries >= 64, 'sent again, paced; Y answered by topic too')
    assert.equal(r.core.state.counters.retries, 0, 'no token was asked for')
    world.assertQuiet()
  })

  test('calls of large bodies recover as quickly: 200 of 40 KiB in half a second', () => {
    const { world, r } = town(1, replies(60), { concurrency: 500, prefetch: 500 })
    const calls = r.callMany(200, { body: 'x'.repeat(40_000), timeoutMs: 5_000 })
    world.run(15)
    world.cut(r)
    world.run(700)
    const open = calls.filter(({ isSettled }) => !isSettled)
    assert.equal(open.length, 0, `${open.length} calls still wait for their turn to be sent again`)
    world.assertQuiet()
  })
})

describe('H3: a link is alive only in the direction that is acknowledged', () => {
  for (const way of ['up', 'down', 'both'] as const) {
    test(`requester and broker, nothing goes ${way}: found, and answered by the other broker`, () => {
      const { world, r } = town(2, replies(20))
      r.call({ body: 'first' })
      world.run(100)
      world.hold(r, 'b1', way)
      const calls = r.callMany(10, { body: 'c', timeoutMs: 5_000 })
      world.run(FOUND_MS + 100)
      for (const call of calls) {
        assert.equal(call.reply, `re:${call.body}`)
        assert.equal(world.ledger.of(r.idOf(call)).length, 1)
      }
      world.assertQuiet()
    })

    test(`nothing goes ${way} after the request was acknowledged: the wait finds it all the same`, () => {
      const { world, r } = town(2, replies(300))
      const call = r.call({ body: '7', timeoutMs: 5_000 })
      world.run(100)
      assert.equal(wayOf(r), 'b1')
      world.hold(r, 'b1', way)
      world.run(300 + FOUND_MS)
      assert.equal(call.reply, 're:7')
      assert.ok(call.tookMs < 100 + FOUND_MS + 50, `${call.tookMs} ms`)
      world.assertQuiet()
    })

    test(`broker and responder, nothing goes ${way} while it works: found, and asked elsewhere`, () => {
      const { world, r, y } = town(2, replies(300))
      const call = r.call({ body: '7', timeoutMs: 5_000 })
      world.run(100)
      assert.equal(wayOf(r), 'b1')
      world.hold(y, 'b1', way)
      world.run(300 + FOUND_MS)
      assert.equal(call.reply, 're:7')
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
      world.assertQuiet()
    })
  }

  test('calls shorter than the heartbeat through a frozen broker: after a second they go round it', () => {
    const { world, r, b1 } = town(2, replies(5))
    r.call()
    world.run(100)
    world.freeze(b1, 3_000)
    const ends: string[] = []
    for (let i = 0; i < 30; i++) {
      const call = r.call({ body: `${i}`, timeoutMs: 200 })
      world.run(90)
      if (i > 13) world.run(10)
      ends.push(call.end)
    }
    assert.deepEqual(
      ends.slice(-14),
      Array.from({ length: 14 }, () => 'reply'),
    )
    world.assertQuiet()
  })
})

describe('H5: a lost responder link is news about one link', () => {
  test('the link is away for two seconds: the reply comes through the other broker', () => {
    const { world, r, y, b1 } = town(2, replies(800))
    const call = r.call({ body: '7', timeoutMs: 5_000 })
    world.run(10)
    assert.equal(wayOf(r), 'b1')
    world.part(y, 'b1')
    world.run(1_000)
    assert.equal(call.reply, 're:7')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    world.heal(y, 'b1')
    world.run(6_000)
    assert.deepEqual(queueOf(b1)?.unanswered, 0)
    assert.equal(queueOf(b1)?.state, 'writable')
    world.assertQuiet()
  })

  test('a reply lost in the dying link is sent again by another way', () => {
    const { world, r, y } = town(1, replies(100))
    const call = r.call({ body: '7' })
    world.run(50)
    world.hold(y, 'b1', 'up')
    world.run(100)
    world.cut(y)
    world.heal(y)
    world.run(300)
    assert.equal(call.reply, 're:7')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    world.assertQuiet()
  })

  test('reset again and again under load: credit and depth come back exactly', () => {
    const { world, r, y, b1 } = town(1, replies(30), { concurrency: 4, prefetch: 4 })
    const calls = r.callMany(60, { body: 'c', timeoutMs: 20_000 })
    for (let i = 0; i < 8; i++) {
      world.run(60)
      world.cut(y)
    }
    world.run(2_000)
    for (const call of calls) {
      assert.equal(call.reply, `re:${call.body}`)
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    }
    assert.deepEqual([queueOf(b1)?.unanswered, queueOf(b1)?.waiting], [0, 0])
    world.assertQuiet()
  })

  test('lost twice for less than 100 ms: the second absence is counted from its own beginning', () => {
    const { world, r, y } = town(1, replies(1_500))
    const call = r.call({ body: '7', timeoutMs: 5_000 })
    world.run(10)
    for (let i = 0; i < 2; i++) {
      world.cut(y)
      world.run(400)
      assert.equal(call.end, 'open', `after loss ${i + 1}`)
    }
    world.run(2_000)
    assert.equal(call.reply, 're:7')
    world.assertQuiet()
  })
})

test('M2: back on a second link while the first is half-open: nothing is counted twice', () => {
  const { world, r, y, b1 } = town(1, replies(500), { concurrency: 3, prefetch: 0 })
  const calls = r.callMany(3, { body: 'c' })
  world.run(20)
  world.cut(y, 'b1', 'client')
  world.run(250)
  assert.equal(b1.view().links, 2, 'the older link was ended by the newer')
  assert.equal(queueOf(b1)?.unanswered, 3, 'exactly what Y has listed')
  world.run(500)
  for (const call of calls) {
    assert.equal(call.reply, `re:${call.body}`)
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
  }
  assert.equal(b1.view().counters.lost, 0, 'its end was not a loss')
  world.assertQuiet()
})

describe('M3: the session outlives a short loss of the link', () => {
  test('a reply that comes meanwhile is kept and goes out on the return', () => {
    const { world, r, b1 } = town(1, replies(50))
    const call = r.call({ body: '7' })
    world.run(20)
    world.part(r)
    world.run(300)
    assert.equal(b1.view().counters.repliesHeld, 1)
    world.heal(r)
    world.run(400)
    assert.equal(call.reply, 're:7')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    world.assertQuiet()
  })

  test('kept replies are bounded, and what was dropped is asked for again', () => {
    const big = 'x'.repeat(100_000)
    const { world, r, b1 } = town(1, (execution) => execution.reply(50, big))
    const calls = r.callMany(20, { timeoutMs: 8_000 })
    world.run(20)
    world.part(r)
    world.run(300)
    const { repliesHeld, repliesDropped } = b1.view().counters
    assert.deepEqual([repliesHeld, repliesDropped], [10, 10], '1 MiB of them is kept')
    world.heal(r)
    world.run(1_500)
    for (const call of calls) assert.equal(call.reply, big)
    assert.equal(world.ledger.total, 20)
    world.assertQuiet()
  })

  test('an owner that blips does not lose its queue, one that stays away does', () => {
    const { world, r, y, b1 } = town(1)
    const before = queueOf(b1)
    world.cut(y)
    world.run(140)
    assert.equal(queueOf(b1)?.queue, before?.queue)
    assert.ok((queueOf(b1)?.epoch ?? 0) > (before?.epoch ?? 0), 'what was sent before is fenced')
    world.part(y)
    world.run(200)
    assert.deepEqual(b1.view().topics[0]?.queues ?? [], [])
    const call = r.call()
    world.run(50)
    assert.equal(call.end, 'no_responder not_executed')
    world.assertQuiet()
  })

  test('a registration that ended while its link was away is not kept by the broker', () => {
    const { world, r, y, b1 } = town(1)
    r.call()
    world.run(50)
    const registration = [...y.core.registrations.all][0]!
    world.cut(y)
    y.unanswer(registration)
    world.run(1_500)
    assert.equal(y.links[0]?.isUp, true)
    assert.deepEqual(b1.view().topics[0]?.queues, [])
    const call = r.call()
    world.run(50)
    assert.equal(call.end, 'no_responder not_executed')
    world.assertQuiet()
  })
})

describe('M13, M14: kept replies', () => {
  test('past their bound those a broker has go first; who asks then hears reply_lost, executed', () => {
    const body = 'x'.repeat(1_000_000)
    const world = new World()
    world.broker()
    const y = world.client('Y')
    y.answer((execution) => execution.reply(5, execution.body === 'first' ? body : body))
    const r = world.client('R')
    const s = world.client('S')
    world.run(SETTLE_MS)
    r.call({ body: 'warm' })
    world.run(50)
    world.hold(r, 'b1', 'down')
    const call = r.call({ body: 'first', timeoutMs: 8_000 })
    world.run(50)
    s.callMany(80, { timeoutMs: 8_000 })
    world.run(300)
    assert.ok(y.core.marks.keptBytes <= 64 * 1_048_576, `${y.core.marks.keptBytes} bytes`)
    assert.ok(y.core.state.counters.repliesForgotten > 0)
    world.cut(r)
    world.heal(r)
    world.run(1_000)
    const settled = call.settlements[0]
    assert.deepEqual(settled?.kind === 'reply' ? settled.replyKind : call.end, 3, 'reply_lost')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    world.assertQuiet()
  })
})
