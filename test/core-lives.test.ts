/** Lives: of brokers, whose handles mean nothing to the next one, and of instances, never reused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setU16, setU32, setU64 } from '../bus/bytes.ts'
import { Frame, putHead, Reason, Refusal, Request } from '../bus/frame.ts'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { neverReplies, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { RawPeer } from './virtual/raw-peer.ts'
import { SETTLE_MS, town } from './virtual/town.ts'

interface Address {
  life: number
  queue: number
  epoch: number
  target: number
}

const requestTo = ({ life, queue, epoch, target }: Address): Buffer => {
  const frame = Buffer.alloc(Request.head)
  putHead(frame, 0, frame.length, Frame.request, 0)
  setU16(frame, Request.attempt, 1)
  setU32(frame, Request.queue, queue)
  setU32(frame, Request.target, target)
  setU32(frame, Request.remainingMs, 1_000)
  setU64(frame, Request.life, life)
  setU64(frame, Request.epoch, epoch)
  setU64(frame, Request.counter, 1)
  return frame
}

const ownerHandle = (broker: BrokerNode, instance: string): number => {
  for (const { session } of broker.core.links)
    if (session?.instance === instance) return session.handle
  throw new Error(`${instance} has no link to ${broker.name}`)
}

describe('C4: a handle and an epoch mean something within one broker life only', () => {
  test('a request is refused as stale for each part of the address that is another', () => {
    const { world, b1, y } = town(1)
    const queue = b1.view().topics[0]?.queues[0]
    assert.ok(queue !== undefined)
    const target = ownerHandle(b1, y.instance)
    const right = { life: b1.life, queue: queue.queue, epoch: queue.epoch, target }
    const wrong = [
      { ...right, life: b1.life - 1 },
      { ...right, queue: right.queue + 1 },
      { ...right, epoch: right.epoch + 1 },
      { ...right, target: target + 1 },
    ]
    for (const [i, address] of wrong.entries()) {
      const peer = new RawPeer(world)
      assert.ok(peer.hello({ instance: `instance-raw-${i}`, replyTopic: `replies-raw-${i}` }) > 0)
      peer.batch(requestTo(address))
      assert.equal(peer.of(Frame.refusal)[0]?.[Refusal.reason], Reason.stale)
      peer.leave()
    }
    assert.equal(world.ledger.total, 0)
    assert.equal(y.core.state.counters.received, 0, 'the broker itself refused them all')
    const friend = new RawPeer(world)
    friend.hello()
    friend.batch(requestTo(right))
    assert.equal(friend.of(Frame.reply).length, 1, 'the same frame with the right address runs')
    friend.leave()
    world.assertQuiet()
  })

  test('another owner in the next life: what ran at the old one is asked of the old one', () => {
    const { world, r, y } = town(1, replies(1_200))
    const call = r.call({ body: '7' })
    world.run(10)
    world.kill(world.brokers.get('b1')!)
    world.part(y)
    const z = world.client('Z')
    z.answer(replies(1))
    world.run(50)
    world.restart('b1')
    world.run(600)
    world.heal(y)
    world.run(2_000)
    assert.equal(call.reply, 're:7')
    assert.deepEqual(
      world.ledger.of(r.idOf(call)).map(({ instance }) => instance),
      [y.instance],
    )
    assert.equal(r.call({ body: '8' }).future?.isSettled, false)
    world.assertQuiet()
  })
})

describe('C5: an instance is one life of one client, never its name', () => {
  test('a responder restarted under its name is not taken for the one that had the call', () => {
    const { world, r, y } = town(1, replies(1_000))
    const call = r.call({ body: '7' })
    world.run(10)
    world.kill(y)
    world.run(50)
    world.client('Y').answer(replies(1))
    world.run(1_500)
    assert.equal(call.end, 'responder_lost unknown')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    assert.equal(r.call({ body: '8' }).isSettled, false)
    world.run(50)
    assert.equal(r.calls.at(-1)?.reply, 're:8')
    world.assertQuiet()
  })

  test('a requester restarted under its name counts from 1 again and gets its own replies', () => {
    const { world, r, y } = town(1, (execution) =>
      execution.reply(execution.body === 'old' ? 300 : 1, `re:${execution.body}`),
    )
    for (let i = 0; i < 20; i++) r.call({ body: 'old' })
    world.run(20)
    world.kill(r)
    const again = world.client('R')
    world.run(100)
    const calls = again.callMany(20, { body: 'new' })
    world.run(1_000)
    for (const call of calls) assert.equal(call.reply, `re:${call.body}`)
    assert.equal(calls[0]?.future?.counter, 1)
    assert.equal(world.ledger.total, 40)
    assert.equal(y.core.state.counters.duplicates, 0)
    world.assertQuiet()
  })

  test('M1: shown without its secret, an instance and its replies stay closed', () => {
    const { world, r, y, b1 } = town(1, replies(300))
    const call = r.call({ body: '7' })
    world.run(10)
    for (const { instance } of [r, y]) {
      const thief = new RawPeer(world)
      assert.equal(thief.hello({ instance, secret: 'guessed-it-all' }), 0)
      assert.equal(thief.of(Frame.reject).length, 1)
      assert.equal(thief.closedBy, 'unauthenticated')
    }
    world.run(500)
    assert.equal(call.reply, 're:7')
    assert.equal(b1.view().sessions, 2)
    assert.deepEqual([r.advised('link_down'), y.advised('link_down')], [[], []])
    world.assertQuiet()
  })
})

test('C7: a restarted broker knows no request; the requester, who does, sends it again', () => {
  const { world, r, y } = town(1, replies(150), { concurrency: 2, prefetch: 0 })
  const calls = r.callMany(10, { body: 'c', timeoutMs: 5_000 })
  world.run(20)
  assert.equal(world.ledger.total, 2, 'eight wait in the broker')
  const b1 = world.restart('b1')
  world.run(3)
  assert.deepEqual([b1.view().deliveries, b1.view().waitingBytes], [0, 0])
  world.run(4_000)
  for (const call of calls) {
    assert.equal(call.reply, `re:${call.body}`)
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    assert.equal(world.ledger.of(r.idOf(call))[0]?.instance, y.instance)
  }
  world.assertQuiet()
})

describe('C8: counters are numbers of 53 bits', () => {
  for (const [name, first, count] of [
    ['2^31 - 5', 2 ** 31 - 5, 40],
    ['2^32 - 5', 2 ** 32 - 5, 40],
    ['2^53 - 5', 2 ** 53 - 5, 4],
  ] as const) {
    test(`calls counted from ${name}, also over a lost link and with floors`, () => {
      const world = new World()
      world.broker()
      const y = world.client('Y')
      y.answer(replies(30))
      const r = world.client('R', { firstCounter: first })
      world.run(SETTLE_MS)
      const early = r.callMany(count / 2, { body: 'a' })
      world.run(10)
      world.cut(r)
      world.run(300)
      const late = r.callMany(count / 2, { body: 'b' })
      world.run(300)
      for (const call of [...early, ...late]) {
        assert.equal(call.reply, `re:${call.body}`)
        assert.equal(world.ledger.of(r.idOf(call)).length, 1)
      }
      assert.equal(early[0]?.future?.counter, first)
      assert.ok(y.core.marks.size <= count / 2, 'the floor has passed the first calls')
      world.assertQuiet()
    })
  }
})

describe('H9: nobody answers, or not yet', () => {
  test('with routes of every broker and no responder: said at once', () => {
    const world = new World()
    world.broker('b1')
    world.broker('b2')
    const r = world.client('R')
    world.run(SETTLE_MS)
    const call = r.call()
    world.run(20)
    assert.equal(call.end, 'no_responder not_executed')
    assert.ok(call.tookMs <= 5, `${call.tookMs} ms`)
    world.assertQuiet()
  })

  test('while a link is still opening, its broker has not spoken yet', () => {
    const world = new World()
    world.broker('b1')
    const b2 = world.broker('b2')
    world.client('Y', { brokers: ['b2'] }).answer(replies(1))
    world.run(SETTLE_MS)
    world.freeze(b2, 300)
    const r = world.client('R')
    world.run(100)
    assert.deepEqual(
      r.links.map(({ isUp }) => isUp),
      [true, false],
    )
    const call = r.call({ body: '7' })
    world.run(500)
    assert.equal(call.reply, 're:7')
    world.assertQuiet()
  })

  test('a broker restarted a moment ago has not spoken for the responders on their way', () => {
    const { world, r, y } = town(1)
    world.part(y)
    world.restart('b1')
    world.run(400)
    const call = r.call({ body: '7' })
    world.run(300)
    assert.equal(call.end, 'open')
    world.heal(y)
    world.run(1_000)
    assert.equal(call.reply, 're:7')
    world.assertQuiet()
  })

  test('waitForResponder waits longer than any route, and to its deadline', () => {
    const world = new World()
    world.broker()
    const r = world.client('R')
    world.run(SETTLE_MS)
    const patient = r.call({ body: '7', waitForResponder: true, timeoutMs: 4_000 })
    const hopeless = r.call({ topic: 'no.one', waitForResponder: true, timeoutMs: 900 })
    world.run(2_500)
    assert.equal(hopeless.end, 'deadline_exceeded not_executed')
    assert.equal(patient.end, 'open')
    world.client('Y').answer(replies(1))
    world.run(200)
    assert.equal(patient.reply, 're:7')
    world.assertQuiet()
  })

  test('waitForResponder outlasts the sweep of topics that nobody calls', () => {
    const world = new World()
    world.broker()
    const r = world.client('R')
    world.run(SETTLE_MS)
    const call = r.call({ body: '7', waitForResponder: true, timeoutMs: 900_000 })
    world.run(600_000)
    world.client('Y').answer(replies(1))
    world.run(200)
    assert.equal(call.reply, 're:7')
  })
})

describe('M10: one group answers a topic', () => {
  test('a second group is refused by name and withdraws, also where it was not refused', () => {
    const world = new World()
    world.broker('b1')
    const b2 = world.broker('b2')
    const y = world.client('Y', { brokers: ['b1'] })
    y.answer(replies(1), { group: 'alpha' })
    world.run(SETTLE_MS)
    const z = world.client('Z')
    z.answer(neverReplies, { group: 'beta' })
    world.run(SETTLE_MS)
    const refusal = z.declared.find((error) => error !== undefined)
    assert.equal(refusal?.code, 'forbidden')
    assert.match(refusal?.message ?? '', /alpha/)
    assert.deepEqual([z.core.registrations.size, z.ended], [0, 1])
    assert.deepEqual(b2.view().topics, [])
    world.assertQuiet()
  })

  test('two groups at two brokers: the one whose name sorts first is used, and it is told', () => {
    for (const order of [
      ['alpha', 'beta'],
      ['beta', 'alpha'],
    ] as const) {
      const world = new World()
      world.broker('b1')
      world.broker('b2')
      const answer = (name: string) => replies(name === 'alpha' ? 1 : 2)
      world.client('Y', { brokers: ['b1'] }).answer(answer(order[0]), { group: order[0] })
      world.client('Z', { brokers: ['b2'] }).answer(answer(order[1]), { group: order[1] })
      const r = world.client('R')
      world.run(SETTLE_MS)
      r.call({ body: 'first' })
      world.run(50)
      const calls = r.callMany(20)
      world.run(50)
      const alpha = [...world.clients].find(
        ({ core }) => core.registrations.byTopic('account.balance')?.group === 'alpha',
      )
      for (const call of calls) {
        assert.equal(world.ledger.of(r.idOf(call))[0]?.instance, alpha?.instance)
      }
      assert.equal(r.advised('two_groups').length, 1)
      world.assertQuiet()
    }
  })
})
