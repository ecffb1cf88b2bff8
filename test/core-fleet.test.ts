/** Very many responders of one topic, very many topics of one responder: what that costs the others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FieldReader } from '../bus/bytes.ts'
import { FRAME_HEAD, Frame, QueueState } from '../bus/frame.ts'
import { decodeRoutes, encodeTopic, type Routes } from '../bus/topic-frames.ts'
import { type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { control, RawPeer } from './virtual/raw-peer.ts'

const TOLD = 32

/** Responders of one topic at one broker, and requesters that have called it. */
const fleet = (responders: number, requesters: number, idc = 'local') => {
  const world = new World()
  const broker = world.broker('b1', { idc })
  const join = (count: number, where = idc): ClientNode[] =>
    Array.from({ length: count }, (_, i) => {
      const client = world.client(`Y${i}`, { idc: where })
      client.answer(replies(2))
      return client
    })
  const members = join(responders)
  world.run(300)
  const callers = Array.from({ length: requesters }, (_, i) => world.client(`R${i}`, { idc }))
  world.run(50)
  for (const caller of callers) caller.call()
  world.run(100)
  return { world, broker, members, callers, join }
}

const queuesOf = (caller: ClientNode) => caller.core.requester.topics.find(TOPIC)!.queues

const writable = (caller: ClientNode): number =>
  queuesOf(caller).filter(({ state }) => state === QueueState.writable).length

const failed = (callers: ClientNode[]): string[] =>
  callers.flatMap(({ calls }) => calls.map(({ end }) => end)).filter((end) => end !== 'reply')

/** The instances that these callers' calls ran at. */
const ranAt = (world: World, callers: ClientNode[], from = 0): Set<string> => {
  const instances = new Set<string>()
  for (const caller of callers) {
    for (const call of caller.calls.slice(from)) {
      for (const { instance } of world.ledger.of(caller.idOf(call))) instances.add(instance)
    }
  }
  return instances
}

/** Somebody who watches the topic and keeps all that it is told. */
const watcher = (world: World): { peer: RawPeer; told: () => Routes[]; known: () => number } => {
  const peer = new RawPeer(world)
  peer.hello({ instance: 'instance-watcher' })
  peer.batch(control(Frame.watch, encodeTopic(TOPIC)))
  const told = (): Routes[] =>
    peer
      .of(Frame.routes)
      .map((frame) => decodeRoutes(new FieldReader(frame, FRAME_HEAD, frame.length)))
  const known = (): number => {
    const queues = new Set<number>()
    for (const { isFull, entries } of told()) {
      if (isFull) queues.clear()
      for (const { queue, state } of entries) {
        if (state === QueueState.gone) queues.delete(queue)
        else queues.add(queue)
      }
    }
    return queues.size
  }
  return { peer, told, known }
}

describe('a topic with 200 responders', () => {
  test('everybody knows 32 of them, and together they call all', () => {
    const { world, callers, members } = fleet(200, 40)
    for (const caller of callers) assert.equal(queuesOf(caller).length, TOLD)
    for (const caller of callers) caller.callMany(40)
    world.run(200)
    assert.deepEqual(failed(callers), [])
    const idle = members.length - ranAt(world, callers).size
    assert.ok(idle <= 4, `${idle} of 200 were never called`)
    world.assertQuiet()
  })

  test('half of them go one after the other: every call is answered, and little is told', () => {
    const { world, callers, members } = fleet(200, 20)
    const pushes = callers.map((caller) => caller.advised('routes').length)
    for (const [i, member] of members.slice(0, 100).entries()) {
      if (i % 2 === 0) world.kill(member)
      else member.leave()
      for (const caller of callers) caller.call({ idempotent: true })
      world.run(25)
      for (const caller of callers) caller.call({ idempotent: true })
      world.run(25)
    }
    world.run(1_000)
    assert.deepEqual(failed(callers), [])
    for (const [i, caller] of callers.entries()) {
      const news = caller.advised('routes').length - pushes[i]!
      // A queue that is lost is told as in transition, and as gone: 32 of these 200 concern it.
      assert.ok(news <= 60, `${news} pushes for 100 responders that went`)
      assert.ok(writable(caller) >= 16, `${writable(caller)} writable queues are left to it`)
    }
    world.assertQuiet()
  })

  test('all lose their links at once: after a moment everybody has enough again', () => {
    const { world, broker, callers, members } = fleet(200, 20)
    for (const member of members) world.cut(member)
    for (const caller of callers) caller.callMany(5, { idempotent: true })
    world.run(1_000)
    const rows = broker.view().topics[0]!.queues
    assert.equal(rows.filter(({ state }) => state === 'writable').length, 200)
    for (const caller of callers) assert.ok(writable(caller) >= 16)
    assert.deepEqual(failed(callers), [])
    world.assertQuiet()
  })

  test('the broker is restarted: the same, with new queues', () => {
    const { world, callers } = fleet(200, 20)
    world.restart('b1')
    for (const caller of callers) caller.callMany(5, { waitForResponder: true })
    world.run(2_500)
    assert.deepEqual(failed(callers), [])
    for (const caller of callers) assert.equal(queuesOf(caller).length, TOLD)
    world.assertQuiet()
  })

  test('who calls it no more is told nothing more', () => {
    const { world, members } = fleet(200, 1)
    const { peer, told } = watcher(world)
    peer.batch(control(Frame.unwatch, encodeTopic(TOPIC)))
    const frames = told().length
    for (const member of members.slice(0, 150)) world.kill(member)
    world.run(1_000)
    assert.equal(told().length, frames)
    peer.leave()
    world.assertQuiet()
  })
})

describe('a topic that grows and shrinks', () => {
  test('is told whole up to 64 queues and again below 48: one full frame each time', () => {
    const { world, members, join } = fleet(60, 1)
    const { peer, told, known } = watcher(world)
    const full = (): number => told().filter(({ isFull }) => isFull).length
    assert.deepEqual([full(), known()], [1, 60])
    members.push(...join(4))
    world.run(100)
    assert.deepEqual([full(), known()], [1, 64])
    members.push(...join(1))
    world.run(100)
    assert.deepEqual([full(), known()], [2, TOLD])
    members.push(...join(35))
    world.run(100)
    assert.deepEqual([full(), known()], [2, TOLD])
    const lose = (count: number): void => {
      for (const member of members.splice(0, count)) member.leave()
      world.run(100)
    }
    for (let left = 100; left > 48; left -= 4) lose(4)
    assert.ok(known() >= 16 && known() <= TOLD, `${known()} known`)
    const before = full()
    lose(1)
    assert.deepEqual([full(), known()], [before + 1, 47])
    lose(7)
    assert.deepEqual([full(), known()], [before + 1, 40])
    peer.leave()
    world.assertQuiet()
  })

  test('of what it does not know a watcher hears nothing', () => {
    const { world, members } = fleet(200, 1)
    const { peer, told, known } = watcher(world)
    const before = new Set(told().flatMap(({ entries }) => entries.map(({ instance }) => instance)))
    assert.equal(before.size, TOLD)
    const others = members.filter(({ instance }) => !before.has(instance)).slice(0, 50)
    const frames = told().length
    for (const other of others) {
      world.kill(other)
      world.run(50)
    }
    world.run(300)
    assert.deepEqual([told().length, known()], [frames, TOLD])
    peer.leave()
    world.assertQuiet()
  })
})

test('instances of another data centre take part: a requester knows all of its own, and some of those', () => {
  const { world, members, callers, join } = fleet(40, 5, 'sz')
  join(100, 'sh')
  world.run(300)
  for (const caller of callers) assert.equal(queuesOf(caller).length, 40)
  // Fewer than half of the usual: the others come to help.
  for (const member of members.splice(0, 30)) world.kill(member)
  world.run(500)
  for (const caller of callers) {
    const tiers = caller.core.requester.topics.find(TOPIC)!.tiers.map(({ length }) => length)
    assert.deepEqual(tiers, [10, 22, 0])
    caller.callMany(10)
  }
  world.run(100)
  assert.deepEqual(failed(callers), [])
  const atHome = new Set(members.map(({ instance }) => instance))
  const ran = [...ranAt(world, callers, 1)]
  assert.ok(ran.length >= 8 && ran.every((instance) => atHome.has(instance)), ran.join(' '))
  world.assertQuiet()
})

test('a bound that the newest member does not have is lifted for all', () => {
  for (const count of [5, 80]) {
    const world = new World()
    const broker = world.broker('b1')
    const members = Array.from({ length: count }, (_, i) => world.client(`Y${i}`))
    for (const member of members) member.answer(replies(1), { maxQueues: 2 })
    world.run(100)
    assert.equal(broker.view().topics[0]!.queues.length, 2)
    const last = world.client('Z')
    last.answer(replies(1))
    world.run(100)
    assert.equal(broker.view().topics[0]!.queues.length, count + 1)
    world.kill(last)
    world.assertQuiet()
  }
})

describe('a client that answers very many topics', () => {
  const TOPICS = 10_000
  const NAMES = Array.from({ length: TOPICS }, (_, i) => `account.t${i}`)

  const states = (world: World): Record<string, number> => {
    const counts: Record<string, number> = {}
    const { topics } = world.brokers.get('b1')!.view()
    for (const { state } of topics.flatMap(({ queues }) => queues)) {
      counts[state] = (counts[state] ?? 0) + 1
    }
    return counts
  }

  const crowd = () => {
    const world = new World()
    world.broker('b1')
    const y = world.client('Y')
    const r = world.client('R')
    world.run(50)
    const registrations = NAMES.map((topic) => y.answer(replies(1), { topic }))
    world.run(200)
    assert.deepEqual(states(world), { writable: TOPICS })
    return { world, y, r, registrations }
  }

  const callSome = (world: World, r: ClientNode): void => {
    const calls = NAMES.filter((_, i) => i % 1_000 === 7).map((topic) => r.call({ topic }))
    world.run(200)
    for (const { end } of calls) assert.equal(end, 'reply')
  }

  test('its link is cut, and its broker restarted: all are declared anew and writable', () => {
    const { world, y, r } = crowd()
    callSome(world, r)
    world.cut(y)
    world.run(300)
    assert.deepEqual(states(world), { writable: TOPICS })
    callSome(world, r)
    world.restart('b1')
    world.run(500)
    assert.deepEqual(states(world), { writable: TOPICS })
    callSome(world, r)
  })

  test('a broker that has not come to what it declares again takes nothing from it', () => {
    const { world, y } = crowd()
    const { core, advisories } = world.brokers.get('b1')!
    world.cut(y)
    // Its loop turns slowly: what was read waits.
    Object.defineProperty(core, 'isBehind', { value: false, configurable: true })
    world.run(2_500)
    assert.ok((states(world).transition ?? 0) > TOPICS / 2, JSON.stringify(states(world)))
    Reflect.deleteProperty(core, 'isBehind')
    world.run(20_000)
    assert.deepEqual(states(world), { writable: TOPICS })
    const lost = advisories.filter(({ kind }) => kind === 'queue_gone')
    assert.deepEqual(lost, [])
  })

  test('what it said on a link that is gone is not done after it', () => {
    const { world, y } = crowd()
    const { core } = world.brokers.get('b1')!
    world.cut(y)
    Object.defineProperty(core, 'isBehind', { value: false, configurable: true })
    world.run(100)
    world.part(y)
    world.run(10)
    Reflect.deleteProperty(core, 'isBehind')
    world.run(1_000)
    assert.deepEqual(states(world), {})
    world.heal(y)
    world.run(1_000)
    assert.deepEqual(states(world), { writable: TOPICS })
  })

  test('what it asks for in one breath is done in its order', () => {
    const world = new World()
    world.broker('b1')
    const y = world.client('Y')
    const r = world.client('R')
    world.run(50)
    const registrations = NAMES.slice(0, 2_000).map((topic) => y.answer(replies(1), { topic }))
    for (const registration of registrations.slice(0, 1_000)) y.unanswer(registration)
    world.run(100)
    assert.deepEqual(states(world), { writable: 1_000 })
    assert.equal(y.core.registrations.size, 1_000)
    const calls = [500, 1_500].map((i) => r.call({ topic: NAMES[i]! }))
    world.run(50)
    assert.deepEqual(
      calls.map(({ end }) => end),
      ['no_responder not_executed', 'reply'],
    )
    world.assertQuiet()
  })

  test('lost for good, its queues are given up in one go', () => {
    const { world, y } = crowd()
    world.kill(y)
    world.run(200)
    assert.deepEqual(states(world), {})
    world.run(15_000)
    assert.equal(world.brokers.get('b1')!.view().topics.length, 0)
  })
})
