/** The credit of a responder is one for all brokers: how it is shared, and what that must not set off. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

/** The credit that each broker gives the queue of one instance, by name of the broker. */
const creditOf = ({ instance }: ClientNode, world: World): Record<string, number> => {
  const credit: Record<string, number> = {}
  for (const [name, broker] of world.brokers) {
    if (!broker.isAlive) continue
    for (const { owner, window, state } of broker.view().topics[0]?.queues ?? []) {
      if (owner === instance && state === 'writable') credit[name] = window
    }
  }
  return credit
}

const unansweredBy = ({ instance }: ClientNode, world: World): number => {
  let sum = 0
  for (const broker of world.brokers.values()) {
    if (!broker.isAlive) continue
    for (const queue of broker.view().topics[0]?.queues ?? []) {
      if (queue.owner === instance) sum += queue.unanswered
    }
  }
  return sum
}

const takeovers = (world: World): number =>
  [...world.brokers.values()].reduce((sum, b) => sum + b.advised('idc_takeover').length, 0)

describe('a share that shrinks is not a loss', () => {
  test('taking part in one data centre does not make the second call in the third', () => {
    const world = new World()
    const [sz, sh] = sites(world, {
      sz: { brokers: 3 },
      sh: { responders: 2 },
      bj: { responders: 2 },
    })
    const r = sh!.requester()
    world.run(200)
    world.kill(sz!.responders[0]!)
    world.run(1_000)
    const [y] = sh!.responders
    assert.deepEqual(creditOf(y!, world), { sz1: 32, sz2: 32, sz3: 32, sh1: 32 })
    // Somebody comes: who takes part at the broker is looked at again.
    world.client('Z', { idc: 'bj' }).answer(replies(1))
    world.run(200)
    const owners = sh!.broker.view().topics[0]!.queues.map(({ owner }) => owner)
    assert.deepEqual(new Set(owners), sh!.instances)
    const calls = drive(world, 500, { by: r, perSecond: 200 })
    world.run(50)
    assert.deepEqual([calls.ends, calls.ranIn(sh!)], [{ reply: 100 }, 100])
    world.assertQuiet()
  })

  test('brokers found later get their share, and nobody elsewhere is called in', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: { brokers: 4, responders: 0 }, sh: {} })
    const y = world.client('Y', { idc: 'sz', brokers: ['sz1', 'sh1'] })
    y.answer(replies(2))
    const r = world.client('R', { idc: 'sz', brokers: ['sz1', 'sh1'] })
    world.run(200)
    const before = takeovers(world)
    assert.deepEqual(creditOf(y, world), { sz1: 128 })
    for (const client of [y, r]) {
      for (const url of ['sz2', 'sz3', 'sz4']) {
        client.step((now) => client.core.addBroker(now, url, 'sz'))
      }
    }
    world.run(200)
    assert.deepEqual(creditOf(y, world), { sz1: 32, sz2: 32, sz3: 32, sz4: 32 })
    world.client('Z', { idc: 'sh' }).answer(replies(1))
    const calls = drive(world, 1_000, { by: r, perSecond: 1_000 })
    world.run(50)
    assert.deepEqual([calls.ends, calls.ranIn(sh!)], [{ reply: 1_000 }, 0])
    for (const name of sz!.brokers) {
      assert.ok(world.brokers.get(name)!.view().counters.requests! > 100, `${name} is used`)
    }
    assert.equal(takeovers(world), before)
    world.assertQuiet()
  })
})

describe('who shares', () => {
  test('a broker elsewhere that is gone gives its share back', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: {}, sh: {} })
    world.kill(sz!.responders[0]!)
    world.run(500)
    const [y] = sh!.responders
    assert.deepEqual(creditOf(y!, world), { sz1: 64, sh1: 64 })
    world.kill(sz!.broker)
    world.run(500)
    assert.deepEqual(creditOf(y!, world), { sh1: 128 })
    world.restart('sz1')
    world.run(2_000)
    assert.deepEqual(creditOf(y!, world), { sz1: 64, sh1: 64 })
    sz!.addResponders(1)
    world.run(5_000)
    assert.deepEqual(creditOf(y!, world), { sh1: 128 })
    world.assertQuiet()
  })

  test('one of two brokers at home is gone: the other may use all that a responder can do', () => {
    const world = new World()
    const lane = { concurrency: 8, prefetch: 0 }
    const [sz] = sites(world, { sz: { brokers: 2, handler: replies(10), lane } })
    const r = sz!.requester()
    world.run(200)
    const [y] = sz!.responders
    assert.deepEqual(creditOf(y!, world), { sz1: 4, sz2: 4 })
    world.kill(world.brokers.get('sz2')!)
    world.run(500)
    assert.deepEqual(creditOf(y!, world), { sz1: 8 })
    // Eight at a time, 12 ms each.
    const calls = drive(world, 2_000, { by: r, perSecond: 600, ask: { timeoutMs: 200 } })
    world.run(300)
    assert.deepEqual(calls.ends, { reply: calls.count })
    world.restart('sz2')
    world.run(1_000)
    assert.deepEqual(creditOf(y!, world), { sz1: 4, sz2: 4 })
    world.assertQuiet()
  })

  test('whatever happens, a responder is sent no more than it can hold, and runs no more at once', () => {
    const lane = { concurrency: 6, prefetch: 6 }
    for (let seed = 1; seed <= 3; seed++) {
      const world = new World(seed)
      const ask = { brokers: 2, handler: replies(20), lane }
      const [sz, sh] = sites(world, { sz: ask, sh: { ...ask, responders: 2 } })
      const streams = [sz!, sh!].map((site) => ({
        by: site.requester(),
        perSecond: 300,
        ask: { timeoutMs: 300, idempotent: true },
      }))
      const responders = [...sz!.responders, ...sh!.responders]
      const names = [...sz!.brokers, ...sh!.brokers]
      let most = 0
      for (let i = 0; i < 25; i++) {
        const name = names[world.prng.below(names.length)]!
        const roll = world.prng.below(3)
        if (roll === 0) world.restart(name)
        else if (roll === 1) world.freeze(world.brokers.get(name)!, 400)
        else world.cut(responders[world.prng.below(responders.length)]!, name)
        for (let step = 0; step < 10; step++) {
          drive(world, 20, ...streams)
          for (const responder of responders) most = Math.max(most, unansweredBy(responder, world))
        }
      }
      world.run(2_000)
      // Where a broker comes in, those that were there may have sent for their old share just before.
      assert.ok(most <= 2 * 12, `${most} unanswered, with a credit of 12`)
      for (const responder of responders) {
        for (const registration of responder.core.registrations.all) {
          assert.ok(responder.laneOf(registration).most <= 6)
        }
        const shares = Object.values(creditOf(responder, world))
        const sum = shares.reduce((a, b) => a + b, 0)
        assert.ok(sum <= 12 + shares.length, `shares ${shares}`)
      }
      world.assertQuiet()
    }
  })
})
