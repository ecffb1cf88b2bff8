/** Depth, credit and lanes: exact numbers, nothing queued for nothing, and room that comes back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { neverReplies, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { keyFor, SETTLE_MS, town } from './virtual/town.ts'

const queueOf = (broker: BrokerNode) => broker.view().topics[0]?.queues[0]

describe('exact depth', () => {
  /** A world in which each call ends when the test says so. */
  const gated = (maxDepth: number) => {
    const world = new World()
    const b1 = world.broker('b1', { maxDepth })
    const gates: (() => void)[] = []
    const y = world.client('Y')
    y.answer((execution) => gates.push(() => execution.reply(0, `re:${execution.body}`)), {
      concurrency: 100,
      prefetch: 0,
    })
    const r = world.client('R')
    world.run(SETTLE_MS)
    const first = r.call({ body: 'warm' })
    world.run(10)
    gates.shift()!()
    world.run(10)
    assert.equal(first.reply, 're:warm')
    return { world, b1, r, gates }
  }

  test('limit 500: of 2,000 calls exactly 500 are taken, and open again under 70 %', () => {
    const { world, b1, r, gates } = gated(500)
    const calls = r.callMany(2_000, { timeoutMs: 20_000 })
    world.run(50)
    const refused = calls.filter(({ error }) => error !== undefined)
    assert.equal(refused.length, 1_500)
    for (const { end, error } of refused) {
      assert.equal(end, 'overloaded not_executed')
      assert.ok((error?.retryAfterMs ?? 0) > 0)
    }
    assert.deepEqual(
      [refused[0]?.error?.details.limit, refused[0]?.error?.details.current],
      [500, 500],
    )
    const queue = queueOf(b1)
    assert.deepEqual([queue?.waiting, queue?.unanswered, queue?.state], [400, 100, 'full'])
    const answer = (count: number): void => {
      for (let i = 0; i < count; i++) {
        gates.shift()!()
        world.run(10)
      }
    }
    answer(150)
    assert.equal(r.call().end, 'overloaded not_executed', 'at 350, which is 70 %, still closed')
    answer(1)
    world.run(50)
    const late = r.call({ body: 'late', timeoutMs: 20_000 })
    world.run(10)
    assert.equal(late.end, 'open')
    assert.equal(queueOf(b1)?.state, 'writable')
    assert.deepEqual(b1.advised('queue_full').length, 1)
    while (gates.length > 0) answer(1)
    for (const call of calls)
      if (call.error === undefined) assert.equal(call.reply, `re:${call.body}`)
    assert.equal(late.reply, 're:late')
    world.assertQuiet()
  })

  test('a full queue that is emptied by deadlines and cancels opens as well', () => {
    const { world, b1, r, gates } = gated(200)
    const calls = r.callMany(300, { timeoutMs: 700 })
    world.run(20)
    assert.equal(queueOf(b1)?.state, 'full')
    for (const call of calls.slice(100, 150)) r.cancel(call)
    world.run(50)
    assert.equal(queueOf(b1)?.waiting, 50)
    world.run(1_000)
    assert.equal(queueOf(b1)?.waiting, 0)
    assert.equal(queueOf(b1)?.state, 'writable')
    for (const gate of gates) gate()
    world.run(100)
    assert.equal(queueOf(b1)?.unanswered, 0)
    world.assertQuiet()
  })

  test('what cannot be served in its time at the measured rate is refused at once', () => {
    const { world, r } = town(1, replies(50), { concurrency: 1, prefetch: 0 })
    r.callMany(60, { timeoutMs: 20_000 })
    world.run(1_500)
    const hasty = r.call({ timeoutMs: 300 })
    const patient = r.call({ timeoutMs: 10_000, body: 'p' })
    world.run(10)
    assert.equal(hasty.end, 'overloaded not_executed')
    assert.ok(hasty.tookMs <= 5)
    assert.equal(patient.end, 'open')
    world.run(3_000)
    assert.equal(patient.reply, 're:p')
    world.assertQuiet()
  })
})

describe('what waits when its time is over', () => {
  for (const [where, prefetch] of Object.entries({ 'at the broker': 0, 'at the responder': 5 })) {
    test(`${where}: was not executed, and its caller is told so in time`, () => {
      const { world, r } = town(1, replies(1_000), { concurrency: 1, prefetch })
      const [begun, ...waiting] = r.callMany(6, { body: 'c', timeoutMs: 300 })
      world.run(400)
      assert.equal(begun!.end, 'deadline_exceeded unknown')
      for (const call of waiting) {
        assert.equal(call.end, 'expired not_executed')
        assert.deepEqual(world.ledger.of(r.idOf(call)), [])
      }
      world.assertQuiet()
    })
  }
})

describe('H8: concurrency belongs to the registration', () => {
  test('a handler that must not overlap does not, with two brokers that both give it work', () => {
    const { world, r, y, b1, b2 } = town(2, replies(20), { concurrency: 1, prefetch: 0 })
    const other = world.client('S', { brokers: ['b2'] })
    world.run(SETTLE_MS)
    const calls = [
      ...r.callMany(20, { timeoutMs: 9_000 }),
      ...other.callMany(20, { timeoutMs: 9_000 }),
    ]
    world.run(10)
    assert.deepEqual([queueOf(b1)?.window, queueOf(b2)?.window], [1, 1], 'at least one each')
    world.run(2_000)
    for (const call of calls) assert.equal(call.reply, `re:${call.body}`)
    const registration = [...y.core.registrations.all][0]!
    assert.equal(y.laneOf(registration).most, 1)
    world.assertQuiet()
  })

  test('the credit is shared among the brokers, not multiplied', () => {
    const { b1, b2 } = town(2, replies(1), { concurrency: 8, prefetch: 8 })
    assert.deepEqual([queueOf(b1)?.window, queueOf(b2)?.window], [8, 8])
  })
})

describe('M11: nested calls', () => {
  test('a tenth of the in-flight limit is theirs alone', () => {
    const world = new World()
    world.broker()
    world.client('Y').answer(neverReplies)
    const r = world.client('R', { maxInFlight: 20 })
    world.run(SETTLE_MS)
    const roots = r.callMany(20, { timeoutMs: 500 })
    assert.deepEqual(
      roots.map(({ isSettled }) => isSettled),
      [...Array.from({ length: 18 }, () => false), true, true],
    )
    assert.equal(roots[19]?.end, 'too_many_inflight not_executed')
    assert.deepEqual([roots[19]?.error?.details.limit, roots[19]?.error?.details.current], [18, 18])
    const nested = [1, 2, 3].map(() => r.call({ nested: true, timeoutMs: 500 }))
    assert.deepEqual(
      nested.map(({ isSettled }) => isSettled),
      [false, false, true],
    )
    world.run(1_000)
    assert.equal(r.core.requester.inFlight, 0)
  })

  test('a call that comes back to a topic on its path gets free credit or an answer, no queue', () => {
    const world = new World()
    world.broker()
    const y = world.client('Y')
    y.answer(
      (execution) => {
        if (execution.body !== 'outer') execution.reply(1, `re:${execution.body}`)
        else
          execution.call({ body: 'inner', loop: true }, (inner) =>
            execution.reply(0, `outer of ${inner.end}`),
          )
      },
      { concurrency: 2, prefetch: 4 },
    )
    const r = world.client('R')
    world.run(SETTLE_MS)
    const alone = r.call({ body: 'outer' })
    world.run(50)
    assert.equal(alone.reply, 'outer of reply', 'a free lane: it runs')
    const pair = [r.call({ body: 'outer' }), r.call({ body: 'outer' })]
    world.run(50)
    for (const call of pair) assert.equal(call.reply, 'outer of overloaded not_executed')
    assert.ok(
      pair.every(({ tookMs }) => tookMs < 40),
      'no deadlock to the deadline',
    )
    world.assertQuiet()
  })
})

describe('cancel', () => {
  test('takes copies out of the queue, and depth and memory with them', () => {
    const { world, r, b1 } = town(1, replies(200), { concurrency: 1, prefetch: 0 })
    const calls = r.callMany(10, { timeoutMs: 9_000 })
    world.run(10)
    assert.equal(queueOf(b1)?.waiting, 9)
    for (const call of calls.slice(1)) r.cancel(call)
    world.run(10)
    assert.deepEqual([queueOf(b1)?.waiting, b1.view().waitingBytes], [0, 0])
    world.run(3_000)
    assert.equal(world.ledger.total, 1)
    for (const call of calls.slice(1)) assert.equal(call.end, 'cancelled unknown')
    world.assertQuiet()
  })

  test('reaches what waits in the lane, and the signal of what runs', () => {
    const { world, r, y } = town(1, replies(300), { concurrency: 1, prefetch: 8 })
    const [running, waiting] = [r.call({ body: 'a' }), r.call({ body: 'b' })]
    world.run(10)
    r.cancel(running)
    r.cancel(waiting)
    world.run(20)
    assert.deepEqual(y.aborts, [{ call: r.idOf(running), why: 'cancelled' }])
    world.run(1_000)
    assert.equal(world.ledger.of(r.idOf(waiting)).length, 0)
    world.assertQuiet()
  })

  test('at the deadline the signal of what runs aborts', () => {
    const { world, r, y } = town(1, replies(400))
    const call = r.call({ timeoutMs: 100 })
    world.run(150)
    assert.equal(call.end, 'deadline_exceeded unknown')
    assert.deepEqual(y.aborts, [{ call: r.idOf(call), why: 'deadline' }])
    world.run(500)
    assert.equal(r.advised('late_reply').length, 1)
    assert.equal(y.advised('overrun').length, 1)
    world.assertQuiet()
  })
})

describe('draining', () => {
  test('what has not started goes to another instance, what runs is finished there', () => {
    const { world, r, y } = town(1, replies(300), { concurrency: 2, prefetch: 8 })
    r.call({ body: 'warm' })
    world.run(400)
    const calls = r.callMany(8, { body: 'c', timeoutMs: 9_000 })
    world.run(10)
    const z = world.client('Z')
    z.answer(replies(1))
    world.run(SETTLE_MS)
    y.unanswer([...y.core.registrations.all][0]!)
    world.run(500)
    for (const call of calls) {
      assert.equal(call.reply, `re:${call.body}`)
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    }
    assert.equal(
      calls.filter((c) => world.ledger.of(r.idOf(c))[0]?.instance === z.instance).length,
      6,
    )
    assert.equal(y.ended, 1)
    world.assertQuiet()
  })

  test('a call that is handed back again and again is moved eight times and no more', () => {
    const { world, r, y } = town(1, neverReplies, { concurrency: 1, prefetch: 8 })
    const blocker = r.call({ timeoutMs: 20_000 })
    world.run(10)
    const call = r.call({ timeoutMs: 15_000, body: 'wanderer' })
    const registration = [...y.core.registrations.all][0]!
    let times = 0
    for (; times < 20 && !call.isSettled; times++) {
      world.run(10)
      y.step((now) => y.core.responder.handBack(now, registration))
    }
    world.run(10)
    assert.equal(call.end, 'draining not_executed')
    assert.equal(call.error?.details.attempts, 9)
    assert.equal(r.core.state.counters.moves, 8)
    r.cancel(blocker)
    world.run(100)
  })
})

describe('settled exactly once', () => {
  test('reply, deadline and abort in the same instant', () => {
    for (let handlerMs = 90; handlerMs <= 110; handlerMs++) {
      const { world, r } = town(1, replies(handlerMs))
      const calls = r.callMany(3, { timeoutMs: 100 })
      world.after(100, () => r.cancel(calls[0]!))
      world.after(101, () => r.cancel(calls[1]!))
      world.run(500)
      for (const call of calls) assert.equal(call.settlements.length, 1)
      world.assertQuiet()
    }
  })

  test('an idempotent call that two instances answer takes the first reply', () => {
    const { world, r, y } = town(1, replies(400))
    const z = world.client('Z')
    z.answer(replies(300))
    world.run(SETTLE_MS)
    const call = r.call({ idempotent: true, key: keyFor(y, z), body: '7' })
    world.run(20)
    world.cut(y)
    world.run(1_000)
    assert.equal(call.reply, 're:7')
    assert.equal(call.settlements.length, 1)
    assert.equal(world.ledger.of(r.idOf(call)).length, 2)
    world.assertQuiet()
  })
})
