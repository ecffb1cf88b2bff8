/** A broker is drained: its work goes elsewhere, its clients too, and nobody notices but the operator. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { Crew, release } from './virtual/crew.ts'
import { RawPeer } from './virtual/raw-peer.ts'
import { Standby } from './virtual/standby.ts'
import { Tenure } from './virtual/tenure.ts'
import { keyFor, town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'

const drain = (broker: BrokerNode, withinMs = 30_000): void =>
  broker.step((now) => broker.core.drain.begin(now, withinMs))

const resume = (broker: BrokerNode): void =>
  broker.step((now) => {
    broker.core.drain.resume(now)
  })

const stateOf = (broker: BrokerNode): string => broker.view().state

describe('a broker is drained', () => {
  test('under load, with a second one: no call fails, none runs twice, and all go there', () => {
    const crew = new Crew(3, 2, {}, 2)
    const { world, broker: b1 } = crew
    const b2 = world.brokers.get('b2')!
    const tenure = new Tenure(world, b1)
    const calls = { by: crew.r, perSecond: 1_000 }
    const before = drive(world, 300, calls)
    drain(b1)
    assert.equal(stateOf(b1), 'draining')
    const during = drive(world, 1_000, calls)
    assert.equal(stateOf(b1), 'drained')
    const { sessions, links, deliveries, topics } = b1.view()
    assert.deepEqual({ sessions, links, deliveries, topics }, emptyView)
    const after = drive(world, 500, calls)
    world.run(50)
    for (const traffic of [before, during, after]) {
      assert.deepEqual(traffic.ends, { reply: traffic.count })
      assert.deepEqual(traffic.ranTwice, [])
    }
    assert.deepEqual(b1.drains, [{ handedBack: 0, abandoned: 0 }])
    assert.equal(b1.advised('draining').length, 1)
    assert.deepEqual(b1.advised('drained'), [{ kind: 'drained', handedBack: 0, abandoned: 0 }])
    assert.equal(crew.r.core.state.counters.recoveries, 0)
    tenure.check()

    const { requests } = b1.view().counters
    resume(b1)
    world.run(6_000)
    const later = drive(world, 500, calls)
    world.run(50)
    assert.deepEqual(later.ends, { reply: later.count })
    assert.equal(stateOf(b1), 'open')
    assert.equal(b1.view().sessions, b2.view().sessions)
    assert.ok(b1.view().counters.requests! > requests! + 50, 'it has its share again')
    assert.equal(b1.advised('resumed').length, 1)
    world.assertQuiet()
  })

  test('what waits is handed back and runs elsewhere; what runs is answered here', () => {
    const crew = new Crew(2, 40, { concurrency: 1, prefetch: 1 }, 2)
    const { world, broker: b1 } = crew
    const calls = crew.r.callMany(60, { timeoutMs: 20_000 })
    world.run(60)
    const waiting = b1.view().topics[0]!.queues.reduce((sum, queue) => sum + queue.waiting, 0)
    assert.ok(waiting > 10)
    drain(b1)
    world.run(10_000)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(world.ledger.of(crew.r.idOf(call)).length, 1)
    }
    assert.deepEqual(b1.drains, [{ handedBack: waiting, abandoned: 0 }])
    resume(b1)
    world.assertQuiet()
  })

  test('when time is up, what still runs is abandoned, and answered by another way', () => {
    const crew = new Crew(1, 2, {}, 2)
    const { world, broker: b1 } = crew
    const [member] = crew.members
    member!.mood.takesMs = undefined
    const calls = crew.r.callMany(8, { timeoutMs: 20_000 })
    world.run(20)
    const { deliveries } = b1.view()
    assert.ok(deliveries > 0)
    drain(b1, 1_000)
    world.run(900)
    assert.equal(stateOf(b1), 'draining')
    world.run(200)
    assert.deepEqual(b1.drains, [{ handedBack: 0, abandoned: deliveries }])
    release(member!.mood)
    world.run(200)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(world.ledger.of(crew.r.idOf(call)).length, 1)
    }
    resume(b1)
    world.assertQuiet()
  })

  test('the only one: calls find nobody, and it is as before once it resumes', () => {
    const { world, b1, r } = town(1)
    drain(b1)
    world.run(500)
    const call = r.call()
    world.run(2_000)
    assert.equal(call.end, 'not_connected not_executed')
    resume(b1)
    const patient = r.call({ waitForResponder: true, timeoutMs: 8_000 })
    world.run(5_500)
    assert.equal(patient.end, 'reply')
    world.assertQuiet()
  })

  test('a drained one is not hammered by clients with calls in hand, who are back soon after', () => {
    const { world, b1, r } = town(1)
    drain(b1)
    world.run(500)
    const before = r.refusals.length
    const calls = r.callMany(50, { waitForResponder: true, timeoutMs: 60_000 })
    for (let s = 0; s < 30; s++) {
      r.call({ timeoutMs: 500 })
      world.run(1_000)
    }
    const refused = r.refusals.length - before
    assert.ok(refused >= 5 && refused <= 13, `${refused} dials in 30 s`)
    resume(b1)
    world.run(5_500)
    for (const call of calls) assert.equal(call.end, 'reply')
    world.run(80_000)
    world.assertQuiet()
  })

  test('it takes no new client, but one that lost its link comes back and is answered', () => {
    const crew = new Crew(1, 2, {}, 2)
    const { world, broker: b1 } = crew
    crew.members[0]!.mood.takesMs = undefined
    const calls = crew.r.callMany(8, { timeoutMs: 20_000 })
    world.run(20)
    drain(b1)
    world.run(50)
    const late = world.client('Late')
    const stranger = new RawPeer(world)
    assert.equal(stranger.hello(), 0)
    assert.notEqual(stranger.closedBy, undefined)
    world.cut(crew.r)
    world.run(500)
    assert.equal(stateOf(b1), 'draining')
    assert.equal(late.refusals[0]?.code, 'draining')
    assert.deepEqual(
      late.links.map(({ isUp }) => isUp),
      [false, true],
    )
    assert.ok(crew.r.links[0]!.isUp, 'it was here a moment ago')
    crew.members[0]!.mood.takesMs = 2
    release(crew.members[0]!.mood)
    world.run(200)
    assert.equal(stateOf(b1), 'drained')
    assert.deepEqual([...new Set(calls.map(({ end }) => end))], ['reply'])
    assert.deepEqual(b1.drains, [{ handedBack: 0, abandoned: 0 }])
    const later = late.call()
    world.run(50)
    assert.equal(later.end, 'reply')
    resume(b1)
    world.run(6_000)
    assert.ok(late.links[0]!.isUp)
    world.assertQuiet()
  })

  test('it resumes before all is done: who is still there has its queue again', () => {
    const crew = new Crew(1)
    const { world, broker: b1 } = crew
    const [member] = crew.members
    const other = world.client('Other')
    member!.mood.takesMs = undefined
    const running = crew.r.call({ timeoutMs: 20_000 })
    world.run(20)
    drain(b1)
    // An offer that comes meanwhile is neither refused nor answered: its owner waits.
    other.answer(replies(1))
    world.run(200)
    assert.deepEqual(b1.view().topics[0]!.queues, [])
    assert.deepEqual(other.declared, [])
    resume(b1)
    world.run(50)
    assert.equal(b1.view().topics[0]!.queues.length, 2)
    assert.deepEqual(other.declared, [undefined])
    const call = crew.r.call({ key: keyFor(other, member!.client) })
    world.run(50)
    assert.equal(call.end, 'reply')
    release(member!.mood)
    world.run(50)
    assert.equal(running.end, 'reply')
    assert.deepEqual(b1.drains, [], 'the drain was called off')
    world.assertQuiet()
  })

  test('with a thousand topics calls go on while their queues are taken away', () => {
    const world = new World()
    const b1 = world.broker('b1')
    world.broker('b2')
    const y = world.client('Y')
    for (let i = 0; i < 1_000; i++) y.answer(replies(1), { topic: `topic.${i}` })
    const r = world.client('R')
    world.run(1_000)
    let i = 0
    const calls = { by: r, perSecond: 500, ask: () => ({ topic: `topic.${i++ % 1_000}` }) }
    drive(world, 2_500, calls)
    drain(b1)
    const during = drive(world, 3_000, calls)
    world.run(50)
    assert.equal(stateOf(b1), 'drained')
    assert.deepEqual(during.ends, { reply: during.count })
    assert.deepEqual(during.ranTwice, [])
    resume(b1)
    world.run(6_000)
    world.assertQuiet()
  })

  test('one of three in an active/standby topic: the active instance stays, by the others', () => {
    const world = new World()
    const [b1] = ['b1', 'b2', 'b3'].map((name) => world.broker(name))
    const standby = new Standby(world)
    for (const name of ['X', 'Y']) standby.join(name, replies(5))
    const r: ClientNode = world.client('R')
    world.run(2_300)
    const calls = { by: r, perSecond: 200 }
    drive(world, 200, calls)
    drain(b1!)
    const during = drive(world, 1_000, calls)
    world.run(50)
    assert.equal(stateOf(b1!), 'drained')
    assert.equal(standby.activeNames, 'X')
    assert.deepEqual(during.ends, { reply: during.count })
    resume(b1!)
    world.run(6_000)
    standby.assertOwner('X')
    standby.end()
    world.assertQuiet()
  })
})

const emptyView = { sessions: 0, links: 0, deliveries: 0, topics: [] }
