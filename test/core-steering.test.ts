/** Operators change the limits of a topic and end sessions; who else is there does not notice. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { Crew, release } from './virtual/crew.ts'
import { RawPeer } from './virtual/raw-peer.ts'
import { town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'

const setLimits = (
  broker: BrokerNode,
  changes: { maxDepth?: number; maxDepthBytes?: number },
  topic = TOPIC,
) => {
  let answer: ReturnType<BrokerNode['core']['setLimits']>
  broker.step((now) => {
    answer = broker.core.setLimits(now, topic, changes)
  })
  return answer
}

const kick = (broker: BrokerNode, { instance }: { instance: string }, banMs = 0): boolean => {
  let isDone = false
  broker.step((now) => {
    isDone = broker.core.kick(now, instance, 'it floods us', banMs)
  })
  return isDone
}

describe('limits of a topic', () => {
  /** A responder that hangs, with so many calls before it. */
  const jam = (count: number) => {
    const crew = new Crew(1, 2, { concurrency: 2, prefetch: 2 })
    const [member] = crew.members
    member!.mood.takesMs = undefined
    const calls = crew.r.callMany(count, { timeoutMs: 20_000 })
    crew.world.run(50)
    const goOn = (): void => {
      member!.mood.takesMs = 2
      release(member!.mood)
    }
    return { crew, world: crew.world, b1: crew.broker, r: crew.r, calls, goOn }
  }

  test('lowered below what waits: full at once, nothing is thrown away, and it opens again', () => {
    const { world, b1, r, calls, goOn } = jam(100)
    const defaults = { maxDepth: 10_000, maxDepthBytes: 32 * 1_048_576 }
    assert.deepEqual(setLimits(b1, { maxDepth: 50 }), {
      before: defaults,
      after: { ...defaults, maxDepth: 50 },
    })
    const [queue] = b1.view().topics[0]!.queues
    assert.equal(queue!.state, 'full')
    assert.equal(queue!.waiting + queue!.unanswered, 100)
    assert.equal(b1.view().topics[0]!.maxDepth, 50)
    assert.deepEqual(
      b1.advised('queue_full').map(({ depth, limit }) => [depth, limit]),
      [[100, 50]],
    )
    const refused = r.call()
    world.run(50)
    assert.equal(refused.end, 'overloaded not_executed')
    goOn()
    world.run(500)
    for (const call of calls) assert.equal(call.end, 'reply')
    const later = r.call()
    world.run(100)
    assert.equal(later.end, 'reply')
    assert.equal(b1.advised('limits_set').length, 1)
    world.assertQuiet()
  })

  test('only what is named changes; raised, a full queue opens at once', () => {
    const { world, b1, r, calls, goOn } = jam(20)
    setLimits(b1, { maxDepth: 10 })
    setLimits(b1, { maxDepthBytes: 1_000_000 })
    assert.equal(b1.view().topics[0]!.maxDepth, 10)
    assert.deepEqual(setLimits(b1, { maxDepth: 100 })!.after, {
      ...{ maxDepth: 100, maxDepthBytes: 1_000_000 },
    })
    assert.equal(b1.view().topics[0]!.queues[0]!.state, 'writable')
    world.run(50)
    const call = r.call({ timeoutMs: 5_000 })
    world.run(50)
    goOn()
    world.run(200)
    for (const one of [...calls, call]) assert.equal(one.end, 'reply')
    world.assertQuiet()
  })

  test('hold for queues that come later, and for no other topic; one nobody knows has none', () => {
    const { world, b1, y } = town(1)
    setLimits(b1, { maxDepth: 7 })
    y.answer((execution) => execution.reply(1, ''), { topic: 'another.topic' })
    world.client('Z').answer((execution) => execution.reply(1, ''))
    world.run(100)
    const depths = b1.view().topics.map(({ topic, maxDepth }) => [topic, maxDepth])
    assert.deepEqual(depths, [
      [TOPIC, 7],
      ['another.topic', 10_000],
    ])
    assert.equal(setLimits(b1, { maxDepth: 7 }, 'unheard.of'), undefined)
    world.assertQuiet()
  })
})

describe('a session is ended by an operator', () => {
  test('a responder: its calls are recovered by the other broker, and it comes back at once', () => {
    const crew = new Crew(2, 20, {}, 2)
    const { world, broker: b1 } = crew
    const [kicked] = crew.clients as [ClientNode]
    const calls = { by: crew.r, perSecond: 300 }
    drive(world, 200, calls)
    assert.equal(kick(b1, kicked), true)
    assert.equal(b1.core.session(b1.now, kicked.instance), undefined)
    const during = drive(world, 1_500, calls)
    world.run(100)
    assert.deepEqual(during.ends, { reply: during.count })
    assert.deepEqual(during.ranTwice, [])
    assert.ok(kicked.links[0]!.isUp)
    assert.equal(kicked.advised('link_refused')[0]?.code, 'forbidden')
    assert.match(kicked.advised('link_refused')[0]!.message, /an operator.*it floods us/)
    assert.deepEqual(b1.advised('session_kicked'), [
      { kind: 'session_kicked', peer: kicked.instance, reason: 'it floods us', forMs: 0 },
    ])
    world.assertQuiet()
  })

  test('banned, it is refused for that long and told why; then it is let in', () => {
    const crew = new Crew(1, 2, {}, 2)
    const { world, broker: b1 } = crew
    const [kicked] = crew.clients as [ClientNode]
    kick(b1, kicked, 10_000)
    world.run(9_900)
    assert.equal(kicked.links[0]!.isUp, false)
    const last = kicked.refusals.at(-1)!
    assert.equal(last.code, 'forbidden')
    assert.match(last.message, /banned this instance for \d+ ms more: it floods us/)
    const dials = kicked.refusals.length
    assert.ok(dials >= 2 && dials <= 5, `it has gone on dialling, not in haste: ${dials} times`)
    world.run(6_100)
    assert.ok(kicked.links[0]!.isUp)
    const call = crew.r.call()
    world.run(50)
    assert.equal(call.end, 'reply')
    world.assertQuiet()
  })

  test('nobody by that name: nothing happens', () => {
    const { world, b1 } = town(1)
    assert.equal(kick(b1, { instance: 'nobody' }, 1_000), false)
    assert.deepEqual(b1.advised('session_kicked'), [])
    const peer = new RawPeer(world)
    assert.notEqual(peer.hello({ instance: 'instance-of-raw' }), 0)
    peer.leave()
    world.assertQuiet()
  })
})
