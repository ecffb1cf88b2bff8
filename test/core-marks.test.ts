/** A responder's memory, looked at from close: frames as its broker might bring them, one by one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setU16, setU32, setU64 } from '../bus/bytes.ts'
import { Cancel, Flag, Frame, putHead, Request } from '../bus/frame.ts'
import { encodeHeaders, NO_BYTES, OwnHeader } from '../bus/headers.ts'
import { TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { say } from './virtual/raw-peer.ts'
import { town } from './virtual/town.ts'

interface Copy {
  counter: number
  attempt: number
  floor?: number
  remainingMs?: number
  /** Pinned to this instance; otherwise addressed to the queue. */
  to?: string
  epoch?: number
  target?: number
  life?: number
}

/** One responder, one lane, and what its broker could bring it of the calls of R. */
const close = (handlerMs = 100) => {
  const { world, r, y, b1 } = town(1, replies(handlerMs), { concurrency: 1, prefetch: 8 })
  const warm = r.call({ body: 'warm' })
  world.run(handlerMs + 50)
  assert.equal(warm.reply, 're:warm')
  // From now on the test is the broker: what the real one says and hears would not fit to it.
  world.hold(y, 'b1', 'both')
  const origin = r.links[0]!.handle
  const queue = b1.view().topics[0]!.queues[0]!
  const bring = (copy: Copy): void => {
    const own = { [OwnHeader.to]: copy.to ?? '', [OwnHeader.topic]: TOPIC }
    const headers = copy.to === undefined ? NO_BYTES : encodeHeaders({}, own)
    const frame = Buffer.concat([Buffer.alloc(Request.head), headers])
    putHead(frame, 0, frame.length, Frame.request, copy.to === undefined ? 0 : Flag.pinned)
    setU16(frame, Request.attempt, copy.attempt)
    setU32(frame, Request.headersLength, headers.length)
    setU32(frame, Request.queue, queue.queue)
    setU32(frame, Request.target, copy.target ?? y.links[0]!.handle)
    setU32(frame, Request.origin, origin)
    setU32(frame, Request.remainingMs, copy.remainingMs ?? 2_000)
    setU64(frame, Request.life, copy.life ?? b1.life)
    setU64(frame, Request.epoch, copy.epoch ?? queue.epoch)
    setU64(frame, Request.counter, copy.counter)
    setU64(frame, Request.floor, copy.floor ?? 2)
    say(y, frame)
    world.run(5)
  }
  const cancel = (counter: number, attempt: number): void => {
    const frame = Buffer.alloc(Cancel.head)
    putHead(frame, 0, frame.length, Frame.cancel, 0)
    setU16(frame, Cancel.attempt, attempt)
    setU32(frame, Cancel.origin, origin)
    setU64(frame, Cancel.counter, counter)
    say(y, frame)
    world.run(5)
  }
  const ran = (counter: number): number => world.ledger.of(`${r.instance}-${counter}`).length
  return { world, y, bring, cancel, ran, me: y.instance }
}

describe('C2: what an instance gave back it does not start', () => {
  for (const way of ['handed back', 'cancelled', 'expired'] as const) {
    test(`${way} as attempt 2: the late copy of attempt 1 is refused, attempt 3 may run`, () => {
      const { world, y, bring, cancel, ran, me } = close(300)
      bring({ counter: 50, attempt: 1, to: me })
      bring({ counter: 51, attempt: 2, to: me, remainingMs: way === 'expired' ? 100 : 2_000 })
      const registration = [...y.core.registrations.all][0]!
      assert.deepEqual([registration.running, registration.waiting], [1, 1])
      if (way === 'handed back') y.step((now) => y.core.responder.handBack(now, registration))
      if (way === 'cancelled') cancel(51, 2)
      if (way === 'expired') world.run(350)
      assert.equal(registration.waiting, 0)
      bring({ counter: 51, attempt: 1, to: me })
      world.run(500)
      assert.equal(ran(50), 1)
      assert.equal(ran(51), 0, 'the late copy found its mark')
      bring({ counter: 51, attempt: 3, to: me })
      world.run(500)
      assert.equal(ran(51), 1, 'a new send is a new send')
    })
  }

  test('two copies meet in the lane, while it runs, and when it is done: it runs once', () => {
    const { world, bring, ran, me } = close(200)
    bring({ counter: 50, attempt: 1, to: me })
    for (let attempt = 1; attempt <= 3; attempt++) bring({ counter: 51, attempt, to: me })
    world.run(250)
    bring({ counter: 51, attempt: 4, to: me })
    world.run(400)
    bring({ counter: 51, attempt: 5, to: me })
    world.run(1_000)
    assert.deepEqual([ran(50), ran(51)], [1, 1])
  })

  test('what the floor has passed is refused, and floors by two ways keep the higher', () => {
    const { world, bring, ran, me } = close(1)
    bring({ counter: 60, attempt: 1, to: me, floor: 60 })
    bring({ counter: 61, attempt: 1, to: me, floor: 55 })
    bring({ counter: 59, attempt: 9, to: me, floor: 55 })
    world.run(500)
    assert.deepEqual([ran(59), ran(60), ran(61)], [0, 1, 1])
  })
})

describe('whom a frame is for', () => {
  test('pinned to another instance: refused by the one it was brought to', () => {
    const { world, bring, ran } = close(1)
    bring({ counter: 50, attempt: 1, to: 'instance-of-another' })
    world.run(500)
    assert.equal(ran(50), 0)
  })

  test('another epoch, target or life: refused, also by the owner of the queue', () => {
    const { world, y, bring, ran } = close(1)
    bring({ counter: 50, attempt: 1, epoch: 7 })
    bring({ counter: 51, attempt: 1, target: y.links[0]!.handle + 1 })
    bring({ counter: 52, attempt: 1, life: 7 })
    bring({ counter: 53, attempt: 1 })
    world.run(500)
    assert.deepEqual([50, 51, 52, 53].map(ran), [0, 0, 0, 1])
  })
})
