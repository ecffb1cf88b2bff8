/** Peers that do not speak the protocol, or lie in it: their link ends, and nobody else notices. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setU16, setU32, setU64 } from '../bus/bytes.ts'
import {
  BATCH_HEAD,
  Cancel,
  Flag,
  Frame,
  putHead,
  Reason,
  Refusal,
  Reply,
  Request,
} from '../bus/frame.ts'
import { Prng } from '../bus/prng.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { control, RawPeer, say } from './virtual/raw-peer.ts'
import { town } from './virtual/town.ts'

const callFrame = (type: number, size: number, flags = 0): Buffer => {
  const frame = Buffer.alloc(size)
  putHead(frame, 0, size, type, flags)
  return frame
}

const noise = (prng: Prng, size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => prng.below(256)))

describe('at a broker', () => {
  const wrong: [string, (peer: RawPeer) => void][] = [
    ['a batch too short for its head', (peer) => peer.bytes(Buffer.alloc(7))],
    ['a request before hello', (peer) => peer.batch(callFrame(Frame.request, Request.head))],
    ['an unknown frame type', (peer) => peer.hello() && peer.batch(control(99, Buffer.alloc(3)))],
    ['half a frame', (peer) => peer.hello() && peer.batch(Buffer.from([200, 0, 0, 0, 5]))],
    ['a second hello', (peer) => peer.hello() && peer.hello({ instance: 'instance-two' })],
    [
      'a frame that only a broker sends',
      (peer) => peer.hello() && peer.batch(control(Frame.welcome, Buffer.alloc(60))),
    ],
    [
      'headers longer than their frame',
      (peer) => {
        peer.hello()
        const frame = callFrame(Frame.request, Request.head)
        setU32(frame, Request.headersLength, 5_000)
        peer.batch(frame)
      },
    ],
    [
      'a batch number out of turn',
      (peer) => {
        peer.hello()
        const head = Buffer.alloc(BATCH_HEAD)
        setU64(head, 0, 77)
        peer.bytes(head)
      },
    ],
    [
      'the acknowledgement of a batch never sent',
      (peer) => {
        peer.hello()
        const head = Buffer.alloc(BATCH_HEAD)
        setU64(head, 8, 1_000)
        peer.bytes(head)
      },
    ],
    [
      'frames in a batch without number',
      (peer) => {
        peer.hello()
        peer.bytes(Buffer.concat([Buffer.alloc(BATCH_HEAD), control(Frame.ping, Buffer.alloc(0))]))
      },
    ],
  ]
  for (const [what, doIt] of wrong) {
    test(`${what}: that link is closed with a reason, and the calls of others go on`, () => {
      const { world, r, b1 } = town(1, replies(50))
      const call = r.call({ body: '7' })
      const peer = new RawPeer(world)
      doIt(peer)
      world.run(20)
      assert.ok(peer.closedBy !== undefined && peer.closedBy.length > 3, `${peer.closedBy}`)
      assert.equal(b1.advised('protocol_error').length, 1)
      assert.equal(b1.view().links, 2)
      world.run(200)
      assert.equal(call.reply, 're:7')
      world.run(15_000)
      world.assertQuiet()
    })
  }

  test('2,000 batches of noise, numbered or not, before and after hello', () => {
    const { world, r, b1 } = town(1)
    const prng = new Prng(7)
    for (let i = 0; i < 400; i++) {
      const peer = new RawPeer(world)
      if (prng.below(2) === 0) {
        peer.hello({ instance: `instance-noise-${i}`, replyTopic: `replies-noise-${i}` })
      }
      for (let n = 0; n < 5; n++) {
        const bytes = noise(prng, prng.below(120))
        if (prng.below(3) === 0) peer.bytes(bytes)
        else {
          // A plausible frame with noise in its fields gets further than noise alone.
          const frame = Buffer.concat([Buffer.alloc(5), bytes])
          setU32(frame, 0, frame.length - 4)
          frame[4] = prng.below(70)
          peer.batch(frame)
        }
      }
      peer.leave()
    }
    const call = r.call({ body: '7' })
    world.run(50)
    assert.equal(call.reply, 're:7')
    assert.ok(b1.view().counters.protocolErrors! > 100)
    world.run(15_000)
    world.assertQuiet()
  })

  test('a stranger who says nothing is closed after five seconds', () => {
    const { world, b1 } = town(1)
    const peer = new RawPeer(world)
    world.run(4_000)
    assert.equal(b1.view().links, 3)
    world.run(2_000)
    assert.equal(peer.closedBy, 'no hello')
    world.assertQuiet()
  })

  test('a batch that may be older than five seconds: its request is refused unread', () => {
    const { world, b1, y } = town(1)
    const peer = new RawPeer(world)
    peer.hello()
    // Nothing was sent to the peer since, so nothing bounds the age of what it sends.
    world.run(5_500)
    const frame = callFrame(Frame.request, Request.head)
    setU32(frame, Request.remainingMs, 3_000)
    peer.batch(frame)
    assert.equal(peer.of(Frame.refusal).at(-1)?.[Refusal.reason], Reason.stale_batch)
    assert.equal(b1.view().counters.staleBatches, 1)
    peer.batch(frame)
    const judged = peer.of(Frame.refusal).at(-1)?.[Refusal.reason]
    assert.equal(judged, Reason.stale, 'the refusal was acknowledged, and bounds the next one')
    assert.equal(y.core.marks.size, 0)
    peer.leave()
    world.run(15_000)
    world.assertQuiet()
  })
})

describe('a liar among responders', () => {
  test('a reply for a call never sent to it is ignored with an advisory', () => {
    const { world, r } = town(1, replies(300))
    const call = r.call({ body: '7' })
    world.run(20)
    const liar = new RawPeer(world)
    liar.hello()
    for (let to = 1; to <= 4; to++) {
      const reply = callFrame(Frame.reply, Reply.head)
      setU32(reply, Reply.to, to)
      setU64(reply, Reply.counter, call.future!.counter)
      liar.batch(reply)
    }
    assert.equal(call.end, 'open')
    const [told, ...more] = r.advised('foreign_reply')
    assert.deepEqual(more, [])
    assert.deepEqual(
      [told?.from, told?.topic, told?.attempt],
      ['instance-raw', call.future!.facts.topic, 1],
    )
    world.run(500)
    assert.equal(call.reply, 're:7')
    liar.leave()
    world.run(15_000)
    world.assertQuiet()
  })

  test('its "never" for a call of another does not free that call', () => {
    const { world, r } = town(1, replies(300))
    const call = r.call({ body: '7' })
    world.run(20)
    const liar = new RawPeer(world)
    liar.hello()
    for (let to = 1; to <= 4; to++) {
      const refusal = callFrame(Frame.refusal, Refusal.head, Flag.never)
      setU32(refusal, Refusal.to, to)
      setU16(refusal, Refusal.attempt, 1)
      setU64(refusal, Refusal.counter, call.future!.counter)
      refusal[Refusal.reason] = 1
      liar.batch(refusal)
    }
    assert.equal(call.end, 'open')
    world.run(500)
    assert.equal(call.reply, 're:7')
    assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    liar.leave()
    world.run(15_000)
    world.assertQuiet()
  })

  test('its cancel for a call of another cancels nothing', () => {
    const { world, r, y } = town(1, replies(300))
    const call = r.call({ body: '7' })
    world.run(20)
    const liar = new RawPeer(world)
    liar.hello()
    for (let target = 1; target <= 4; target++) {
      const cancel = callFrame(Frame.cancel, Cancel.head)
      setU16(cancel, Cancel.attempt, 9)
      setU32(cancel, Cancel.target, target)
      setU64(cancel, Cancel.counter, call.future!.counter)
      liar.batch(cancel)
    }
    world.run(500)
    assert.deepEqual(y.aborts, [])
    assert.equal(call.reply, 're:7')
    liar.leave()
    world.run(15_000)
    world.assertQuiet()
  })
})

describe('at a client', () => {
  const wrong: [string, (client: ClientNode) => void][] = [
    [
      'a request from a handle never introduced',
      (client) => {
        const frame = callFrame(Frame.request, Request.head)
        setU32(frame, Request.origin, 4_711)
        say(client, frame)
      },
    ],
    ['an unknown frame type', (client) => say(client, control(99, Buffer.alloc(3)))],
    [
      'a frame that only a client sends',
      (client) => say(client, control(Frame.hello, Buffer.alloc(60))),
    ],
    ['half a frame', (client) => say(client, Buffer.from([200, 0, 0, 0, 5]))],
    ['half a peer', (client) => say(client, control(Frame.peer, Buffer.from([1, 0])))],
  ]
  for (const [what, doIt] of wrong) {
    test(`${what} from a broker: the link is closed, dialled again, and the call answered`, () => {
      const { world, r, y } = town(1, replies(250))
      const call = r.call({ body: '7' })
      world.run(20)
      doIt(y)
      assert.equal(y.advised('protocol_error').length, 1)
      world.run(1_000)
      assert.equal(call.reply, 're:7')
      assert.equal(world.ledger.of(r.idOf(call)).length, 1)
      world.assertQuiet()
    })
  }

  test('noise from a broker never throws, whatever the client is doing', () => {
    const { world, r, y } = town(1, replies(20))
    const prng = new Prng(11)
    for (let i = 0; i < 300; i++) {
      r.call({ timeoutMs: 400 })
      for (const client of [r, y]) {
        if (client.links[0]?.isUp !== true) continue
        const bytes = noise(prng, prng.below(150))
        const frame = Buffer.concat([Buffer.alloc(5), bytes])
        setU32(frame, 0, frame.length - 4)
        frame[4] = prng.below(70)
        say(client, frame)
      }
      world.run(30)
    }
    world.run(2_000)
    const call = r.call({ body: '7' })
    world.run(100)
    assert.equal(call.reply, 're:7')
  })
})

test('everybody leaves: nothing is left at the broker', () => {
  const { world, r, y, b1 } = town(1, replies(500), { concurrency: 2, prefetch: 2 })
  r.callMany(10, { timeoutMs: 9_000 })
  r.call({ topic: 'no.one', waitForResponder: true })
  world.run(50)
  world.kill(r)
  world.run(12_000)
  assert.deepEqual([b1.view().sessions, b1.view().waitingBytes, b1.view().deliveries], [1, 0, 0])
  y.leave()
  world.clients.delete(y)
  world.run(100)
  const { sessions, links, topics, deliveries } = b1.view()
  assert.deepEqual(
    { sessions, links, topics, deliveries },
    { sessions: 0, links: 0, topics: [], deliveries: 0 },
  )
  world.assertQuiet()
})
