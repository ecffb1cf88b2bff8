/** Data centres that need each other for nothing: calls stay at home, and only heartbeats cross. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BATCH_HEAD, checkedFrameEnd, Frame } from '../bus/frame.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { type SiteAsk, sites } from './virtual/site.ts'
import { drive } from './virtual/traffic.ts'

/** Two data centres with one broker and one responder each, and a requester in the first. */
const twoSites = (here: SiteAsk = {}, there: SiteAsk = {}) => {
  const world = new World()
  const [sz, sh] = sites(world, { sz: here, sh: there })
  const r = sz!.requester()
  world.run(500)
  return { world, sz: sz!, sh: sh!, r }
}

/** Counts the frames of each kind that cross between data centres. */
const watchBorder = (world: World): Map<string, number> => {
  const counts = new Map<string, number>()
  const nameOf = new Map<number, string>(Object.entries(Frame).map(([name, type]) => [type, name]))
  world.onBatch = (client, broker, _way, bytes) => {
    if (client.facts.idc === world.brokers.get(broker)!.limits.idc) return
    for (let at = BATCH_HEAD; at < bytes.length; at = checkedFrameEnd(bytes, at)) {
      const name = nameOf.get(bytes[at + 4]!)!
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

describe('home first', () => {
  test('with one broker and one responder in each data centre 10,000 calls stay at home', () => {
    const world = new World()
    const [sz, sh] = sites(world, { sz: {}, sh: {} })
    const crossing = watchBorder(world)
    const r = sz!.requester()
    world.run(500)
    const calls = drive(world, 20_000, { by: r, perSecond: 500 })
    world.run(100)
    assert.deepEqual([calls.count, calls.ends], [10_000, { reply: 10_000 }])
    assert.deepEqual([calls.ranIn(sz!), calls.ranIn(sh!)], [10_000, 0])
    assert.equal(r.core.state.counters.crossIdc, 0)
    const { counters, topics } = sh!.broker.view()
    assert.deepEqual([counters.requests, counters.replies, topics[0]!.watchers], [0, 0, 0])
    const kinds = ['hello', 'ping', 'pong', 'resume', 'welcome']
    assert.deepEqual([...crossing.keys()].sort(), kinds)
    assert.equal(crossing.get('hello'), 1, 'that of the requester')
    assert.ok(crossing.get('ping')! < 20, `${crossing.get('ping')} pings in 20 s over three links`)
    world.assertQuiet()
  })

  test('names of data centres are compared whole', () => {
    const world = new World()
    const [a1, a10] = sites(world, { A1: {}, A10: {} })
    const r1 = a1!.requester()
    const r10 = a10!.requester()
    world.run(200)
    const at1 = drive(world, 1_000, { by: r1, perSecond: 500 })
    const at10 = drive(world, 1_000, { by: r10, perSecond: 500 })
    world.run(100)
    assert.deepEqual([at1.ranIn(a1!), at10.ranIn(a10!)], [500, 500])
    assert.deepEqual([r1.core.state.counters.crossIdc, r10.core.state.counters.crossIdc], [0, 0])
    world.assertQuiet()
  })

  test('many responders and brokers: each home broker is used, and none elsewhere', () => {
    const { world, sz, sh, r } = twoSites({ brokers: 3, responders: 4 }, { brokers: 2 })
    const calls = drive(world, 2_000, { by: r, perSecond: 1_000 })
    world.run(100)
    assert.deepEqual([calls.ranIn(sz), calls.ends], [2_000, { reply: 2_000 }])
    for (const name of sz.brokers) {
      const { requests } = world.brokers.get(name)!.view().counters
      assert.ok(requests! > 500, `${name} had ${requests}`)
    }
    for (const name of sh.brokers) {
      assert.equal(world.brokers.get(name)!.view().counters.requests, 0)
    }
    world.assertQuiet()
  })

  test('no broker in the data centre of the client: every broker will do, and that is said once', () => {
    const world = new World()
    const [sz] = sites(world, { sz: { brokers: 2 } })
    const r = world.client('R', { idc: 'nowhere' })
    world.run(200)
    const calls = drive(world, 1_000, { by: r, perSecond: 500 })
    world.run(100)
    assert.deepEqual([calls.ends, calls.ranIn(sz!)], [{ reply: 500 }, 500])
    world.restart('sz1')
    world.run(2_000)
    assert.deepEqual(r.advised('unknown_idc'), [
      { kind: 'unknown_idc', idc: 'nowhere', known: 'sz' },
    ])
    world.assertQuiet()
  })
})
