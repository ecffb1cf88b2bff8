/** The digest of a history: the same for the same history, and another one for any other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'

interface Twist {
  readonly seed?: number
  readonly body?: string
  readonly at?: number
}

const historyOf = ({ seed = 1, body = 'x', at = 50 }: Twist = {}) => {
  const { world, r } = town(2, replies(3), {}, new World(seed))
  world.jitterMs = 2
  world.drift = 0.01
  world.after(at, () => world.reset(r))
  drive(world, 300, { by: r, perSecond: 100, ask: { body } })
  world.run(5_000)
  return { digest: world.digest, events: world.events }
}

test('the same seed and the same acts give the same digest and as many events', () => {
  const { digest, events } = historyOf()
  assert.match(digest, /^[0-9a-f]{16}$/)
  assert.ok(events > 500)
  assert.deepEqual(historyOf(), { digest, events })
})

test('another seed, another body by one byte, another instant by one: another digest', () => {
  const twists: Twist[] = [{}, { seed: 2 }, { body: 'xy' }, { at: 51 }]
  const digests = twists.map((twist) => historyOf(twist).digest)
  assert.equal(new Set(digests).size, twists.length)
})

test('it depends on the order of what happens', () => {
  const digestOf = (...sizes: number[]): string => {
    const { trace } = new World()
    for (const size of sizes) trace.note(7, size)
    return trace.digest
  }
  assert.notEqual(digestOf(1, 2), digestOf(2, 1))
  assert.notEqual(digestOf(1), digestOf(1, 0))
  const many = new Set(Array.from({ length: 10_000 }, (_, i) => digestOf(i, i >> 3)))
  assert.equal(many.size, 10_000)
})
