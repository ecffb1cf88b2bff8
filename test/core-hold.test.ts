/** An operator keeps an instance from owning a queue: callers see nothing while another one answers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { Crew } from './virtual/crew.ts'
import { Standby } from './virtual/standby.ts'
import { Tenure } from './virtual/tenure.ts'
import { drive } from './virtual/traffic.ts'

const WHY = 'its disk is full'

const hold = (broker: BrokerNode, { instance }: ClientNode, forMs = 60_000): string => {
  let verdict = ''
  broker.step((now) => {
    verdict = broker.core.holds.hold(now, TOPIC, instance, WHY, forMs)
  })
  return verdict
}

const release = (broker: BrokerNode, { instance }: ClientNode): boolean => {
  let isDone = false
  broker.step((now) => {
    isDone = broker.core.holds.release(now, TOPIC, instance)
  })
  return isDone
}

const queuesOf = (broker: BrokerNode) => broker.view().topics[0]?.queues ?? []
const ownersAt = (broker: BrokerNode): string[] =>
  queuesOf(broker).map(({ ownerName }) => ownerName)

describe('an instance is held', () => {
  test('under load: nobody fails, nothing runs twice, and it gets no call until its time is over', () => {
    const crew = new Crew(2)
    const { world, broker } = crew
    const [held, other] = crew.clients as [ClientNode, ClientNode]
    const tenure = new Tenure(world, broker)
    const calls = { by: crew.r, perSecond: 500 }
    const before = drive(world, 300, calls)
    const { now } = world
    assert.equal(hold(broker, held, 2_000), 'held')
    const during = drive(world, 1_900, calls)
    assert.deepEqual(ownersAt(broker), [other.name])
    assert.deepEqual(broker.view().topics[0]!.held, [
      { instance: held.instance, reason: WHY, leftMs: 100 },
    ])
    const after = drive(world, 600, calls)
    world.run(50)
    assert.deepEqual([...before.failed, ...during.failed, ...after.failed], [])
    assert.deepEqual([...during.ranTwice, ...after.ranTwice], [])
    // What was on its way to it may still start; nothing that was sent later.
    const late = during.ranAt(held).filter((at) => at > now + 30)
    assert.deepEqual(late, [])
    assert.ok(after.ranAt(held).length > 20, 'it has its queue again')
    assert.deepEqual(broker.view().topics[0]!.held, [])
    assert.deepEqual(broker.advised('queue_held'), [
      { kind: 'queue_held', topic: TOPIC, instance: held.instance, reason: WHY, forMs: 2_000 },
    ])
    assert.equal(broker.advised('queue_released').length, 1)
    tenure.check()
    world.assertQuiet()
  })

  test('what waits in its queue runs at the other one, and what it runs it finishes', () => {
    const crew = new Crew(2, 50, { concurrency: 2, prefetch: 2 })
    const { world, broker } = crew
    const calls = crew.r.callMany(60, { timeoutMs: 20_000 })
    world.run(60)
    const { waiting, queue } = queuesOf(broker).find(
      ({ owner }) => owner === crew.clients[0]!.instance,
    )!
    assert.ok(waiting > 10, `${waiting} wait`)
    hold(broker, crew.clients[0]!)
    world.run(5_000)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(world.ledger.of(crew.r.idOf(call)).length, 1)
    }
    const { endedQueues, queues } = broker.view().topics[0]!
    assert.equal(endedQueues.handedBack, waiting, 'the figures of the queue outlive it')
    assert.ok(endedQueues.ok >= 4)
    assert.ok(!queues.some((one) => one.queue === queue))
    release(broker, crew.clients[0]!)
    world.assertQuiet()
  })

  test('of a topic with one queue at most, one that stood by has it: same handle, higher epoch', () => {
    const crew = new Crew(3, 2, { maxQueues: 1 })
    const { world, broker } = crew
    const tenure = new Tenure(world, broker)
    const [before] = queuesOf(broker)
    const owner = crew.clients.find(({ instance }) => instance === before!.owner)!
    const calls = { by: crew.r, perSecond: 300 }
    drive(world, 100, calls)
    hold(broker, owner)
    const during = drive(world, 400, calls)
    const [after] = queuesOf(broker)
    assert.equal(after!.queue, before!.queue)
    assert.ok(after!.epoch > before!.epoch)
    assert.notEqual(after!.owner, before!.owner)
    assert.equal(release(broker, owner), true)
    const later = drive(world, 400, calls)
    world.run(50)
    assert.equal(
      queuesOf(broker)[0]!.owner,
      after!.owner,
      'released, it stands by: the fewest moves',
    )
    assert.deepEqual([...during.failed, ...later.failed], [])
    assert.deepEqual([...during.ranTwice, ...later.ranTwice], [])
    tenure.check()
    world.assertQuiet()
  })

  test('it stays held when its link blinks, and when its session was forgotten meanwhile', () => {
    const crew = new Crew(2)
    const { world, broker } = crew
    const [held, other] = crew.clients as [ClientNode, ClientNode]
    hold(broker, held, 60_000)
    world.cut(held)
    world.run(1_000)
    assert.deepEqual(ownersAt(broker), [other.name])
    world.part(held)
    world.run(12_000)
    world.heal(held)
    world.run(6_000)
    assert.equal(broker.view().sessions, 3)
    assert.deepEqual(ownersAt(broker), [other.name])
    world.run(60_000)
    assert.deepEqual(ownersAt(broker).sort(), [held.name, other.name].sort())
    world.assertQuiet()
  })

  test('the only one: calls get what they get when nobody answers, until it is released', () => {
    const crew = new Crew(1)
    const { world, broker } = crew
    hold(broker, crew.clients[0]!)
    world.run(50)
    const call = crew.r.call()
    const patient = crew.r.call({ waitForResponder: true, timeoutMs: 5_000 })
    world.run(1_000)
    assert.equal(call.end, 'no_responder not_executed')
    assert.equal(patient.end, 'open')
    release(broker, crew.clients[0]!)
    world.run(100)
    assert.equal(patient.end, 'reply')
    world.assertQuiet()
  })

  test('one that does not answer the topic, or is not held, is neither held nor released', () => {
    const crew = new Crew(1)
    const { world, broker } = crew
    assert.equal(hold(broker, crew.r), 'unknown')
    assert.equal(release(broker, crew.clients[0]!), false)
    assert.deepEqual(broker.view().topics[0]!.held, [])
    assert.deepEqual(broker.advised('queue_held'), [])
    world.assertQuiet()
  })
})

describe('an instance of an active/standby topic is held', () => {
  const LEASE_MS = 2_000
  const post = (brokers: number) => {
    const world = new World()
    for (let i = 1; i <= brokers; i++) world.broker(`b${i}`)
    const standby = new Standby(world)
    const x = standby.join('X', replies(5)).client
    const y = standby.join('Y', replies(5)).client
    const r = world.client('R')
    world.run(LEASE_MS + 300)
    standby.assertOwner('X')
    return { world, standby, x, y, r, all: [...world.brokers.values()] }
  }
  const end = ({ world, standby }: ReturnType<typeof post>): void => {
    world.run(3_000)
    standby.check()
    standby.end()
    world.assertQuiet()
  }

  for (const brokers of [1, 2, 3]) {
    test(`at all of ${brokers} brokers: the other one takes over, and nobody fails`, () => {
      const p = post(brokers)
      const calls = { by: p.r, perSecond: 200, ask: { waitForResponder: true } }
      drive(p.world, 200, calls)
      for (const broker of p.all) assert.equal(hold(broker, p.x, 3_000), 'held')
      const during = drive(p.world, 1_000, calls)
      p.standby.assertOwner('Y')
      p.world.run(20)
      assert.deepEqual(during.failed, [])
      assert.deepEqual(during.ranTwice, [])
      assert.ok(during.ranAt(p.y)[0]! - during.sent[0]!.call.startedAt < 300)
      const after = drive(p.world, 2_500, calls)
      p.world.run(20)
      assert.deepEqual(after.failed, [])
      assert.deepEqual(after.ranAt(p.x), [], 'released, it stands by')
      p.standby.assertOwner('Y')
      end(p)
    })
  }

  test('at one of three brokers: it stays active by the votes of the others, and gets this one back', () => {
    const p = post(3)
    const calls = { by: p.r, perSecond: 200 }
    const [b1] = p.all
    hold(b1!, p.x)
    const during = drive(p.world, 1_000, calls)
    p.world.run(20)
    assert.deepEqual(p.standby.activeNames, 'X')
    assert.deepEqual(during.failed, [])
    assert.notEqual(queuesOf(b1!)[0]!.owner, p.x.instance)
    release(b1!, p.x)
    p.world.run(1_000)
    p.standby.assertOwner('X')
    end(p)
  })

  test('now here, now there, in any order: never are two active', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const p = post(3)
      const { prng } = new World(seed)
      for (let i = 0; i < 40; i++) {
        const broker = p.all[prng.below(3)]!
        const client = prng.below(2) === 0 ? p.x : p.y
        if (prng.below(3) === 0) release(broker, client)
        else hold(broker, client, 1 + prng.below(2_000))
        if (prng.below(6) === 0) p.world.cut(client, broker.name)
        p.r.call({ waitForResponder: true, timeoutMs: 9_000 })
        p.world.run(1 + prng.below(300))
      }
      p.world.run(9_000)
      assert.equal(p.standby.active.length, 1, `seed ${seed}`)
      for (const call of p.r.calls) assert.equal(call.end, 'reply', `seed ${seed}`)
      end(p)
    }
  })
})
