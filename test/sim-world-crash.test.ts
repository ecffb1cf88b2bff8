/** kill -9 at every point of a process's life: after each of its steps, before what it wrote has left. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import type { AnyNode } from '../scenarios/sim/world/world.ts'
import { SETTLE_MS, type Town, town } from './virtual/town.ts'
import { assertTruth } from './virtual/truth.ts'

/** More steps than anybody makes in the story. */
const MOST_STEPS = 400

/** Two calls that take a while, one that may run twice, and one whose caller gives up. */
const story = ({ world, r }: Pick<Town, 'world' | 'r'>): void => {
  for (let i = 0; i < 3; i++) {
    if (!r.isAlive) return
    r.call({ body: `${i}`, timeoutMs: 1_500, idempotent: i === 1 })
    const given = r.call({ body: `given up ${i}`, timeoutMs: 1_500 })
    world.run(12)
    if (r.isAlive && !given.isSettled) r.cancel(given)
    world.run(40)
  }
}

const deathsOf = (victim: (town: Town) => AnyNode): number => {
  let deaths = 0
  for (let steps = 1; steps <= MOST_STEPS; steps++) {
    const all = town(2, replies(15))
    const { world, r, y } = all
    const node = victim(all)
    world.crash(node, steps)
    story(all)
    const hasDied = !node.isAlive
    if (hasDied && node === all.b1) world.restart('b1')
    if (hasDied && node === y) world.client('Y2').answer(replies(15))
    world.run(5_000)
    if (!hasDied && !node.isAlive && node === all.b1) world.restart('b1')
    world.run(2_000)
    assertTruth(world, r)
    world.assertQuiet()
    if (!hasDied) break
    deaths += 1
  }
  return deaths
}

describe('killed in the middle of a turn', () => {
  const victims: Record<string, (town: Town) => AnyNode> = {
    'the requester': ({ r }) => r,
    'the responder': ({ y }) => y,
    'the broker': ({ b1 }) => b1,
  }
  for (const [who, victim] of Object.entries(victims)) {
    test(`${who}, at each of its steps: the truth is told, and nothing is left`, () => {
      const deaths = deathsOf(victim)
      assert.ok(deaths >= 10, `only ${deaths} points to die at`)
    })
  }

  test('what the last step wrote is lost: nobody has heard of the call', () => {
    const { world, r, y } = town(1)
    r.call()
    world.run(100)
    const before = y.core.marks.size
    world.crash(r)
    r.call({ body: 'never sent' })
    world.run(100)
    assert.deepEqual([r.isAlive, y.core.marks.size - before, world.ledger.total], [false, 0, 1])
    world.assertQuiet()
  })
})

describe('killed during its start', () => {
  test('a client, at each step of it; another one in its place finds everything in order', () => {
    let steps = 0
    for (;;) {
      steps += 1
      const { world, r } = town(2)
      const born = world.client('Y2')
      world.crash(born, steps)
      born.answer(replies(1))
      world.run(SETTLE_MS)
      if (born.isAlive) break
      world.client('Y3').answer(replies(1))
      world.run(3_000)
      const calls = r.callMany(10)
      world.run(500)
      for (const call of calls) assert.equal(call.end, 'reply')
      world.assertQuiet()
    }
    assert.ok(steps > 8, `it takes but ${steps} steps to start`)
  })

  test('a broker, at each step of it: its clients come to the next life', () => {
    let steps = 0
    for (;;) {
      steps += 1
      const { world, y, r } = town(2)
      const born = world.restart('b1')
      world.crash(born, steps)
      world.run(1_000)
      if (born.isAlive) break
      world.restart('b1')
      world.run(7_000)
      for (const client of [y, r]) assert.ok(client.links.every(({ isUp }) => isUp))
      const call = r.call()
      world.run(200)
      assert.equal(call.end, 'reply')
      world.assertQuiet()
    }
    assert.ok(steps > 8, `it takes but ${steps} steps to start`)
  })
})
