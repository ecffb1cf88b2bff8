/** What operators see of a broker: what became of each request, the story of one call, who is linked. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TraceRing } from '../broker/core/trace-ring.ts'
import type { QueueEnds } from '../broker/core/view.ts'
import { parseCorrelationId } from '../bus/correlation-id.ts'
import { Frame, Request } from '../bus/frame.ts'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import { TOPIC } from '../scenarios/sim/world/client-node.ts'
import { throws } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { Crew, release } from './virtual/crew.ts'
import { control, RawPeer } from './virtual/raw-peer.ts'
import { town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'

const watch = (broker: BrokerNode): void => broker.step(() => broker.core.observing.watch())

/** All that ever ended here, wherever its figures have gone. */
const totals = (broker: BrokerNode): { ends: QueueEnds; latencies: number } => {
  const { topics, forgotten, unqueued } = broker.view()
  const all = [
    forgotten,
    unqueued,
    ...topics.map(({ endedQueues: ends, endedLatency: latency }) => ({ ends, latency })),
    ...topics.flatMap(({ queues }) => queues),
  ]
  const ends: QueueEnds = { ...forgotten.ends }
  for (const key of Object.keys(ends) as (keyof QueueEnds)[]) {
    ends[key] = all.reduce((sum, one) => sum + one.ends[key], 0)
  }
  const latencies = all.flatMap(({ latency }) => latency).reduce((sum, n) => sum + n, 0)
  return { ends, latencies }
}
const sumOf = (ends: QueueEnds): number => Object.values(ends).reduce((a, b) => a + b, 0)

describe('figures of what became of requests', () => {
  test('each request counts once, at its queue, with the time its answer took', () => {
    const { world, b1, r, y } = town(1)
    const failing = world.client('F')
    failing.answer(throws(30), { topic: 'gone.wrong' })
    world.run(100)
    const calls = [...r.callMany(40), ...r.callMany(7, { topic: 'gone.wrong' })]
    world.run(200)
    assert.equal(calls.filter(({ isSettled }) => isSettled).length, 47)
    const [balance, wrong] = b1.view().topics
    assert.equal(balance!.queues[0]!.ends.ok, 40)
    assert.equal(balance!.queues[0]!.ownerLabel, y.facts.label)
    assert.equal(wrong!.queues[0]!.ends.handlerFailed, 7)
    const { latency } = wrong!.queues[0]!
    // 30 ms in the handler and 1 ms each way: between 30 and 40 ms.
    assert.equal(latency.length, 24)
    assert.equal(latency[23], 7)
    assert.equal(
      latency.reduce((a, b) => a + b, 0),
      7,
    )
    world.assertQuiet()
  })

  test('whatever comes and goes, the sums are all that ever came', () => {
    const crew = new Crew(3, 4, { concurrency: 4, prefetch: 4 }, 2)
    const { world, broker: b1 } = crew
    const b2 = world.brokers.get('b2')!
    const calls = { by: crew.r, perSecond: 2_000, ask: { timeoutMs: 400 } }
    for (let round = 0; round < 6; round++) {
      drive(world, 200, calls)
      if (round === 1) crew.leave(crew.members[0]!)
      if (round === 2) crew.kill(crew.members[0]!)
      if (round === 3) crew.join(4)
      if (round === 4) world.cut(crew.members[0]!.client)
      if (round === 5) crew.leave(crew.members[0]!)
    }
    world.run(1_000)
    const early = [b1, b2].map((broker) => totals(broker).ends)
    while (crew.members.length > 0) crew.leave(crew.members[0]!)
    crew.r.leave()
    world.clients.delete(crew.r)
    world.run(20_000)
    for (const [i, broker] of [b1, b2].entries()) {
      const { ends, latencies } = totals(broker)
      const { counters, topics } = broker.view()
      assert.deepEqual(topics, [], 'the topic is forgotten')
      assert.deepEqual(ends, early[i], 'its figures are not')
      assert.equal(sumOf(ends), counters.requests)
      assert.equal(latencies, ends.ok + ends.serviceErrors + ends.handlerFailed + ends.replyLost)
      assert.ok(ends.ok > 500 && ends.lost > 0, JSON.stringify(ends))
    }
    world.assertQuiet()
  })

  test('an idle queue has counted nothing', () => {
    const { world, b1 } = town(1)
    const [queue] = b1.view().topics[0]!.queues
    assert.equal(sumOf(queue!.ends), 0)
    assert.deepEqual(queue!.latency, [])
    world.assertQuiet()
  })
})

describe('the story of one call', () => {
  const storyOf = (broker: BrokerNode, id: string): string[] =>
    broker.core
      .trace(broker.now, id)
      .map(({ what, attempt, reason = '' }) => `${what} ${attempt} ${reason}`.trim())

  test('answered, refused, expired, cancelled, and sent again when its responder is lost', () => {
    const crew = new Crew(1, 2, { concurrency: 1, prefetch: 1 })
    const { world, broker: b1, r } = crew
    const [member] = crew.members
    watch(b1)
    const answered = r.call()
    world.run(20)
    assert.deepEqual(storyOf(b1, r.idOf(answered)), ['dispatched 1', 'replied 1 ok'])
    const [first] = b1.core.trace(b1.now, r.idOf(answered))
    assert.deepEqual(first, {
      ...{ agoMs: first!.agoMs, role: 'broker', node: 'b1', what: 'dispatched', attempt: 1 },
      ...{ topic: TOPIC, queue: 1, instance: member!.client.instance },
    })

    member!.mood.takesMs = undefined
    const held = r.callMany(2, { timeoutMs: 4_000 })
    world.run(10)
    const expired = r.call({ timeoutMs: 100 })
    const cancelled = r.call({ timeoutMs: 4_000 })
    const looping = r.call({ timeoutMs: 4_000, loop: true })
    world.run(10)
    r.cancel(cancelled)
    world.run(200)
    assert.deepEqual(storyOf(b1, r.idOf(cancelled)), ['queued 1', 'cancelled 1'])
    assert.equal(storyOf(b1, r.idOf(expired)).at(0), 'queued 1')
    assert.equal(storyOf(b1, r.idOf(expired)).at(1), 'expired 1 expired')
    assert.equal(storyOf(b1, r.idOf(looping))[0], 'refused 1 loop')

    world.cut(member!.client)
    world.run(300)
    member!.mood.takesMs = 2
    release(member!.mood)
    world.run(300)
    const story = storyOf(b1, r.idOf(held[0]!))
    assert.deepEqual(story.slice(0, 2), ['dispatched 1', 'lost 1 link_lost'])
    assert.ok(
      story.some((line) => /^dispatched [23]/.test(line)),
      story.join(),
    )
    assert.ok(
      story.some((line) => line.startsWith('replied')),
      story.join(),
    )
    const { traced, traceDropped } = b1.view().counters
    assert.ok(traced! > 10)
    assert.equal(traceDropped, 0)
    world.assertQuiet()
  })

  test('keeps its names when sessions and topics are gone', () => {
    const crew = new Crew(1)
    const { world, broker: b1, r } = crew
    watch(b1)
    const call = r.call()
    world.run(50)
    const id = r.idOf(call)
    const before = b1.core.trace(b1.now, id).map(({ agoMs, ...told }) => told)
    crew.kill(crew.members[0]!)
    world.kill(r)
    world.run(30_000)
    assert.deepEqual(b1.view().topics, [])
    const after = b1.core.trace(b1.now, id).map(({ agoMs, ...told }) => told)
    assert.equal(before.length, 2)
    assert.deepEqual(after, before)
    for (const wrong of ['not-an-id', 'somebody-else-77']) {
      assert.deepEqual(b1.core.trace(b1.now, wrong), [])
    }
    world.assertQuiet()
  })

  test('of a notable one outlives the many that were answered after it', () => {
    const world = new World()
    world.broker('b1', { traceEvents: 100 })
    const { b1, r } = town(1, undefined, {}, world)
    watch(b1)
    const usual = r.call()
    const again = new RawPeer(world)
    world.run(50)
    assert.deepEqual(storyOf(b1, r.idOf(usual)).length, 2)
    // A queue that was never there: refused.
    const hello = { instance: 'instance-of-raw', replyTopic: 'replies-of-raw' }
    again.hello(hello)
    const request = Buffer.alloc(Request.head)
    request.writeUInt32LE(Request.head - 4, 0)
    request[4] = Frame.request
    request[Request.attempt] = 1
    request[Request.counter] = 9
    again.batch(request)
    for (let i = 0; i < 100; i++) r.call()
    world.run(100)
    assert.deepEqual(storyOf(b1, r.idOf(usual)), [])
    assert.deepEqual(storyOf(b1, 'instance-of-raw-9'), ['refused 1 stale'])
    const { traced, traceDropped } = b1.view().counters
    assert.equal(traceDropped, traced! - 100)
    again.leave()
    world.assertQuiet()
  })

  test('nobody watches: nothing is remembered', () => {
    const { world, b1, r } = town(1)
    const call = r.call()
    world.run(50)
    assert.deepEqual(b1.core.trace(b1.now, r.idOf(call)), [])
    assert.equal(b1.view().counters.traced, undefined)
    world.assertQuiet()
  })

  test('a ring forgets the oldest, and says how many', () => {
    const ring = new TraceRing(4)
    for (let n = 1; n <= 10; n++) ring.put(n, n * 10, 1, 7, 5, n > 8, 1, 2, 3, 4, 0)
    assert.equal(ring.dropped, 6)
    assert.deepEqual(
      ring
        .find(new Set([7]), 5, false)
        .map(({ number }) => number)
        .sort(),
      [7, 8],
    )
    assert.deepEqual(
      ring.find(new Set([7]), 5, true).map(({ at }) => at),
      [90, 100],
    )
    assert.deepEqual(ring.find(new Set([8]), 5, true), [])
  })

  test('the name of a call is read as it is written', () => {
    const of = (text: string) => parseCorrelationId(text)
    assert.deepEqual(of('ab-c_d-12'), { instance: 'ab-c_d', isLong: false, counter: 12 })
    assert.deepEqual(of('x--L9007199254740991'), {
      ...{ instance: 'x-', isLong: true, counter: Number.MAX_SAFE_INTEGER },
    })
    for (const wrong of [
      '',
      'x',
      'x-',
      'x-0',
      'x-07',
      'x-9007199254740992',
      '-1',
      'x-l1',
      'x-1 ',
    ]) {
      assert.equal(of(wrong), undefined, wrong)
    }
  })
})

describe('clients as their broker sees them', () => {
  test('in pages, in order of their ids; and one by one', () => {
    const { world, b1, r, y } = town(1)
    for (let i = 0; i < 20; i++) world.client(`C${i}`)
    world.run(100)
    const found: string[] = []
    for (let after = ''; ; after = found.at(-1)!) {
      const page = b1.core.sessions(b1.now, after, 7)
      if (page.length === 0) break
      assert.ok(page.length <= 7)
      found.push(...page.map(({ instance }) => instance))
    }
    assert.deepEqual(found, [...world.clients].map(({ instance }) => instance).sort())
    const view = b1.core.session(b1.now, y.instance)!
    assert.deepEqual(
      { state: view.state, answers: view.answers, watches: view.watches, name: view.name },
      { state: 'up', answers: 1, watches: 0, name: 'Y' },
    )
    world.part(r)
    world.run(500)
    const lost = b1.core.session(b1.now, r.instance)!
    assert.equal(lost.state, 'lost')
    assert.ok(lost.forMs >= 499 && lost.forMs <= 500, String(lost.forMs))
    assert.equal(b1.core.session(b1.now, 'nobody'), undefined)
    world.assertQuiet()
  })
})

describe('reports', () => {
  const reports = (count: number): Buffer[] =>
    Array.from({ length: count }, (_, n) => control(Frame.report, Buffer.from(`{"n":${n}}`)))

  test('that nobody asked for are counted, and the link stands', () => {
    const world = new World()
    const b1 = world.broker()
    const peer = new RawPeer(world)
    peer.hello()
    peer.batch(...reports(3))
    assert.equal(peer.closedBy, undefined)
    assert.deepEqual(peer.of(Frame.observe), [])
    assert.deepEqual(b1.reports, [])
    assert.equal(b1.view().counters.reportsRefused, 3)
    peer.leave()
    world.assertQuiet()
  })

  test('more than one in 50 ms, or larger than asked for, are counted and dropped', () => {
    const world = new World()
    const b1 = world.broker()
    watch(b1)
    const peer = new RawPeer(world)
    peer.hello()
    assert.equal(peer.of(Frame.observe).length, 1)
    peer.batch(...reports(100))
    const soon = b1.reports.length
    assert.ok(soon > 5 && soon < 30, `${soon} at once`)
    for (let i = 0; i < 100; i++) peer.batch(...reports(1))
    const { reports: taken, reportsRefused } = b1.view().counters
    assert.ok(taken! <= soon + 11, `${taken! - soon} in half a second`)
    assert.equal(taken! + reportsRefused!, 200)
    world.run(5_000)
    peer.batch(control(Frame.report, Buffer.alloc(65_537)))
    peer.batch(control(Frame.report, Buffer.alloc(300_000)))
    assert.equal(b1.view().counters.reports, taken)
    peer.batch(control(Frame.report, Buffer.alloc(65_536)))
    assert.equal(b1.view().counters.reports, taken! + 1)
    // Of the largest ten come through at once, and after that two in a second.
    world.run(10_000)
    for (let i = 0; i < 15; i++) peer.batch(control(Frame.report, Buffer.alloc(65_536)))
    const large = b1.view().counters.reports! - taken! - 1
    assert.ok(large >= 10 && large <= 11, `${large} of the largest`)
    assert.equal(peer.closedBy, undefined)
    peer.leave()
    world.assertQuiet()
  })

  test('come more seldom the more clients there are, and all are told', () => {
    const world = new World()
    const b1 = world.broker('b1', { maxSessions: 5_000, sessionHoldMs: 100 })
    const peers = Array.from({ length: 3 }, (_, i) => {
      const peer = new RawPeer(world)
      peer.hello({ instance: `instance-of-${i}`, replyTopic: `replies-of-${i}` })
      return peer
    })
    watch(b1)
    world.run(10)
    const everyMs = (peer: RawPeer) => peer.of(Frame.observe).map((frame) => frame.readUInt32LE(5))
    assert.deepEqual(everyMs(peers[0]!), [1_000])
    for (let i = 3; i < 2_001; i++) {
      const peer = new RawPeer(world)
      peers.push(peer)
      peer.hello({ instance: `instance-of-${i}`, replyTopic: `replies-of-${i}` })
    }
    world.run(100)
    assert.deepEqual(everyMs(peers.at(-1)!), [2_000])
    for (const peer of peers.slice(0, -1)) assert.deepEqual(everyMs(peer), [1_000, 2_000])
    for (const peer of peers) peer.leave()
    world.assertQuiet()
  })
})
