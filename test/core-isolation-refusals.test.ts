/** WIRE-SAFETY H2: a queue that says no quickly must not draw the calls to itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Reason } from '../bus/frame.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { Crew, type Member } from './virtual/crew.ts'
import { keyFor } from './virtual/town.ts'
import { drive, type Traffic } from './virtual/traffic.ts'

/** From now on it refuses whatever it is given, for this reason, before any handler starts. */
const refuseAll = ({ core }: ClientNode, reason: Reason): void => {
  core.responder.begin = (now, mark) => {
    core.responder.refuse(now, mark, reason, '')
    return false
  }
}

/** It takes work again. */
const relent = ({ core }: ClientNode): void => {
  Reflect.deleteProperty(core.responder, 'begin')
}

/** The share of the calls that it was asked to do, over all attempts. */
const askedShare = ({ core }: ClientNode, before: number, { count }: Traffic): number =>
  (core.state.counters.received - before) / count

const crewOfFour = () => {
  const crew = new Crew(4)
  const [refusing, ...others] = crew.members as [Member, ...Member[]]
  const calls = { by: crew.r, perSecond: 1_000 }
  drive(crew.world, 300, calls)
  return { crew, world: crew.world, r: crew.r, refusing: refusing.client, others, calls }
}

describe('H2: one of four queues refuses fast', () => {
  for (const reason of ['moved', 'stale', 'draining', 'marks_full', 'link_full', 'full'] as const) {
    test(`with ${reason}: callers see no error, and it gets next to nothing`, () => {
      const { crew, world, r, refusing, calls } = crewOfFour()
      refuseAll(refusing, Reason[reason])
      const before = refusing.core.state.counters.received
      const traffic = drive(world, 5_000, calls)
      world.run(20)
      assert.deepEqual(traffic.ends, { reply: 5_000 })
      const share = askedShare(refusing, before, traffic)
      assert.ok(share > 0 && share <= 0.01, `${share}`)
      assert.equal(r.advised('queue_isolated').length, 0, 'a refusal isolates nothing')
      assert.deepEqual(traffic.ranTwice, [])
      relent(refusing)
      drive(world, 2_500, calls)
      const back = drive(world, 1_000, calls)
      assert.ok(Math.abs(back.shareOf(refusing) - 0.25) < 0.05, `${back.shareOf(refusing)}`)
      crew.world.assertQuiet()
    })
  }

  test('4,000 calls at once: those it refuses go elsewhere', () => {
    const { world, r, refusing } = crewOfFour()
    refuseAll(refusing, Reason.marks_full)
    const calls = r.callMany(4_000)
    world.run(1_000)
    assert.deepEqual(
      calls.filter(({ end }) => end !== 'reply'),
      [],
    )
    world.assertQuiet()
  })

  test('calls whose key belongs to it go to the next in rank', () => {
    const { world, r, refusing, others } = crewOfFour()
    refuseAll(refusing, Reason.draining)
    const key = keyFor(refusing, ...others.map(({ client }) => client))
    const traffic = drive(world, 2_000, { by: r, perSecond: 500, ask: { key } })
    world.run(20)
    assert.deepEqual(traffic.ends, { reply: 1_000 })
    const used = others.filter(({ client }) => traffic.ranAt(client).length > 0)
    assert.equal(used.length, 1)
    world.assertQuiet()
  })

  test('all four refuse: the truth, at once', () => {
    const { crew, world, r } = crewOfFour()
    for (const { client } of crew.members) refuseAll(client, Reason.marks_full)
    const calls = r.callMany(50)
    world.run(200)
    for (const call of calls) {
      assert.equal(call.end, 'overloaded not_executed')
      assert.ok(call.tookMs <= 100)
    }
    for (const { client } of crew.members) relent(client)
    world.run(100)
    assert.equal(drive(world, 500, { by: r, perSecond: 200 }).count, 100)
    world.run(20)
    assert.equal(r.calls.slice(-100).filter(({ end }) => end !== 'reply').length, 0)
    world.assertQuiet()
  })
})

describe('a queue that is full at its broker', () => {
  test('is left out until the broker says otherwise; callers see no error', () => {
    const crew = new Crew(4, 2, { concurrency: 8, prefetch: 0 })
    const { world, r } = crew
    const [slow] = crew.members as [Member]
    const calls = { by: r, perSecond: 1_000 }
    drive(world, 300, calls)
    Object.assign(crew.broker.limits, { maxDepth: 20 })
    slow.mood.takesMs = 400
    // Held to it by their key, they fill it.
    const key = keyFor(slow.client, ...crew.clients.slice(1))
    r.callMany(60, { key })
    world.run(5)
    const traffic = drive(world, 1_000, calls)
    world.run(500)
    assert.deepEqual(traffic.ends, { reply: 1_000 })
    assert.ok(crew.broker.advised('queue_full').length > 0)
    assert.equal(r.advised('queue_isolated').length, 0)
    world.assertQuiet()
  })
})
