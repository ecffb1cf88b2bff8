/** Narrow ways: what is written waits with its sender, which sees it and does not give up too early. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { VirtualLink } from '../scenarios/sim/world/link.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { town } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'
import { assertTruth } from './virtual/truth.ts'

const KIB = 1_024

describe('a narrow way', () => {
  const narrow = (bytesPerMs: number) => {
    const world = new World()
    const heard: { at: number; text: string }[] = []
    const ears = {
      onBatch: (bytes: Buffer) => heard.push({ at: world.now, text: bytes.toString() }),
      onClosed: (text: string) => heard.push({ at: world.now, text }),
    }
    const deaf = { onBatch: () => {}, onClosed: () => {} }
    const link = new VirtualLink(world, 2, deaf, ears, () => {})
    link.up.narrow(bytesPerMs)
    return { world, link, heard, from: world.now }
  }

  test('passes so many bytes in a millisecond; the others are unsent until all of a write are', () => {
    const { world, link, heard, from } = narrow(1)
    link.client.write(Buffer.from('a'.repeat(10)))
    link.client.write(Buffer.from('b'.repeat(20)))
    assert.deepEqual([link.client.unsentBytes(), link.client.isDrained()], [30, false])
    world.run(9)
    assert.equal(link.client.unsentBytes(), 30)
    world.run(1)
    assert.equal(link.client.unsentBytes(), 20)
    world.run(20)
    assert.deepEqual([link.client.unsentBytes(), link.client.isDrained()], [0, true])
    world.run(5)
    assert.deepEqual(
      heard.map(({ at }) => at - from),
      [12, 32],
    )
  })

  test('reads the bytes when they leave: a writer that uses them again too early is found out', () => {
    const { world, link, heard } = narrow(1)
    const bytes = Buffer.from('good')
    link.client.write(bytes)
    bytes.write('evil')
    world.run(10)
    assert.equal(heard[0]!.text, 'evil')
  })

  test('that opens passes all at once, in order; of a process that dies what waits is lost', () => {
    for (const isOpened of [true, false]) {
      const { world, link, heard } = narrow(1)
      for (const word of ['first', 'second']) link.client.write(Buffer.from(word))
      if (isOpened) link.up.narrow(0)
      link.client.die('dead')
      world.run(3)
      const words = heard.map(({ text }) => text)
      assert.deepEqual(words, isOpened ? ['first', 'second', 'dead'] : ['dead'])
    }
  })

  test('of a process that closes in good order: it waits a second, and no longer', () => {
    for (const bytes of [500, 5_000]) {
      const { world, link, heard } = narrow(1)
      link.client.write(Buffer.alloc(bytes, 'x'))
      link.client.close(1000, 'bye')
      world.run(10_000)
      const lengths = heard.map(({ text }) => text.length)
      assert.deepEqual(lengths, bytes === 500 ? [500, 3] : [3])
    }
  })
})

describe('a clogged link', () => {
  test('on which bytes still leave is not taken for dead; no call is lost, and it drains', () => {
    const { world, r } = town(1)
    world.clog(r, 'b1', 100, 'up')
    // A batch each: of one large batch the system would say nothing until it is gone. And less than a
    // second of them: what the peer waits for as a sign of life lies behind them.
    const calls = Array.from({ length: 40 }, () => {
      world.run(1)
      return r.call({ body: 'x'.repeat(2 * KIB), timeoutMs: 10_000 })
    })
    world.run(500)
    const { outbox } = r.links[0]!
    assert.ok(outbox.unsentBytes > 10 * KIB, `${outbox.unsentBytes} bytes wait`)
    world.run(2_000)
    assert.deepEqual(new Set(calls.map(({ end }) => end)), new Set(['reply']))
    assert.equal(outbox.unsentBytes, 0)
    assert.equal(r.advised('link_down').length, 0)
    assertTruth(world, r)
    world.assertQuiet()
  })

  test('so narrow that nothing gets through is given up, and the truth is told', () => {
    const { world, r } = town(2)
    world.clog(r, 'b1', 0.01)
    const calls = r.callMany(20, { body: 'x'.repeat(KIB), timeoutMs: 5_000 })
    world.run(6_000)
    assert.ok(r.advised('link_down').length > 0)
    assert.ok(calls.every(({ isSettled }) => isSettled))
    assertTruth(world, r)
    world.assertQuiet()
  })

  test('bodies arrive as they were sent, however late their bytes leave', () => {
    const { world, r, y } = town(2, replies(1))
    for (const client of [r, y]) for (const name of ['b1', 'b2']) world.clog(client, name, 200)
    const calls = Array.from({ length: 60 }, (_, i) => {
      world.run(3)
      return r.call({ body: `${i}`.repeat(i % 7 === 0 ? 4 * KIB : 50), timeoutMs: 20_000 })
    })
    world.run(20_000)
    for (const call of calls) assert.equal(call.reply, `re:${call.body}`)
    assertTruth(world, r)
    world.assertQuiet()
  })
})

test('swizzled: several ways narrow one after the other, wide again in another order', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { world, r, y } = town(2, replies(2), {}, new World(seed))
    const pairs = [r, y].flatMap((client) => ['b1', 'b2'].map((broker) => ({ client, broker })))
    const tookMs = world.swizzle(pairs, 0.5, 800)
    const traffic = drive(world, tookMs, { by: r, perSecond: 50, ask: { timeoutMs: 1_000 } })
    world.run(2_000)
    assert.ok(traffic.failed.length < traffic.count)
    assertTruth(world, r)
    world.assertQuiet()
  }
})
