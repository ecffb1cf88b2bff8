/** A data centre, or the brokers of one, are gone: another one answers, until home does again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { type Site, sites } from './virtual/site.ts'
import { drive, mostWithin, type Traffic } from './virtual/traffic.ts'

const PER_SECOND = 500

/** Calls of one client among those of a stretch of time. */
const callsOf = (by: ClientNode, traffic: Traffic): Traffic =>
  traffic.only((sent) => sent.by === by)

/** Two data centres some way apart, with a requester in each. */
const twoSites = (brokers: number, responders: number) => {
  const world = new World()
  world.awayMs = 5
  const [sz, sh] = sites(world, { sz: { brokers, responders }, sh: { brokers, responders } })
  const [r, other] = [sz!.requester(), sh!.requester()]
  const streams = [r, other].map((by) => ({ by, perSecond: PER_SECOND }))
  world.run(500)
  return { world, sz: sz!, sh: sh!, r, other, streams }
}

interface Hurt {
  do: (site: Site) => void
  undo: (site: Site) => void
  lastsMs: number
  /** Until the first answer from elsewhere. */
  withinMs: number
}

const HURT: Record<string, Hurt> = {
  killed: {
    do: (site) => site.kill(),
    undo: (site) => site.restart(3),
    lastsMs: 8_000,
    withinMs: 1_000,
  },
  // Longer than brokers keep the sessions of clients that are away.
  frozen: {
    do: (site) => site.freeze(),
    undo: (site) => site.thaw(),
    lastsMs: 15_000,
    withinMs: 2_500,
  },
}

for (const [how, hurt] of Object.entries(HURT)) {
  for (const brokers of [1, 2]) {
    describe(`a whole data centre is ${how}, with ${brokers} brokers in each`, () => {
      const { world, sz, sh, r, other, streams } = twoSites(brokers, 3)
      const calm = drive(world, 1_000, ...streams)
      const from = world.now
      hurt.do(sz)
      const gone = drive(world, hurt.lastsMs, ...streams)
      const back = world.now
      hurt.undo(sz)
      const return1 = drive(world, 10_000, ...streams)
      const home = drive(world, 2_000, ...streams)
      world.run(4_000)
      const mine = callsOf(r, gone)

      test('the first call is answered from elsewhere soon, and nearly all from then on', () => {
        assert.deepEqual([callsOf(r, calm).ranIn(sh), callsOf(other, calm).ranIn(sz)], [0, 0])
        const firstAt = mine.answeredFrom(sh)
        assert.ok(firstAt - from <= hurt.withinMs, `after ${firstAt - from} ms`)
        const later = mine.between(firstAt, back)
        assert.ok(later.failed.length <= later.count / 100, JSON.stringify(later.ends))
      })

      test('every call is settled, none runs twice, and the other data centre feels nothing', () => {
        for (const period of [calm, gone, return1, home]) {
          assert.deepEqual([period.ends.open, period.ranTwice], [undefined, []])
          assert.deepEqual(callsOf(other, period).failed, [])
        }
        for (const call of mine.failed) assert.equal(call.error?.outcome, 'unknown')
      })

      test('back again it is used within ten seconds, not run over, and without an error', () => {
        assert.deepEqual([return1.failed, home.failed], [[], []])
        assert.equal(callsOf(r, home).ranIn(sz), callsOf(r, home).count)
        const soon = callsOf(r, return1).between(back, back + 2_900)
        assert.equal(soon.ranIn(sz), 0, 'it has to prove itself first')
        const fair = PER_SECOND / 10 / sz.responders.length
        for (const responder of sz.responders) {
          const most = mostWithin(return1.ranAt(responder), 100)
          assert.ok(most <= fair * 1.8, `${most} calls within 100 ms, ${fair} are its share`)
        }
      })

      test('two minutes later only heartbeats cross, and nothing is left of it', () => {
        drive(world, 130_000, { by: r, perSecond: 4 }, { by: other, perSecond: 4 })
        world.run(100)
        const before = [r, other].map(({ core }) => core.state.counters.crossIdc)
        for (const name of [...sz.brokers, ...sh.brokers]) {
          assert.equal(world.brokers.get(name)!.view().topics[0]!.watchers, 1, `watch ${name}`)
        }
        drive(world, 1_000, ...streams)
        world.run(100)
        assert.deepEqual(
          [r, other].map(({ core }) => core.state.counters.crossIdc),
          before,
        )
        world.assertQuiet()
      })
    })
  }
}

describe('brokers at home', () => {
  test('the only one is gone for long: the others answer, and ten seconds after its return none does', () => {
    const { world, sz, sh, r } = twoSites(1, 1)
    world.kill(sz.broker)
    const gone = drive(world, 90_000, { by: r, perSecond: 20 })
    world.run(100)
    assert.deepEqual([gone.ends, gone.ranIn(sh)], [{ reply: gone.count }, gone.count])
    world.restart('sz1')
    const returning = drive(world, 10_000, { by: r, perSecond: 100 })
    const back = drive(world, 1_000, { by: r, perSecond: 100 })
    world.run(100)
    assert.deepEqual([returning.failed, back.ends, back.ranIn(sz)], [[], { reply: 100 }, 100])
    world.assertQuiet()
  })

  test('one of two is killed: calls stay at home, and no caller sees an error', () => {
    const { world, sz, sh, r } = twoSites(2, 2)
    drive(world, 500, { by: r, perSecond: PER_SECOND })
    world.kill(world.brokers.get('sz2')!)
    const alone = drive(world, 3_000, { by: r, perSecond: PER_SECOND })
    world.restart('sz2')
    const both = drive(world, 3_000, { by: r, perSecond: PER_SECOND })
    world.run(100)
    assert.deepEqual([alone.failed, both.failed], [[], []])
    assert.deepEqual([alone.ranIn(sz), both.ranIn(sz)], [alone.count, both.count])
    assert.equal(alone.ranIn(sh), 0)
    assert.ok(world.brokers.get('sz2')!.view().counters.requests! > 500, 'it is used again')
    world.assertQuiet()
  })

  test('one of two freezes and thaws: calls stay at home, and no caller sees an error', () => {
    const { world, sz, r } = twoSites(2, 2)
    drive(world, 500, { by: r, perSecond: PER_SECOND })
    world.freeze(world.brokers.get('sz2')!, 2_000)
    const calls = drive(world, 5_000, { by: r, perSecond: PER_SECOND })
    world.run(100)
    assert.deepEqual([calls.failed, calls.ranTwice], [[], []])
    assert.equal(calls.ranIn(sz), calls.count)
    world.assertQuiet()
  })
})

describe('three data centres', () => {
  test('nobody answers at home or next door: the third does, through the brokers at home', () => {
    const world = new World()
    const [sz, , bj] = sites(world, {
      sz: { responders: 0 },
      sh: { responders: 0 },
      bj: { responders: 2 },
    })
    const r = sz!.requester()
    world.run(200)
    const calls = drive(world, 2_000, { by: r, perSecond: PER_SECOND })
    world.run(100)
    assert.deepEqual([calls.ends, calls.ranIn(bj!)], [{ reply: calls.count }, calls.count])
    assert.equal(bj!.broker.view().counters.requests, 0)
    assert.equal(sz!.broker.view().counters.requests, calls.count)
    world.assertQuiet()
  })

  test('two of three are killed, one after the other', () => {
    const world = new World()
    const [sz, sh, bj] = sites(world, { sz: {}, sh: {}, bj: { responders: 2 } })
    const r = sz!.requester()
    world.run(200)
    const streams = [{ by: r, perSecond: PER_SECOND }]
    const calm = drive(world, 500, ...streams)
    sz!.kill()
    const one = drive(world, 2_000, ...streams)
    sh!.kill()
    const two = drive(world, 2_000, ...streams)
    world.run(4_000)
    for (const period of [calm, one, two]) {
      assert.equal(period.ends.open, undefined)
      assert.ok(period.failed.length <= 3, JSON.stringify(period.ends))
    }
    assert.equal(two.between(two.answeredFrom(bj!), world.now).ends.reply! > 900, true)
    sz!.restart(1)
    sh!.restart(1)
    drive(world, 10_000, ...streams)
    const home = drive(world, 1_000, ...streams)
    world.run(100)
    assert.deepEqual([home.ends, home.ranIn(sz!)], [{ reply: 500 }, 500])
    world.assertQuiet()
  })
})
