/** Registries in virtual time: brokers announce themselves, clients find them, and their loss is no loss. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrokerNode } from '../scenarios/sim/world/broker-node.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import type { RegistryMood, RegistryNode } from '../scenarios/sim/world/registry-node.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { drive } from './virtual/traffic.ts'
import { assertTruth } from './virtual/truth.ts'

interface Country {
  readonly world: World
  readonly r1: RegistryNode
  readonly b1: BrokerNode
  /** Answers calls, and calls. */
  readonly y: ClientNode
  readonly r: ClientNode
}

/** So many registries, two brokers, two clients that know registries only. */
const country = (count = 1, world = new World()): Country => {
  const registries = Array.from({ length: count }, (_, i) => `r${i + 1}`)
  for (const name of registries) world.registry(name)
  for (const name of ['b1', 'b2']) world.broker(name, { registries })
  const y = world.client('Y', { registries })
  y.answer(replies(2))
  const r = world.client('R', { registries })
  world.run(500)
  const [r1, b1] = [world.registries.get('r1')!, world.brokers.get('b1')!]
  return { world, r1, b1, y, r }
}

const upOf = (client: ClientNode): string[] =>
  client.links
    .filter(({ isUp }) => isUp)
    .map(({ broker }) => broker)
    .sort()

const stateOf = (client: ClientNode, copy = 0) => client.following!.copies[copy]!.view().state

const answers = (world: World, client: ClientNode): void => {
  const call = client.call()
  world.run(100)
  assert.equal(call.end, 'reply')
}

describe('clients that know a registry only', () => {
  test('link to every broker in it, and to one that comes, within a moment', () => {
    const { world, r1, y, r } = country()
    assert.deepEqual(r1.brokers(), ['b1', 'b2'])
    for (const client of [y, r]) assert.deepEqual(upOf(client), ['b1', 'b2'])
    answers(world, r)
    world.broker('b3', { registries: ['r1'] })
    world.run(300)
    for (const client of [y, r]) assert.deepEqual(upOf(client), ['b1', 'b2', 'b3'])
    world.assertQuiet()
  })

  test('keep the link of a broker that closes or dies: it is forgotten by the registry alone', () => {
    for (const isKilled of [true, false]) {
      const { world, r1, b1, r } = country()
      if (isKilled) world.kill(b1)
      else b1.leave()
      world.run(100)
      assert.deepEqual(r1.brokers(), isKilled ? ['b1', 'b2'] : ['b2'])
      world.run(6_000)
      assert.deepEqual(r1.brokers(), ['b2'])
      assert.equal(r.links.length, 2)
      answers(world, r)
      world.restart('b1')
      world.run(2_000)
      assert.deepEqual(upOf(r), ['b1', 'b2'])
      world.assertQuiet()
    }
  })

  test('follow a broker that moves, with the link they had', () => {
    const { world, b1, r } = country()
    b1.leave()
    world.broker('b1', { registries: ['r1'], hosts: ['elsewhere'] })
    world.run(2_000)
    assert.deepEqual([upOf(r), r.links.length], [['b1', 'b2'], 2])
    assert.ok(r.links.some(({ url }) => url === 'ws://elsewhere:7400'))
    world.assertQuiet()
  })

  test('try each address of a broker until one of them leads to it', () => {
    const world = new World()
    world.registry()
    const urls = ['ws://nowhere:1', 'ws://gone:1', 'ws://b1:7400']
    world.broker('gone').leave()
    world.broker('b1', { registries: ['r1'], urls })
    const r = world.client('R', { registries: ['r1'] })
    world.run(2_000)
    assert.deepEqual([upOf(r), r.links[0]!.url], [['b1'], 'ws://b1:7400'])
  })
})

describe('registries lost', () => {
  test('all of them, under load: not one call fails; found again, they fill by themselves', () => {
    const { world, y, r } = country(2)
    const load = { by: r, perSecond: 100 }
    const before = drive(world, 500, load)
    for (const registry of world.registries.values()) world.kill(registry)
    const during = drive(world, 20_000, load)
    for (const name of ['r1', 'r2']) world.restartRegistry(name)
    const after = drive(world, 8_000, load)
    world.run(100)
    for (const traffic of [before, during, after]) assert.deepEqual(traffic.failed, [])
    for (const client of [r, y]) {
      const lost = client.advised('registry_lost').map(({ url }) => url)
      assert.deepEqual(lost.sort(), ['http://r1:7470', 'http://r2:7470'])
      assert.deepEqual([stateOf(client, 0), stateOf(client, 1)], ['known', 'known'])
      assert.deepEqual(client.advised('link_down'), [])
    }
    world.broker('b3', { registries: ['r1'] })
    world.run(300)
    assert.deepEqual(upOf(r), ['b1', 'b2', 'b3'])
    world.assertQuiet()
  })

  const harms: Record<string, (country: Country) => void> = {
    'cut off, and told': ({ world, r }) => world.http.part(r, 'r1'),
    'swallowing what is asked': ({ world, r }) => world.http.hold(r, 'r1', 'up'),
    'swallowing what it answers': ({ world, r }) => world.http.hold(r, 'r1', 'down'),
    frozen: ({ world, r1 }) => world.freeze(r1),
    dead: ({ world, r1 }) => world.kill(r1),
  }
  for (const [how, harm] of Object.entries(harms)) {
    test(`one of two, ${how}: a broker that comes is found by the other`, () => {
      const all = country(2)
      const { world, r, r1 } = all
      harm(all)
      world.broker('b3', { registries: ['r1', 'r2'] })
      world.run(3_000)
      assert.deepEqual(upOf(r), ['b1', 'b2', 'b3'])
      world.run(40_000)
      assert.equal(stateOf(r), 'lost')
      if (!r1.isAlive) world.restartRegistry('r1')
      world.assertQuiet()
      assert.equal(stateOf(r), 'known')
    })
  }

  test('half of what is asked and answered: brokers are found all the same', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = new World(seed)
      world.http.loss = 0.5
      const { r } = country(2, world)
      world.run(300_000)
      assert.deepEqual(upOf(r), ['b1', 'b2'])
      world.assertQuiet()
    }
  })
})

describe('registries that do not tell the truth', () => {
  const moods: RegistryMood[] = ['empty', 'garbled', 'stale']
  for (const mood of moods) {
    test(`${mood} answers take nobody away from a client, and hinder no call`, () => {
      for (let seed = 1; seed <= 5; seed++) {
        const { world, r1, r, y } = country(1, new World(seed))
        r1.mood = mood
        const traffic = drive(world, 10_000, { by: r, perSecond: 50 })
        world.run(100)
        assert.deepEqual(traffic.failed, [])
        for (const client of [r, y]) {
          assert.deepEqual([upOf(client), client.links.length], [['b1', 'b2'], 2])
        }
        assertTruth(world, r)
        world.assertQuiet()
      }
    })
  }

  test('an old list sends a client that has just started to where nobody is, until it is true', () => {
    const { world, r1 } = country()
    // Another id at each restart: the oldest list that is remembered knows none of the present ones.
    world.kill(world.brokers.get('b2')!)
    world.kill(world.brokers.get('b1')!)
    world.run(6_000)
    world.broker('b3', { registries: ['r1'] })
    world.run(1_000)
    r1.mood = 'stale'
    const late = world.client('late', { registries: ['r1'] })
    world.run(3_000)
    assert.deepEqual(upOf(late), [])
    r1.mood = 'true'
    world.run(6_000)
    assert.deepEqual(upOf(late), ['b3'])
  })
})

describe('brokers and registries', () => {
  test('one that moves without a word is refused, until the registry has forgotten where it was', () => {
    const { world, b1, r } = country()
    world.kill(b1)
    const moved = world.broker('b1', { registries: ['r1'], hosts: ['elsewhere'] })
    world.run(100)
    assert.deepEqual([moved.isAlive, moved.refusedBy?.code], [false, 'id_taken'])
    world.run(6_000)
    world.restart('b1')
    world.run(2_000)
    assert.deepEqual(upOf(r), ['b1', 'b2'])
    world.assertQuiet()
  })

  test('one whose address another broker has does not start, and is taken back from the other copy', () => {
    const { world, r1 } = country(2)
    const twin = world.broker('other', {
      registries: ['r1', 'r2'],
      urls: ['ws://b1:7400'],
      idc: 'x',
    })
    world.run(1_500)
    assert.equal(twin.isAlive, false)
    assert.match(twin.refusedBy!.message, /announced IDC local/)
    assert.deepEqual(r1.brokers(), ['b1', 'b2'])
  })

  test('killed at each step of its start, a broker is found in its next life', () => {
    for (let steps = 1; steps <= 6; steps++) {
      const { world, r } = country(2)
      const born = world.broker('b3', { registries: ['r1', 'r2'] })
      world.crash(born, steps)
      world.run(3_000)
      if (born.isAlive) break
      world.restart('b3')
      world.run(3_000)
      assert.deepEqual(upOf(r), ['b1', 'b2', 'b3'])
      world.assertQuiet()
    }
  })

  test('a registry killed at each of its steps forgets its brokers, and hears of them again', () => {
    let deaths = 0
    for (let steps = 1; steps <= 60; steps++) {
      const { world, r1, r } = country()
      world.crash(r1, steps)
      world.run(5_000)
      if (r1.isAlive) break
      deaths += 1
      const again = world.restartRegistry('r1')
      answers(world, r)
      world.run(6_000)
      assert.deepEqual(again.brokers(), ['b1', 'b2'])
      world.assertQuiet()
    }
    assert.ok(deaths > 5)
  })

  test('with clocks of their own, for minutes: nobody is forgotten', () => {
    for (const seed of [1, 2, 3]) {
      const world = new World(seed)
      world.drift = 0.05
      world.jitterMs = 20
      const { r1, r, y } = country(1, world)
      for (let i = 0; i < 120; i++) {
        world.run(1_000)
        assert.deepEqual(r1.brokers(), ['b1', 'b2'])
      }
      for (const client of [r, y]) assert.deepEqual(client.advised('link_down'), [])
      world.assertQuiet()
    }
  })
})
