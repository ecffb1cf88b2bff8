/** A bounded number of queues: who stands by, who takes over, and that there are never two owners. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { Crew, type Member } from './virtual/crew.ts'
import { Tenure } from './virtual/tenure.ts'
import { drive } from './virtual/traffic.ts'

const queuesOf = (broker: BrokerNode) => broker.view().topics[0]?.queues ?? []

const ownersAt = (broker: BrokerNode): string[] =>
  queuesOf(broker)
    .filter(({ state }) => state === 'writable')
    .map(({ owner }) => owner)

/** The member that owns the first queue of the broker. */
const firstOwner = (crew: Crew): Member => {
  const owner = ownersAt(crew.broker)[0]
  return crew.members.find(({ client }) => client.instance === owner)!
}

/** Five consumers of a topic that takes two queues at each of two brokers. */
const boundedCrew = () => {
  const crew = new Crew(5, 2, { maxQueues: 2 }, 2)
  const b2 = crew.world.brokers.get('b2')!
  const calls = { by: crew.r, perSecond: 500, ask: { timeoutMs: 3_000 } }
  return { crew, world: crew.world, b1: crew.broker, b2, calls }
}

describe('at most two queues for five consumers', () => {
  test('two at each broker; the others stand by, and are told so', () => {
    const { crew, world, b1, b2, calls } = boundedCrew()
    assert.deepEqual([ownersAt(b1).length, ownersAt(b2).length], [2, 2])
    for (const { client } of crew.members) assert.deepEqual(client.declared, [undefined])
    const traffic = drive(world, 1_000, calls)
    world.run(20)
    assert.deepEqual(traffic.failed, [])
    const used = crew.members.filter(({ client }) => traffic.ranAt(client).length > 0)
    const owners = new Set([...ownersAt(b1), ...ownersAt(b2)])
    assert.deepEqual(new Set(used.map(({ client }) => client.instance)), owners)
    world.assertQuiet()
  })

  for (const isKilled of [false, true]) {
    const how = isKilled ? 'is killed' : 'leaves'
    test(`an owner ${how}: one that stood by has its queue, same handle, higher epoch`, () => {
      const { crew, world, b1, b2, calls } = boundedCrew()
      const tenure = new Tenure(world, b1)
      drive(world, 300, calls)
      const before = new Map(queuesOf(b1).map((queue) => [queue.queue, queue]))
      const gone = firstOwner(crew)
      if (isKilled) crew.kill(gone)
      else crew.leave(gone)
      const during = drive(world, 250, calls)
      assert.deepEqual([ownersAt(b1).length, ownersAt(b2).length], [2, 2])
      for (const { queue, epoch, owner } of queuesOf(b1)) {
        const old = before.get(queue)!
        assert.notEqual(owner, gone.client.instance)
        if (old.owner === owner) assert.equal(epoch, old.epoch, 'the other queue is untouched')
        else assert.ok(epoch > old.epoch)
      }
      const after = drive(world, 500, calls)
      world.run(50)
      assert.deepEqual(after.failed, [])
      for (const { end } of during.failed) assert.equal(isKilled && end, 'responder_lost unknown')
      assert.deepEqual([...during.ranTwice, ...after.ranTwice], [])
      tenure.check()
      world.assertQuiet()
    })
  }

  test('all but one go, one after the other: two queues become one, and nobody fails', () => {
    const { crew, world, b1, calls } = boundedCrew()
    const tenure = new Tenure(world, b1)
    while (crew.members.length > 1) {
      crew.leave(firstOwner(crew))
      const traffic = drive(world, 300, calls)
      world.run(20)
      assert.deepEqual(traffic.failed, [])
      assert.equal(ownersAt(b1).length, Math.min(2, crew.members.length))
    }
    tenure.check()
    world.assertQuiet()
  })

  test('an owner whose link blinks keeps its queue, under a higher epoch', () => {
    const { crew, world, b1, calls } = boundedCrew()
    const owner = firstOwner(crew)
    const before = queuesOf(b1).find((queue) => queue.owner === owner.client.instance)!
    world.cut(owner.client, 'b1')
    const during = drive(world, 500, calls)
    world.run(50)
    const after = queuesOf(b1).find((queue) => queue.queue === before.queue)!
    assert.equal(after.owner, owner.client.instance)
    assert.ok(after.epoch > before.epoch)
    assert.deepEqual(during.failed, [])
    assert.deepEqual(during.ranTwice, [])
    world.assertQuiet()
  })
})

describe('one queue at most', () => {
  const lonelyCrew = (count: number, takesMs = 2) => {
    const crew = new Crew(count, takesMs, { maxQueues: 1, concurrency: 2, prefetch: 20 })
    const calls = { by: crew.r, perSecond: 200, ask: { timeoutMs: 3_000 } }
    return { crew, world: crew.world, r: crew.r, calls }
  }

  for (const isKilled of [false, true]) {
    const [how, limitMs] = isKilled ? ['killed', 200] : ['stopped in good order', 50]
    test(`fault row 32: its owner is ${how}, and nothing starts for ${limitMs} ms at most`, () => {
      const { crew, world, calls } = lonelyCrew(3)
      drive(world, 300, calls)
      const { now } = world
      if (isKilled) crew.kill(firstOwner(crew))
      else crew.leave(firstOwner(crew))
      const during = drive(world, 500, calls)
      world.run(20)
      const first = Math.min(...during.ranAt(firstOwner(crew).client))
      assert.ok(first - now <= limitMs, `${first - now} ms`)
      for (const { end } of during.failed) assert.equal(isKilled && end, 'responder_lost unknown')
      assert.deepEqual(during.ranTwice, [])
      world.assertQuiet()
    })
  }

  test('what waits when the queue changes hands is handed back, and runs at the new owner', () => {
    const { crew, world, r } = lonelyCrew(2, 50)
    const calls = r.callMany(200, { timeoutMs: 20_000 })
    world.run(120)
    crew.leave(firstOwner(crew))
    world.run(9_000)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    }
    world.assertQuiet()
  })

  test('an owner that was frozen while another took over starts nothing of what it has', () => {
    const { crew, world, r } = lonelyCrew(2, 20)
    const frozen = firstOwner(crew)
    drive(world, 200, { by: r, perSecond: 50 })
    world.freeze(frozen.client, 3_000)
    const calls = r.callMany(10, { timeoutMs: 9_000 })
    world.run(2_000)
    const taker = firstOwner(crew)
    assert.notEqual(taker, frozen)
    world.run(6_000)
    for (const call of calls) {
      const ran = world.ledger.of(r.idOf(call))
      assert.ok(ran.length <= 1)
      if (call.end === 'reply') assert.equal(ran[0]?.instance, taker.client.instance)
      else assert.deepEqual([call.end, ran.length], ['responder_lost unknown', 0])
    }
    assert.equal(firstOwner(crew), taker, 'and the queue does not go back')
    world.assertQuiet()
  })
})

describe('bounds that make no sense, or change', () => {
  test('min above max is refused, with both numbers, and the topic is as before', () => {
    const crew = new Crew(1)
    const { world, r } = crew
    const wrong = world.client('Wrong')
    wrong.answer((execution) => execution.reply(1, ''), { minQueues: 3, maxQueues: 2 })
    world.run(100)
    const [error] = wrong.declared
    assert.deepEqual([error?.code, error?.outcome], ['invalid_argument', 'not_executed'])
    assert.match(error!.message, /min 3 is above max 2/)
    assert.equal(ownersAt(crew.broker).length, 1)
    const traffic = drive(world, 200, { by: r, perSecond: 500 })
    world.run(20)
    assert.deepEqual(traffic.failed, [])
    assert.equal([...wrong.core.registrations.all].length, 0)
    world.assertQuiet()
  })

  test('a lower bound of a newer member takes queues away, a higher one gives more', () => {
    const crew = new Crew(4)
    const { world, r } = crew
    const tenure = new Tenure(world, crew.broker)
    const calls = { by: r, perSecond: 500, ask: { timeoutMs: 3_000 } }
    drive(world, 200, calls)
    crew.join(2, { maxQueues: 2 })
    const fewer = drive(world, 500, calls)
    assert.equal(ownersAt(crew.broker).length, 2)
    crew.join(2, { maxQueues: 5 })
    const more = drive(world, 500, calls)
    world.run(20)
    assert.equal(ownersAt(crew.broker).length, 5)
    assert.deepEqual([...fewer.failed, ...more.failed], [])
    assert.deepEqual([...fewer.ranTwice, ...more.ranTwice], [])
    tenure.check()
    world.assertQuiet()
  })

  test('fewer than the least: instances of another data centre take part', () => {
    const world = new World()
    const b1 = world.broker('b1', { idc: 'sz' })
    world.broker('b2', { idc: 'sh' })
    const bounds = { minQueues: 2 }
    for (const [name, idc] of [
      ['Ysz', 'sz'],
      ['Ysh', 'sh'],
    ] as const) {
      world.client(name, { idc }).answer((execution) => execution.reply(2, ''), bounds)
    }
    const r = world.client('R', { idc: 'sz' })
    world.run(500)
    assert.equal(ownersAt(b1).length, 2)
    const traffic = drive(world, 500, { by: r, perSecond: 500 })
    world.run(20)
    assert.deepEqual(traffic.failed, [])
    world.assertQuiet()
  })
})
