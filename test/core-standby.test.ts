/** Active/standby: one instance answers, the others take over, and never two, whatever breaks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerAsk } from '../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { type Handler, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { type Member, Standby } from './virtual/standby.ts'

/** A broker that has just started gives no vote for so long: it may have given one in an earlier life. */
const LEASE_MS = 2_000
const PATIENT = { waitForResponder: true, idempotent: true, timeoutMs: 10_000 }

interface Post {
  readonly world: World
  readonly standby: Standby
  readonly x: Member
  readonly y: Member
  readonly r: ClientNode
}

/** X, which is active, and Y, which stands by; the ids of X's lives come before those of Y. */
const post = (
  brokers: number,
  handler: Handler = replies(1),
  limits: Partial<BrokerAsk> = {},
): Post => {
  const world = new World()
  for (let i = 1; i <= brokers; i++) world.broker(`b${i}`, limits)
  const standby = new Standby(world)
  const x = standby.join('X', handler)
  const y = standby.join('Y', handler)
  const r = world.client('R')
  world.run(LEASE_MS + 300)
  standby.assertOwner('X')
  return { world, standby, x, y, r }
}

/** Nothing is left, and nobody was active beside another until then. */
const end = ({ world, standby }: Post): void => {
  world.healAll()
  world.run(10_000)
  standby.check()
  standby.end()
  world.assertQuiet()
}

/** Brokers whose vote it has. */
const ownedBy = (world: World, { client }: Member): string[] =>
  [...world.brokers.values()]
    .filter((broker) => broker.view().topics[0]?.queues[0]?.owner === client.instance)
    .map(({ name }) => name)

/** Calls until one succeeds: how long that took. */
const takeover = ({ world, r }: Post): number => {
  const call = r.call({ ...PATIENT, body: 'after' })
  world.run(PATIENT.timeoutMs)
  assert.equal(call.end, 'reply')
  return call.tookMs
}

describe('one is active', () => {
  for (const brokers of [1, 2, 3, 4, 5]) {
    test(`with ${brokers} brokers, which agree on the smallest id; calls go to it alone`, () => {
      const p = post(brokers)
      const calls = p.r.callMany(50)
      p.world.run(200)
      assert.deepEqual([...new Set(calls.map((call) => call.end))], ['reply'])
      assert.deepEqual([...new Set(p.standby.starts.map((s) => s.instance))], [p.x.client.instance])
      const { advisories } = p.x.client
      const told = advisories.filter(({ kind }) => kind.startsWith('standby'))
      assert.deepEqual(told.length, 1)
      assert.ok(p.x.client.advised('standby_active')[0]!.votes > brokers / 2)
      assert.deepEqual(p.y.client.declared, [undefined], 'one that stands by is told so')
      for (const broker of p.world.brokers.values()) {
        assert.equal(broker.view().topics[0]!.standbys, 1)
      }
      end(p)
    })
  }

  test('a split start: each broker has voted for another, and they come together', () => {
    const world = new World()
    for (const name of ['b1', 'b2']) world.broker(name)
    world.run(LEASE_MS)
    const standby = new Standby(world)
    const x = standby.join('X', replies(1))
    const y = standby.join('Y', replies(1))
    while (!x.client.links[1]!.isUp) world.run(1)
    // Declared, and the broker does not hear of it for a while.
    world.hold(x.client, 'b2', 'up')
    world.hold(y.client, 'b1', 'up')
    world.run(60)
    assert.deepEqual(
      [x, y].map((member) => ownedBy(world, member)),
      [['b1'], ['b2']],
    )
    assert.equal(standby.activeNames, '')
    world.healAll()
    world.run(200)
    standby.assertOwner('X')
    end({ world, standby, x, y, r: world.client('R') })
  })

  test('a candidate that reaches too few brokers does not stand in the way of one that reaches all', () => {
    const world = new World()
    for (const name of ['b1', 'b2', 'b3', 'b4']) world.broker(name)
    const standby = new Standby(world)
    const x = standby.join('X', replies(1))
    const y = standby.join('Y', replies(1))
    world.run(20)
    for (const name of ['b3', 'b4']) world.part(x.client, name)
    world.run(LEASE_MS + 500)
    standby.assertOwner('Y')
    end({ world, standby, x, y, r: world.client('R') })
  })
})

describe('the active one is gone', () => {
  for (const brokers of [1, 2, 3]) {
    test(`killed, with ${brokers} brokers: the other one follows when its lease is over, not before`, () => {
      const p = post(brokers)
      p.world.kill(p.x.client)
      const tookMs = takeover(p)
      assert.ok(tookMs > LEASE_MS * 0.8 && tookMs < LEASE_MS + 500, `${tookMs} ms`)
      p.standby.assertOwner('Y')
      end(p)
    })

    test(`frozen, with ${brokers} brokers, and back: it has started nothing that it held`, () => {
      const p = post(brokers, replies(300))
      const held = p.r.callMany(80, { ...PATIENT, idempotent: false })
      p.world.run(10)
      p.world.freeze(p.x.client, 5_000)
      const tookMs = takeover(p)
      assert.ok(tookMs < LEASE_MS + 1_000, `${tookMs} ms`)
      p.world.run(5_000)
      for (const call of held) {
        assert.equal(p.world.ledger.of(p.r.idOf(call)).length <= 1, true, call.end)
      }
      p.standby.assertOwner('Y')
      end(p)
    })

    test(`cut off half-open, with ${brokers} brokers: it stops by its own clock`, () => {
      const p = post(brokers)
      for (const name of p.world.brokers.keys()) p.world.hold(p.x.client, name, 'both')
      const tookMs = takeover(p)
      assert.ok(tookMs < LEASE_MS + 1_000, `${tookMs} ms`)
      p.standby.assertOwner('Y')
      assert.equal(p.x.client.advised('standby_passive').length, 1)
      end(p)
    })
  }

  for (const way of ['up', 'down'] as const) {
    test(`nothing arrives ${way} any more: it is found out, and the other follows`, () => {
      const p = post(3)
      for (const name of p.world.brokers.keys()) p.world.hold(p.x.client, name, way)
      assert.ok(takeover(p) < 2 * LEASE_MS)
      p.standby.assertOwner('Y')
      end(p)
    })
  }

  test('it leaves in good order: the other follows as soon as what runs is done', () => {
    const p = post(2, replies(60))
    const running = p.r.call({ body: 'running' })
    p.world.run(10)
    p.standby.leave(p.x)
    const next = p.r.call({ body: 'next' })
    p.world.run(30)
    assert.equal(p.standby.activeNames, '', 'what runs is waited for')
    p.world.run(500)
    assert.deepEqual([running.reply, next.reply], ['re:running', 're:next'])
    assert.ok(next.tookMs < 150, `${next.tookMs} ms`)
    p.standby.assertOwner('Y')
    end(p)
  })

  test('it leaves with a call that takes long: it is waited for 200 ms, and its reply counts', () => {
    const p = post(2, (execution) => execution.reply(execution.body === 'long' ? 900 : 1, 'ok'))
    const long = p.r.call({ body: 'long' })
    p.world.run(10)
    p.standby.leave(p.x)
    const next = p.r.call({ body: 'next' })
    p.world.run(150)
    assert.equal(p.standby.activeNames, '')
    p.world.run(200)
    assert.equal(p.standby.activeNames, 'Y')
    p.world.run(1_000)
    assert.deepEqual([long.reply, next.reply], ['ok', 'ok'])
    end(p)
  })

  test('it says goodbye: the other follows at once', () => {
    const p = post(3)
    p.x.client.leave()
    p.world.clients.delete(p.x.client)
    p.world.run(300)
    p.standby.assertOwner('Y')
    end(p)
  })
})

describe('links and brokers', () => {
  test('a link that is back within the lease costs one call nothing, and changes no owner', () => {
    for (const brokers of [1, 2, 3]) {
      const p = post(brokers)
      p.world.cut(p.x.client, 'b1')
      const call = p.r.call({ body: 'a' })
      p.world.run(1_000)
      assert.equal(call.reply, 're:a')
      p.standby.assertOwner('X')
      assert.equal(p.y.client.advised('standby_active').length, 0)
      end(p)
    }
  })

  test('one of two or three brokers dies: the active one stays, without a pause', () => {
    for (const brokers of [2, 3]) {
      const p = post(brokers)
      p.world.kill(p.world.brokers.get('b1')!)
      const calls = [0, 1, 2, 3].map((i) => {
        p.world.run(i * 400)
        return p.r.call({ body: `${i}` })
      })
      p.world.run(1_000)
      assert.deepEqual([...new Set(calls.map(({ end: how }) => how))], ['reply'])
      assert.equal(p.x.client.advised('standby_passive').length, 0)
      p.world.restart('b1')
      p.world.run(LEASE_MS + 3_000)
      p.standby.assertOwner('X')
      end(p)
    }
  })

  test('both of two brokers cannot be reached: it stops at once, and what waits goes back', () => {
    const p = post(2, replies(400))
    p.world.part(p.x.client, 'b1')
    p.world.run(50)
    assert.equal(p.standby.activeNames, 'X')
    p.world.part(p.x.client, 'b2')
    assert.equal(p.standby.activeNames, '')
    assert.ok(takeover(p) < LEASE_MS + 1_000)
    p.standby.assertOwner('Y')
    end(p)
  })

  test('two of three brokers cannot be reached: it stops, though it still has a vote and a call', () => {
    const p = post(3, replies(5), {})
    for (const name of ['b2', 'b3']) p.world.part(p.x.client, name)
    const call = p.r.call({ body: 'a', ...PATIENT })
    p.world.run(LEASE_MS + 1_000)
    assert.equal(call.reply, 're:a')
    p.standby.assertOwner('Y')
    end(p)
  })

  test('with two brokers, one down and the active one gone, nobody is active until the broker is back', () => {
    const p = post(2)
    p.world.kill(p.world.brokers.get('b1')!)
    p.world.kill(p.x.client)
    const call = p.r.call({ body: 'a', waitForResponder: true, timeoutMs: 4_000 })
    p.world.run(5_000)
    assert.equal(p.standby.activeNames, '')
    assert.equal(call.error?.outcome, 'not_executed')
    p.world.restart('b1')
    assert.ok(takeover(p) < 5_000)
    p.standby.assertOwner('Y')
    end(p)
  })

  test('brokers restarted one after the other: the active one stays, though a smaller id waits', () => {
    const p = post(2)
    p.world.kill(p.x.client)
    takeover(p)
    p.standby.join('A', replies(1))
    for (const name of ['b1', 'b2', 'b1', 'b2']) {
      p.world.restart(name)
      p.world.run(LEASE_MS + 1_500)
      p.standby.assertOwner('Y')
    }
    end(p)
  })

  test('a broker restarted behind the back of the active one gives no vote while that may count on it', () => {
    const p = post(1)
    // Its link stands, as far as it knows: nothing tells it that the broker is another.
    p.world.hold(p.x.client, 'b1', 'both')
    p.world.restart('b1')
    p.world.run(LEASE_MS - 500)
    assert.equal(p.standby.activeNames === 'Y', false)
    assert.ok(takeover(p) < LEASE_MS)
    p.standby.assertOwner('Y')
    end(p)
  })
})
