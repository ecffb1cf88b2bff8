/** The outbox of a link: frames gathered into few messages, and what becomes of their memory. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { setU32, u32, u64 } from '../bus/bytes.ts'
import {
  BATCH_HEAD,
  checkedFrameEnd,
  FRAME_HEAD,
  Frame,
  PACK_BYTES,
  Reply,
  Request,
} from '../bus/frame.ts'
import { MAX_GATHERED_BYTES, MAX_UNSENT_BYTES, Outbox, type Wire } from '../bus/outbox.ts'
import { Pulse } from '../bus/pulse.ts'
import { Slabs } from '../bus/slabs.ts'

/** Keeps what was written, as it was at that moment. */
class FakeWire implements Wire {
  readonly given: Buffer[] = []
  readonly sent: Buffer[] = []
  /** `cork`, the numbers of messages, `uncork`, as they came. */
  readonly order: (string | number)[] = []
  unsent = 0

  write(message: Buffer): void {
    this.given.push(message)
    this.sent.push(Buffer.from(message))
    this.order.push(u64(message, 0))
  }

  cork(): void {
    this.order.push('cork')
  }

  uncork(): void {
    this.order.push('uncork')
  }

  isDrained(): boolean {
    return this.unsent === 0
  }

  unsentBytes(): number {
    return this.unsent
  }

  close(): void {}
}

class CountedSlabs extends Slabs {
  readonly taken: Buffer[] = []
  readonly returned: Buffer[] = []

  override take(): Buffer {
    const slab = super.take()
    this.taken.push(slab)
    return slab
  }

  override give(slab: Buffer): void {
    this.returned.push(slab)
    super.give(slab)
  }
}

/** One end of a link, with a wire that leads nowhere. */
class End {
  readonly wire = new FakeWire()
  readonly pulse = new Pulse(0)
  readonly slabs = new CountedSlabs()
  dirty = 0
  readonly outbox = new Outbox(this.wire, this.pulse, this.slabs, () => {
    this.dirty += 1
  })

  /** A request frame of `size` bytes, filled with `mark`, with so much time left. */
  request(now: number, size: number, remainingMs: number, mark = 0x61): void {
    const at = this.outbox.reserve(now, size)
    const b = this.outbox.bytes
    b.fill(mark, at, at + size)
    setU32(b, at, size - 4)
    b[at + 4] = Frame.request
    setU32(b, at + Request.headersLength, 0)
    setU32(b, at + Request.remainingMs, remainingMs)
  }

  /** The peer has read everything sent so far, and says so. */
  acknowledged(now: number, number = 0): void {
    this.pulse.receive(now, number, this.pulse.sent)
  }
}

/** Frames of the messages, each as type and length, message by message. */
const framesOf = (messages: Buffer[]): [type: number, size: number][][] =>
  messages.map((message) => {
    const frames: [number, number][] = []
    for (let at = BATCH_HEAD; at < message.length; ) {
      const end = checkedFrameEnd(message, at)
      frames.push([message[at + 4]!, end - at])
      at = end
    }
    return frames
  })
const remainingOf = (message: Buffer): number[] => {
  const found: number[] = []
  for (let at = BATCH_HEAD; at < message.length; at = checkedFrameEnd(message, at)) {
    if (message[at + 4] === Frame.request) found.push(u32(message, at + Request.remainingMs))
  }
  return found
}

describe('the outbox', () => {
  test('gathers the frames of a turn in one message, with its number and the acknowledgement', () => {
    const end = new End()
    end.pulse.receive(5, 1, 0)
    for (let i = 0; i < 100; i++) end.request(10, 100, 500)
    end.outbox.frame(10, Frame.ping, Buffer.from('abc'))
    assert.equal(end.wire.sent.length, 0, 'nothing leaves before the flush')
    assert.equal(end.dirty, 1, 'a flush is asked for once')
    end.outbox.flush(10)
    assert.equal(end.wire.sent.length, 1)
    const message = end.wire.sent[0]!
    assert.deepEqual([u64(message, 0), u64(message, 8)], [1, 1])
    assert.equal(message.length, BATCH_HEAD + 100 * 100 + FRAME_HEAD + 3)
    assert.equal(message.toString('latin1', message.length - 8), '\x04\0\0\0\x05abc')
    end.request(11, 100, 500)
    end.outbox.flush(11)
    assert.deepEqual([u64(end.wire.sent[1]!, 0), end.dirty], [2, 2])
  })

  test('whatever the sizes: in order, none over 32 KiB but a large frame alone, numbers without gap', () => {
    const size = fc.oneof(fc.integer({ min: 69, max: 900 }), fc.integer({ min: 69, max: 70_000 }))
    fc.assert(
      fc.property(fc.array(fc.array(size, { maxLength: 60 }), { maxLength: 5 }), (turns) => {
        const end = new End()
        const promised: number[] = []
        turns.forEach((sizes, turn) => {
          for (const bytes of sizes) {
            end.request(turn, bytes, 9, bytes % 251)
            promised.push(end.outbox.lastBatch)
          }
          end.outbox.flush(turn)
        })
        const frames = framesOf(end.wire.sent)
        const sizes = frames.flat().map(([, bytes]) => bytes)
        assert.deepEqual(sizes, turns.flat())
        end.wire.sent.forEach((message, i) => {
          assert.equal(u64(message, 0), i + 1)
          if (message.length > PACK_BYTES) assert.equal(frames[i]!.length, 1)
          let at = BATCH_HEAD
          for (const [, bytes] of frames[i]!) {
            at += bytes
            assert.equal(message[at - 1], bytes % 251, 'the last byte of a frame is another one')
            const proven = promised.shift()!
            assert.ok(proven >= i + 1, 'acknowledging that batch would not prove the frame read')
          }
        })
      }),
      { numRuns: 60 },
    )
  })

  test('a frame of exactly the limit is packed, one byte more travels alone by its own buffer', () => {
    const limit = PACK_BYTES - BATCH_HEAD
    for (const [size, slabs] of [
      [limit, 1],
      [limit + 1, 0],
    ] as const) {
      const end = new End()
      end.request(0, size, 9)
      end.outbox.flush(0)
      assert.equal(end.slabs.taken.length, slabs)
      assert.deepEqual(framesOf(end.wire.sent), [[[Frame.request, size]]])
    }
  })

  test('two frames share a batch up to exactly the limit', () => {
    for (const [more, messages] of [
      [0, 1],
      [1, 2],
    ] as const) {
      const end = new End()
      end.request(0, 20_000, 9)
      end.request(0, PACK_BYTES - BATCH_HEAD - 20_000 + more, 9)
      end.outbox.flush(0)
      assert.equal(end.wire.sent.length, messages)
    }
  })

  test('a large message is passed on by reference, between what came before and after it', () => {
    const end = new End()
    const large = Buffer.alloc(BATCH_HEAD + 50_000, 0x62)
    setU32(large, BATCH_HEAD, 49_996)
    large[BATCH_HEAD + 4] = Frame.reply
    setU32(large, BATCH_HEAD + Reply.headersLength, 0)
    const body = Buffer.from(large.subarray(BATCH_HEAD))
    end.request(0, 100, 9)
    end.outbox.relay(0, large)
    end.request(0, 200, 9)
    end.outbox.flush(30)
    assert.deepEqual(framesOf(end.wire.sent), [
      [[Frame.request, 100]],
      [[Frame.reply, 50_000]],
      [[Frame.request, 200]],
    ])
    assert.equal(end.wire.given[1], large)
    assert.deepEqual(large.subarray(BATCH_HEAD), body, 'the frame itself is not touched')
    assert.deepEqual(
      end.wire.sent.map((message) => u64(message, 0)),
      [1, 2, 3],
    )
  })

  test('takes the wait for the flush off the time of every request, and of nothing else', () => {
    const end = new End()
    for (const ms of [500, 31, 30, 29, 0]) end.request(100, 100, ms)
    const other = Buffer.alloc(60, 0xff)
    end.outbox.frame(100, Frame.refusal, other)
    end.request(120, 40_000, 500)
    const relayed = new End()
    relayed.request(0, 50_000, 500)
    relayed.outbox.flush(0)
    end.outbox.relay(120, relayed.wire.given[0]!)
    end.outbox.flush(130)
    assert.deepEqual(end.wire.sent.map(remainingOf), [[470, 1, 0, 0, 0], [470], [470]])
    const [first] = end.wire.sent
    assert.deepEqual(first!.subarray(first!.length - 60), other)
    end.request(140, 100, 500)
    end.outbox.flush(140)
    assert.deepEqual(remainingOf(end.wire.sent[3]!), [500])
  })

  test('uses a slab again once the system took every byte, and not before', () => {
    const end = new End()
    const turn = (): Buffer => {
      end.request(0, 100, 9)
      const { bytes } = end.outbox
      end.outbox.flush(0)
      return bytes
    }
    const first = turn()
    assert.deepEqual(end.slabs.returned, [first])
    assert.equal(turn(), first, 'a drained slab is not used again')
    end.wire.unsent = 1
    assert.equal(turn(), first)
    assert.equal(end.slabs.returned.length, 2, 'a slab that still waits to be sent was given back')
    assert.notEqual(turn(), first)
    end.wire.unsent = 0
    assert.notEqual(turn(), first, 'a slab that went with unsent bytes came back')
  })

  test('a turn of many slabs gives all of them back, each once', () => {
    const end = new End()
    for (let i = 0; i < 40; i++) end.request(0, 8_000, 9)
    end.outbox.flush(0)
    assert.ok(end.slabs.taken.length >= 5)
    assert.deepEqual(new Set(end.slabs.returned), new Set(end.slabs.taken))
    assert.equal(end.slabs.returned.length, end.slabs.taken.length)
  })

  test('sends 16 bytes and number 0 when there is only an acknowledgement to send', () => {
    const end = new End()
    end.outbox.acknowledge(1)
    end.outbox.flush(1)
    assert.equal(end.wire.sent.length, 0, 'nothing was owed')
    end.pulse.receive(2, 1, 0)
    end.pulse.receive(2, 2, 0)
    end.outbox.acknowledge(2)
    assert.equal(end.dirty, 2)
    end.outbox.flush(2)
    assert.equal(end.wire.sent[0]!.toString('hex'), '00000000000000000200000000000000')
    assert.equal(end.pulse.sent, 0, 'it takes no number')
    end.outbox.flush(3)
    assert.equal(end.wire.sent.length, 1)
  })

  test('several messages of a turn are handed over as one, a single one without ado', () => {
    const end = new End()
    end.request(0, 100, 9)
    end.outbox.flush(0)
    for (const size of [100, 40_000, 100]) end.request(1, size, 9)
    end.outbox.flush(1)
    assert.deepEqual(end.wire.order, [1, 'cork', 2, 3, 4, 'uncork'])
  })

  test('says when the link holds more than it may, and when it no longer does', () => {
    const end = new End()
    end.wire.unsent = MAX_UNSENT_BYTES + 1
    assert.equal(end.outbox.isClogged, false, 'nothing was sent by it yet')
    end.request(0, 500, 9)
    end.outbox.flush(0)
    assert.equal(end.outbox.isClogged, true)
    end.request(1, 2_000, 9)
    assert.equal(end.outbox.unsentBytes, MAX_UNSENT_BYTES + 2_001, 'what is gathered counts too')
    end.wire.unsent = MAX_UNSENT_BYTES
    assert.equal(end.outbox.isClogged, false)
  })

  test('gathers no more in one turn than memory bears', () => {
    const end = new End()
    for (let i = 0; i < 16; i++) end.request(0, MAX_GATHERED_BYTES / 16, 9)
    assert.equal(end.outbox.isClogged, false)
    end.request(0, 100, 9)
    assert.equal(end.outbox.isClogged, true)
    end.outbox.flush(0)
    assert.equal(end.outbox.isClogged, false)
  })
})

describe('both ends together', () => {
  test('a batch bounces once: sent, acknowledged, and silence', () => {
    const ends = [new End(), new End()] as const
    const carry = (from: End, to: End, now: number): number => {
      const messages = from.wire.sent.splice(0)
      for (const message of messages) to.pulse.receive(now, u64(message, 0), u64(message, 8))
      return messages.length
    }
    ends[0].request(0, 100, 9)
    ends[0].outbox.flush(0)
    let messages = 0
    for (let now = 1; now < 20; now++) {
      for (const [from, to] of [ends, [ends[1], ends[0]]] as const) {
        messages += carry(from, to, now)
        to.outbox.acknowledge(now)
        to.outbox.flush(now)
      }
    }
    assert.equal(messages, 2)
    assert.deepEqual([ends[0].pulse.acked, ends[1].pulse.read], [1, 1])
  })
})
