/** What the virtual network can do to a link, and that calls over it are told the truth all the same. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { VirtualLink } from '../scenarios/sim/world/link.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'
import { assertTruth } from './virtual/truth.ts'

/** A bare link; what its broker's end heard, and when. */
const line = (world: World) => {
  const heard: { at: number; what: string }[] = []
  const deaf = { onBatch: () => {}, onClosed: () => {} }
  const ears = {
    onBatch: (bytes: Buffer) => heard.push({ at: world.now, what: bytes.toString() }),
    onClosed: (reason: string) => heard.push({ at: world.now, what: reason }),
  }
  const link = new VirtualLink(world, 2, deaf, ears, () => {})
  const say = (...words: string[]): void => {
    for (const word of words) link.client.write(Buffer.from(word))
  }
  return { link, say, heard, words: () => heard.map(({ what }) => what) }
}

describe('jitter', () => {
  test('batches take longer or shorter, and stay in order', () => {
    const world = new World(3)
    world.jitterMs = 20
    const { say, heard, words } = line(world)
    const said = Array.from({ length: 50 }, (_, i) => `${i}`)
    const from = world.now
    for (const word of said) {
      say(word)
      world.run(7)
    }
    world.run(50)
    assert.deepEqual(words(), said)
    const tookMs = new Set(heard.map(({ at }, i) => at - from - 7 * i))
    assert.ok(tookMs.size > 10, `only ${tookMs.size} latencies seen`)
    assert.ok(Math.min(...tookMs) >= 2 && Math.max(...tookMs) <= 22)
  })

  test('that is off draws nothing: the history is the one without', () => {
    const digestOf = (jitterMs: number): string => {
      const { world, r } = town(2)
      world.jitterMs = jitterMs
      r.callMany(5)
      world.run(1_000)
      return world.digest
    }
    assert.equal(digestOf(0), digestOf(0))
    assert.equal(digestOf(5), digestOf(5))
    assert.notEqual(digestOf(0), digestOf(5))
  })
})

describe('a delay', () => {
  test('makes one way slower, until it is healed', () => {
    const { world, r } = town(1)
    const timed = (): number => {
      const call = r.call()
      world.run(1_000)
      assert.equal(call.end, 'reply')
      return call.tookMs
    }
    timed()
    const before = timed()
    world.delay(r, 'b1', 100, 'up')
    assert.equal(timed(), before + 100)
    world.delay(r, 'b1', 30, 'down')
    assert.equal(timed(), before + 130)
    world.heal(r)
    assert.equal(timed(), before)
    world.assertQuiet()
  })

  test('holds for links to come, and for the dials that open them', () => {
    const { world, r } = town(1)
    world.delay(r, 'b1', 400)
    world.cut(r)
    world.run(700)
    assert.equal(r.links[0]!.state, 'connecting')
    world.run(1_500)
    assert.ok(r.links[0]!.isUp)
  })

  test('longer than a client dials: the broker is not left with a link that nobody wants', () => {
    const { world, b1, r } = town(1)
    world.delay(r, 'b1', 2_000)
    world.cut(r)
    world.run(30_000)
    assert.ok(!r.links[0]!.isUp)
    assert.ok(b1.view().links <= 3, `${b1.view().links} links`)
    world.assertQuiet()
  })
})

describe('a reset amid what is under way', () => {
  test('lets a part of it arrive, in order, and then the news; another seed, another part', () => {
    const said = ['1', '2', '3', '4']
    const kept = Array.from({ length: 40 }, (_, seed) => {
      const world = new World(seed)
      const { link, say, words } = line(world)
      say(...said)
      world.run(1)
      link.reset()
      say('too late')
      world.run(10)
      const count = words().length - 1
      assert.deepEqual(words(), [...said.slice(0, count), 'reset'])
      return count
    })
    assert.deepEqual([...new Set(kept)].sort(), [0, 1, 2, 3, 4])
  })

  test('of which one end is told leaves the other half open; of a held way nothing arrives', () => {
    const world = new World()
    const { link, say, words } = line(world)
    say('lost')
    link.up.hold()
    link.reset('client')
    world.run(100)
    assert.deepEqual([words(), link.client.isClosed, link.broker.isClosed], [[], true, false])
  })

  for (const tell of ['both', 'client', 'broker', 'nobody'] as const) {
    test(`at any instant, told to ${tell}: every call is settled truly`, () => {
      for (let seed = 1; seed <= 30; seed++) {
        const { world, r, y } = town(2, replies(3), {}, new World(seed))
        world.jitterMs = 3
        for (let i = 0; i < 30; i++) {
          r.callMany(3, { timeoutMs: 800, body: `${i}-`, idempotent: i % 2 === 0 })
          world.run(world.nature.below(20))
          if (i % 5 === 0) world.reset(i % 2 === 0 ? r : y, 'b1', tell)
        }
        world.run(3_000)
        assertTruth(world, r)
        world.assertQuiet()
      }
    })
  }
})

describe('a connection too many', () => {
  test('a dial that the broker takes, and the client never hears of, is dialled again', () => {
    const { world, b1, r } = town(1)
    world.swallowDial(r)
    world.cut(r)
    world.run(500)
    assert.deepEqual([r.links[0]!.state, b1.view().links], ['connecting', 2])
    world.run(4_000)
    assert.ok(r.links[0]!.isUp)
    const call = r.call()
    world.run(100)
    assert.equal(call.end, 'reply')
    world.assertQuiet()
  })

  test('the client dials anew while what it said before is still to come: the new link stands', () => {
    for (const lagMs of [5, 100, 600, 2_000]) {
      for (const which of ['requester', 'responder'] as const) {
        const { world, b1, r, y } = town(1, replies(20))
        const traffic = drive(world, 100, { by: r, perSecond: 200 })
        world.duplicate(which === 'requester' ? r : y, 'b1', lagMs)
        traffic.sent.push(...drive(world, 400, { by: r, perSecond: 200 }).sent)
        world.run(6_000)
        assertTruth(world, r)
        const after = r.call()
        world.run(200)
        assert.equal(after.end, 'reply')
        assert.equal(b1.view().links, 2)
        world.assertQuiet()
      }
    }
  })

  test('one hello by two connections, the older one late: it ends well', () => {
    for (const lagMs of [5, 100, 600, 2_000]) {
      const { world, r, y } = town(1)
      for (const client of [r, y]) {
        world.cut(client)
        world.duplicate(client, 'b1', lagMs)
      }
      const traffic = drive(world, 3_000, { by: r, perSecond: 50, ask: { waitForResponder: true } })
      world.run(6_000)
      assert.ok(traffic.count > 0)
      assertTruth(world, r)
      world.assertQuiet()
    }
  })
})
