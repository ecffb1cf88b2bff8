/** Cross-IDC listening: instances elsewhere take part at a broker whose own have gone, or are too few. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { type Site, sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

/** The owners of the queues that take requests at a broker, by data centre. */
const ownersAt = (broker: BrokerNode, ...all: Site[]): Record<string, number> => {
  const owners: Record<string, number> = {}
  for (const { owner, state } of broker.view().topics[0]?.queues ?? []) {
    if (state !== 'writable') continue
    const { idc } = all.find(({ instances }) => instances.has(owner))!
    owners[idc] = (owners[idc] ?? 0) + 1
  }
  return owners
}

/** What the owners at a broker may have unanswered, in all. */
const creditAt = (broker: BrokerNode): number =>
  broker.view().topics[0]!.queues.reduce((sum, { window }) => sum + window, 0)

const GONE: Record<string, (world: World, last: ClientNode) => void> = {
  killed: (world, last) => world.kill(last),
  closed: (world, last) => {
    for (const registration of [...last.core.registrations.all]) last.unanswer(registration)
    world.after(50, () => last.leave())
  },
}

describe('the last consumer at home goes', () => {
  for (const [how, act] of Object.entries(GONE)) {
    test(`${how}: all instances elsewhere own queues at the home broker at once`, () => {
      const world = new World()
      const [sz, sh] = sites(world, { sz: {}, sh: { responders: 4 } })
      const r = sz!.requester()
      world.run(500)
      const before = drive(world, 500, { by: r, perSecond: 500 })
      act(world, sz!.responders[0]!)
      const after = drive(world, 200, { by: r, perSecond: 500 })
      assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sh: 4 })
      assert.equal(creditAt(sz!.broker), 4 * 64, 'half of what each grants in all')
      const later = drive(world, 2_000, { by: r, perSecond: 500 })
      world.run(100)
      const lost = [...before.failed, ...after.failed]
      assert.ok(lost.length <= 3, `${lost.length} calls were lost`)
      for (const call of lost) assert.equal(call.end, 'responder_lost unknown')
      if (how === 'closed') assert.deepEqual(lost, [])
      assert.deepEqual([later.ends, later.ranIn(sh!)], [{ reply: 1_000 }, 1_000])
      const { counters } = sh!.broker.view()
      const asked = counters.requests!
      drive(world, 1_000, { by: r, perSecond: 500 })
      assert.equal(sh!.broker.view().counters.requests, asked, 'through the home broker alone')
      world.assertQuiet()
    })
  }

  test('frozen: no longer than its broker takes to find that out; thawed, it finds itself replaced', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: {}, sh: { responders: 4 } })
    const r = sz!.requester()
    world.run(500)
    const at = world.now
    world.freeze(sz!.responders[0]!, 6_000)
    const calls = drive(world, 5_000, { by: r, perSecond: 200 })
    world.run(3_000)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sh: 4, sz: 1 })
    assert.ok(calls.answeredFrom(sh!) - at < 1_500, `after ${calls.answeredFrom(sh!) - at} ms`)
    const later = calls.between(at + 1_500, world.now)
    assert.deepEqual(later.ends, { reply: later.count })
    assert.deepEqual(calls.ranTwice, [])
    for (const call of calls.failed) assert.equal(call.end, 'responder_lost unknown')
    world.assertQuiet()
  })
})

describe('half of the usual consumers at home', () => {
  test('one less than half: others take part, until those at home have been back for a while', () => {
    const world = new World()
    const handler = replies(10)
    const lane = { concurrency: 4, prefetch: 8 }
    const ask = { handler, lane }
    const [sz, sh] = sites(world, {
      sz: { ...ask, responders: 10 },
      sh: { ...ask, responders: 6 },
    })
    const r = sz!.requester()
    world.run(500)
    for (const y of sz!.responders.slice(0, 5)) world.kill(y)
    world.run(1_000)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 5 })
    world.kill(sz!.responders[5]!)
    world.run(200)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 4, sh: 6 })
    // Four at home do 1,600 a second.
    const rush = drive(world, 2_000, { by: r, perSecond: 2_200 })
    world.run(100)
    assert.deepEqual(rush.ends, { reply: rush.count })
    assert.ok(rush.ranIn(sh!) > 1_000, `${rush.ranIn(sh!)} calls went to those elsewhere`)
    sz!.addResponders(6)
    const back = drive(world, 2_500, { by: r, perSecond: 1_000 })
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 10, sh: 6 })
    const handover = drive(world, 2_000, { by: r, perSecond: 2_200 })
    world.run(100)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 10 })
    assert.deepEqual([back.ends, handover.ends], [{ reply: 2_500 }, { reply: 4_400 }])
    assert.equal(creditAt(sz!.broker), 10 * 12, 'as before')
    assert.equal(creditAt(sh!.broker), 6 * 12, 'as before')
    world.assertQuiet()
  })

  test('what leaves in good order is not missed', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: { responders: 10 }, sh: {} })
    for (const y of sz!.responders.slice(0, 8)) {
      y.leave()
      world.run(500)
    }
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 2 })
    assert.deepEqual(sz!.broker.advised('idc_takeover').slice(1), [])
    world.assertQuiet()
  })

  test('fewer become the usual, if nobody comes back', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: { responders: 10 }, sh: { responders: 2 } })
    for (const y of sz!.responders.slice(0, 6)) world.kill(y)
    world.run(60_000)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 4, sh: 2 })
    world.run(300_000)
    assert.deepEqual(ownersAt(sz!.broker, sz!, sh!), { sz: 4 })
    world.assertQuiet()
  })

  for (const everyMs of [3_000, 7_500]) {
    test(`a consumer crashes every ${everyMs / 1_000} s: the wait doubles, and calls do not bounce`, () => {
      const world = new World()
      const [sz, sh] = sites(world, { sz: {}, sh: { responders: 2 } })
      const r = sz!.requester()
      world.run(500)
      const from = sz!.broker.advised('idc_takeover').length
      let last = sz!.responders[0]!
      for (let i = 0; i < 12; i++) {
        world.after(i * everyMs, () => world.kill(last))
        world.after(i * everyMs + 300, () => {
          last = sz!.addResponders(1)[0]!
        })
      }
      const calls = drive(world, 12 * everyMs, { by: r, perSecond: 50 })
      world.run(100)
      const takeovers = sz!.broker.advised('idc_takeover').length - from
      assert.ok(takeovers <= 3, `${takeovers} takeovers in twelve crashes`)
      assert.ok(calls.failed.length <= 3, JSON.stringify(calls.ends))
      const late = calls.between(calls.sent[0]!.call.startedAt + 6 * everyMs, world.now)
      assert.equal(late.ranIn(sh!), late.count, 'by then nobody trusts it')
      world.assertQuiet()
    })
  }
})
