/** Active/standby: majorities, data centres, peers that lie, and what becomes of calls. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FieldReader, FieldWriter } from '../bus/bytes.ts'
import { FRAME_HEAD, Frame } from '../bus/frame.ts'
import {
  decodeRegistered,
  encodeAssigned,
  encodeRegister,
  encodeStanding,
  Standing,
} from '../bus/topic-frames.ts'
import { votesToBegin, votesToStay } from '../rr-client/core/candidacy.ts'
import { TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { control, RawPeer } from './virtual/raw-peer.ts'
import { Standby } from './virtual/standby.ts'

const LEASE_MS = 2_000

test('with the votes that keep an instance active no other can get those it takes to begin', () => {
  for (let brokers = 1; brokers <= 100; brokers++) {
    const [begin, stay] = [votesToBegin(brokers), votesToStay(brokers)]
    assert.ok(begin + stay > brokers, 'otherwise two could be active')
    assert.ok(2 * begin > brokers, 'otherwise two could begin at once')
    assert.ok(stay <= begin, 'who begins may stay')
    assert.ok(brokers < 2 || stay < brokers, 'one broker may be down')
  }
})

describe('data centres', () => {
  /** Two brokers in the first, one in the second, a candidate in each, and requesters in three. */
  const sites = () => {
    const world = new World()
    world.awayMs = 20
    for (const name of ['b1', 'b2']) world.broker(name, { idc: 'sz' })
    world.broker('b3', { idc: 'sh' })
    const standby = new Standby(world)
    const sh = standby.join('SH', replies(1), { idc: 'sh' })
    const sz = standby.join('SZ', replies(1), { idc: 'sz' })
    const requesters = ['sz', 'sh', 'bj'].map((idc) => world.client(`R${idc}`, { idc }))
    world.run(LEASE_MS + 500)
    return { world, standby, sh, sz, requesters }
  }

  test('requesters of any find the active one, wherever it is, and its successor', () => {
    const { world, standby, sh, requesters } = sites()
    standby.assertOwner('SH')
    for (const name of ['SH', 'SZ']) {
      const calls = requesters.map((r) => r.call({ body: name }))
      world.run(500)
      assert.deepEqual(
        calls.map((call) => call.end),
        ['reply', 'reply', 'reply'],
      )
      standby.assertOwner(name)
      if (name === 'SH') standby.leave(sh)
      world.run(500)
    }
    standby.end()
    world.assertQuiet()
  })

  test('cut from each other: the one with the majority of the brokers goes on, by itself', () => {
    const { world, standby, requesters } = sites()
    world.wall('sz', 'sh')
    world.wall('sh', 'sz')
    world.run(LEASE_MS + 1_500)
    assert.equal(standby.activeNames, 'SZ')
    const call = requesters[0]!.call({ body: 'a' })
    const alone = requesters[1]!.call({ body: 'b' })
    world.run(3_000)
    assert.equal(call.reply, 're:a')
    assert.equal(alone.error?.outcome, 'not_executed')
    world.healAll()
    world.run(10_000)
    standby.assertOwner('SZ')
    standby.end()
    world.assertQuiet()
  })

  test('an even split has no majority: nobody is active until it is over', () => {
    const world = new World()
    world.broker('b1', { idc: 'sz' })
    world.broker('b2', { idc: 'sh' })
    const standby = new Standby(world)
    const sh = standby.join('SH', replies(1), { idc: 'sh' })
    standby.join('SZ', replies(1), { idc: 'sz' })
    world.run(LEASE_MS + 500)
    standby.assertOwner('SH')
    world.wall('sz', 'sh')
    world.wall('sh', 'sz')
    world.run(5_000)
    assert.equal(standby.activeNames, 'SH', 'one vote of two keeps every other from two')
    world.kill(sh.client)
    world.run(5_000)
    assert.equal(standby.activeNames, '')
    world.healAll()
    world.run(10_000)
    standby.assertOwner('SZ')
    standby.end()
    world.assertQuiet()
  })
})

describe('calls', () => {
  test('what the active one holds when it has to stop is run by the next one, and once', () => {
    const world = new World()
    for (const name of ['b1', 'b2', 'b3']) world.broker(name)
    const standby = new Standby(world)
    const lane = { concurrency: 1 }
    const x = standby.join('X', replies(50), {}, lane)
    standby.join('Y', replies(1), {}, lane)
    const r = world.client('R', { brokers: ['b1'] })
    world.run(LEASE_MS + 300)
    const calls = r.callMany(10, { waitForResponder: true, timeoutMs: 9_000 })
    world.run(20)
    for (const name of ['b2', 'b3']) world.part(x.client, name)
    assert.deepEqual([standby.activeNames, x.registration.waiting], ['', 0])
    world.run(6_000)
    assert.deepEqual(
      calls.map((call) => call.end),
      calls.map(() => 'reply'),
    )
    for (const call of calls) assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    const [first, ...others] = standby.starts.map(({ instance }) => instance === x.client.instance)
    assert.deepEqual([first, others.includes(true)], [true, false])
    standby.end()
    world.assertQuiet()
  })

  test('one that is pinned to an instance which stands by now goes to the active one', () => {
    const world = new World()
    for (const name of ['b1', 'b2']) world.broker(name)
    const standby = new Standby(world)
    const x = standby.join('X', replies(1))
    standby.join('Y', replies(1))
    const r = world.client('R')
    world.run(LEASE_MS + 300)
    // Frozen, X has what was sent and does not start it; thawed, it finds that it may not.
    world.freeze(x.client, LEASE_MS + 1_000)
    const call = r.call({ body: 'a', waitForResponder: true, timeoutMs: 9_000 })
    world.run(6_000)
    assert.ok(['reply', 'responder_lost unknown'].includes(call.end), call.end)
    const ran = world.ledger.of(r.idOf(call)).map(({ instance }) => instance)
    assert.equal(ran.includes(x.client.instance), false)
    standby.end()
    world.assertQuiet()
  })
})

describe('a peer that does not keep to it', () => {
  const ask = { id: 1, topic: TOPIC, group: 'accounts', window: 8, windowBytes: 9_999 }
  const register = encodeRegister({ ...ask, isStandby: true, minQueues: 0, maxQueues: 0 })
  const said = (standing: Standing, brokers = 1): Buffer =>
    control(Frame.standing, encodeStanding({ id: 1, standing, brokers }))
  const reasons = (peer: RawPeer): string[] =>
    peer
      .of(Frame.registered)
      .map((frame) => decodeRegistered(new FieldReader(frame, FRAME_HEAD, frame.length)).message)

  const world1 = () => {
    const world = new World()
    const broker = world.broker()
    const standby = new Standby(world)
    standby.join('X', replies(1))
    world.run(LEASE_MS + 300)
    const peer = new RawPeer(world)
    // Its id comes before that of X.
    peer.hello({ instance: 'instance-0000' })
    return { world, broker, standby, peer }
  }

  test('a standing that is none ends its link', () => {
    const { world, standby, peer } = world1()
    const news = new FieldWriter().u32(1).u8(3).u16(1).done()
    peer.batch(control(Frame.register, register), control(Frame.standing, news))
    assert.match(peer.closedBy ?? '', /standing 3 is none/)
    standby.assertOwner('X')
    standby.end()
    world.assertQuiet()
  })

  test('one that says it is active, takes the queue of another or lets it go changes nothing', () => {
    const { world, broker, standby, peer } = world1()
    const [queue] = broker.view().topics[0]!.queues
    const theirs = encodeAssigned({ queue: queue!.queue, epoch: queue!.epoch })
    peer.batch(said(Standing.active), control(Frame.register, register), said(Standing.active))
    peer.batch(control(Frame.assigned, theirs), control(Frame.revoked, theirs))
    world.run(500)
    assert.deepEqual([peer.of(Frame.assign).length, peer.closedBy], [0, undefined])
    standby.assertOwner('X')
    peer.leave()
    standby.end()
    world.assertQuiet()
  })

  test('one that lists other brokers is refused, and one that has not said how it stands gets no vote', () => {
    const { world, standby, peer } = world1()
    peer.batch(control(Frame.register, register))
    standby.members[0]!.client.unanswer(standby.members[0]!.registration)
    world.run(1_000)
    assert.equal(peer.of(Frame.assign).length, 0)
    const x = standby.join('Y', replies(1))
    world.run(500)
    assert.equal(standby.activeNames, 'Y')
    peer.batch(said(Standing.ready, 2))
    assert.match(reasons(peer).at(-1)!, /lists 2 brokers, Y lists 1/)
    assert.ok(x.client.isAlive)
    peer.leave()
    standby.end()
    world.assertQuiet()
  })

  test('one that never answers a question keeps its vote no longer than its lease', () => {
    const world = new World()
    world.broker()
    const peer = new RawPeer(world)
    peer.hello({ instance: 'instance-0000' })
    peer.isAcknowledging = false
    peer.batch(control(Frame.register, register), said(Standing.ready))
    world.run(LEASE_MS + 100)
    assert.equal(peer.of(Frame.assign).length, 1)
    const standby = new Standby(world)
    standby.join('X', replies(1))
    world.run(LEASE_MS + 1_500)
    standby.assertOwner('X')
    peer.leave()
    standby.end()
    world.assertQuiet()
  })
})
