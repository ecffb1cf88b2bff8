/** An operator isolates a whole data centre: its calls are answered elsewhere at once, until it is restored. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { type Site, sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'
import { assertTruth } from './virtual/truth.ts'

const PER_SECOND = 500

/** Two data centres some way apart, and a requester in each. */
const twoSites = () => {
  const world = new World()
  world.awayMs = 5
  const ask = { brokers: 2, responders: 3 }
  const [sz, sh] = sites(world, { sz: ask, sh: ask }) as [Site, Site]
  const [r, other] = [sz.requester(), sh.requester()]
  world.run(500)
  return { world, sz, sh, r, other }
}

const say = (
  client: ClientNode,
  idc: string | undefined,
  to: 'open' | 'auto',
  forMs = 60_000,
): number => {
  let meant = 0
  client.step((now) => {
    const word = { id: 'word-1', topic: '*', instance: undefined, idc, reason: 'a fire' }
    meant = client.core.requester.force(now, { ...word, to, until: now + forMs })
  })
  return meant
}

for (const idempotent of [true, false]) {
  describe(`a data centre is isolated under ${idempotent ? 'idempotent' : 'other'} calls`, () => {
    const { world, sz, sh, r, other } = twoSites()
    const stream = { by: r, perSecond: PER_SECOND, ask: { idempotent } }
    const streams = [stream, { by: other, perSecond: PER_SECOND }]
    const calm = drive(world, 1_000, ...streams)
    const meant = say(r, 'sz', 'open')
    say(other, 'sz', 'open')
    const isolated = drive(world, 20_000, ...streams)
    say(r, 'sz', 'auto')
    say(other, 'sz', 'auto')
    const returning = drive(world, 45_000, ...streams)
    const home = drive(world, 1_000, ...streams)
    world.run(5_000)
    const mine = (traffic: typeof calm) => traffic.only((sent) => sent.by === r)

    test('every call of its requesters is answered elsewhere from that moment on', () => {
      assert.deepEqual([meant, mine(calm).ranIn(sh)], [6, 0])
      assert.deepEqual(isolated.failed, [])
      assert.equal(mine(isolated).ranIn(sh), mine(isolated).count)
      assert.equal(isolated.ranIn(sz), 0)
      // Two ways over, the handler, and a question to the brokers there by the first of them.
      const slowest = mine(isolated).tookMs(1_000)
      assert.ok(slowest <= 60, `${slowest} ms`)
    })

    test('restored, it gets its calls back in steps, and none of them fails', () => {
      assert.deepEqual([returning.failed, home.failed], [[], []])
      assert.equal(mine(home).ranIn(sz), mine(home).count)
      const soon = mine(returning).between(0, world.now - 48_500)
      assert.equal(soon.ranIn(sz), 0, 'it has to prove itself first')
    })

    test('the other data centre keeps its own calls, and every caller was told the truth', () => {
      for (const period of [calm, isolated, returning, home]) {
        const its = period.only((sent) => sent.by === other)
        assert.deepEqual([its.failed, its.ranIn(sh)], [[], its.count])
        assert.deepEqual(period.ranTwice, [])
      }
      assertTruth(world, r, other)
      world.assertQuiet()
    })
  })
}

describe('an isolated data centre', () => {
  test('stays isolated for topics that are called only then', () => {
    const { world, sz, sh, r } = twoSites()
    assert.equal(say(r, 'sz', 'open'), 0, 'nothing was called yet')
    const calls = drive(world, 1_000, { by: r, perSecond: PER_SECOND })
    world.run(500)
    assert.deepEqual([calls.failed, calls.ranIn(sz), calls.ranIn(sh)], [[], 0, calls.count])
    world.assertQuiet()
  })

  test('stays isolated when its brokers and responders are started anew', () => {
    const { world, sz, sh, r } = twoSites()
    const stream = { by: r, perSecond: PER_SECOND }
    drive(world, 500, stream)
    say(r, 'sz', 'open')
    drive(world, 500, stream)
    sz.kill()
    drive(world, 500, stream)
    sz.restart(3)
    const after = drive(world, 5_000, stream)
    world.run(500)
    assert.deepEqual([after.failed, after.ranIn(sz), after.ranIn(sh)], [[], 0, after.count])
    world.assertQuiet()
  })

  test('is left with its word over, by itself', () => {
    const { world, sz, r } = twoSites()
    const stream = { by: r, perSecond: PER_SECOND }
    drive(world, 500, stream)
    say(r, 'sz', 'open', 2_000)
    const isolated = drive(world, 1_900, stream)
    drive(world, 45_000, stream)
    const home = drive(world, 500, stream)
    world.run(500)
    assert.deepEqual([isolated.failed, isolated.ranIn(sz)], [[], 0])
    assert.deepEqual([home.failed, home.ranIn(sz)], [[], home.count])
  })

  test('with nobody left elsewhere calls say who closed it, and why, and did not run', () => {
    const { world, r } = twoSites()
    drive(world, 200, { by: r, perSecond: PER_SECOND })
    say(r, undefined, 'open')
    const calls = r.callMany(50)
    world.run(1_000)
    for (const { error } of calls) {
      assert.deepEqual([error?.code, error?.outcome], ['circuit_open', 'not_executed'])
      assert.match(error!.message, /operator: a fire/)
    }
    world.assertQuiet()
  })

  test('keeps the calls it has in hand: they end there, once', () => {
    const world = new World()
    world.awayMs = 5
    const slow = { handler: (e: { reply: (ms: number, b: string) => void }) => e.reply(400, 'x') }
    const [sz, sh] = sites(world, { sz: slow, sh: {} }) as [Site, Site]
    const r = sz.requester()
    world.run(500)
    const before = r.callMany(20)
    world.run(50)
    say(r, 'sz', 'open')
    const after = r.callMany(20)
    world.run(1_000)
    const ranIn = (site: Site, calls: typeof before): number =>
      calls.filter((call) =>
        world.ledger.of(r.idOf(call)).some(({ instance }) => site.instances.has(instance)),
      ).length
    assert.ok([...before, ...after].every((call) => call.reply !== undefined))
    assert.deepEqual([ranIn(sz, before), ranIn(sh, after)], [20, 20])
    assertTruth(world, r)
    world.assertQuiet()
  })
})
