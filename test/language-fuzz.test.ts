/**
 * Bytes that make no sense: whatever comes in, a reader returns or throws WireError, and what it makes
 * of the bytes is never more than about twice their size.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { openBatch } from '../bus/batch.ts'
import { FieldReader, FieldWriter, setU32, setU64, u32, WireError } from '../bus/bytes.ts'
import {
  BATCH_HEAD,
  Cancel,
  checkedFrameEnd,
  FRAME_HEAD,
  Frame,
  putHead,
  putRefusal,
  Refusal,
  Reply,
  Request,
} from '../bus/frame.ts'
import * as handshake from '../bus/handshake.ts'
import { decodeHeaders, encodeHeaders, userHeaders } from '../bus/headers.ts'
import { Pulse } from '../bus/pulse.ts'
import * as rules from '../bus/rules.ts'
import * as topics from '../bus/topic-frames.ts'

const RUNS = { numRuns: 2_000 }

/** What `read` returns, or undefined if it threw WireError. Any other error fails the test. */
const readOrRefuse = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

/** Bytes held by what was decoded: texts as UTF-16, numbers in lists as doubles. */
const weightOf = (value: unknown): number => {
  if (typeof value === 'string') return value.length * 2
  if (Array.isArray(value)) {
    return value.reduce((sum: number, v) => sum + (typeof v === 'number' ? 8 : weightOf(v)), 0)
  }
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).reduce((sum, [, v]) => sum + weightOf(v), 0)
}

const ids = { instance: 'inst-0001', secret: 'secret-0001', replyTopic: 'reply-0001' }
const hello = { ...ids, name: 'a', idc: 'sz', label: 'blue', token: 't', knewAnotherLife: false }
const welcome = { version: 1, broker: 'b1', idc: 'sz', life: 7, handle: 8, isResumed: false }
const entry = { queue: 1, epoch: 2, state: 1, owner: 3, instance: 'i', idc: 'sz', label: 'x' }
const routes = { topic: 'a.b', handle: 9, isFull: true, code: '', group: 'g', settlingMs: 5 }
const header = { name: 'flag', value: 'on' }
const rule = { number: 1, to: 'v2', isStrict: true, share: 9, label: 'x', headers: [header] }
const register = {
  id: 1,
  topic: 'a.b',
  group: 'g',
  window: 64,
  windowBytes: 4_096,
  ...{ isStandby: false, minQueues: 0, maxQueues: 0 },
}
const assign = { id: 1, topic: 2, queue: 3, epoch: 4, leaseMs: 5 }

/** Every decoder, with bytes that it takes. */
const DECODERS: [name: string, decode: (r: FieldReader) => unknown, sample: Buffer][] = [
  [
    'hello',
    handshake.decodeHello,
    handshake.encodeHello({ minVersion: 1, maxVersion: 1, ...hello }),
  ],
  [
    'welcome',
    handshake.decodeWelcome,
    handshake.encodeWelcome({ ...welcome, settlingMs: 9, maxBodyBytes: 1_024 }),
  ],
  ['reject', handshake.decodeReject, handshake.encodeReject({ code: 'expired', message: 'late' })],
  [
    'peer',
    handshake.decodePeer,
    handshake.encodePeer({ handle: 1, instance: 'i', replyTopic: 'r' }),
  ],
  ['register', topics.decodeRegister, topics.encodeRegister(register)],
  [
    'registered',
    topics.decodeRegistered,
    topics.encodeRegistered({ id: 1, topic: 2, code: 'forbidden', message: 'no' }),
  ],
  ['window', topics.decodeWindow, topics.encodeWindow({ id: 1, window: 64, windowBytes: 4_096 })],
  ['assign', topics.decodeAssign, topics.encodeAssign(assign)],
  ['assigned', topics.decodeAssigned, topics.encodeAssigned({ queue: 1, epoch: 2 })],
  ['standing', topics.decodeStanding, topics.encodeStanding({ id: 1, standing: 2, brokers: 3 })],
  ['number', topics.decodeNumber, topics.encodeNumber(7)],
  ['topic', topics.decodeTopic, topics.encodeTopic('account.balance')],
  [
    'routes',
    topics.decodeRoutes,
    topics.encodeRoutes({ ...routes, entries: [entry, entry, entry] }),
  ],
  [
    'rules',
    rules.decodeRules,
    rules.encodeRules({ topic: 'a.b', version: 2, rules: [rule, rule] }),
  ],
  ['resume', topics.decodeResume, topics.encodeResume([1, 2, 3, 4], true)],
]

const decodeWhole = (decode: (r: FieldReader) => unknown, bytes: Buffer): unknown =>
  readOrRefuse(() => decode(new FieldReader(bytes, 0, bytes.length)))

const randomBytes = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))

/** The sample with some bytes changed, cut short or made longer. */
const mutated = (sample: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .record({
      edits: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
        maxLength: 6,
      }),
      length: fc.nat({ max: sample.length + 20 }),
    })
    .map(({ edits, length }) => {
      const bytes = Buffer.alloc(length)
      sample.copy(bytes)
      if (length > 0) for (const [at, byte] of edits) bytes[at % length] = byte
      return bytes
    })

describe('decoders', () => {
  for (const [name, decode, sample] of DECODERS) {
    test(`${name}: random and mutated bytes are read or refused, at no more than twice their size`, () => {
      assert.notEqual(decodeWhole(decode, sample), undefined, 'the sample itself is refused')
      fc.assert(
        fc.property(fc.oneof(randomBytes, mutated(sample)), (bytes) => {
          const value = decodeWhole(decode, bytes)
          assert.ok(weightOf(value) <= 2 * bytes.length, `${weightOf(value)} of ${bytes.length}`)
        }),
        RUNS,
      )
    })

    test(`${name}: every cut of it is refused, none is read past its end`, () => {
      const framed = Buffer.concat([sample, Buffer.alloc(600, 0x41)])
      for (let size = 0; size < sample.length; size++) {
        const value = readOrRefuse(() => decode(new FieldReader(framed, 0, size)))
        assert.equal(value, undefined, `cut to ${size} of ${sample.length} bytes`)
      }
    })
  }

  test('headers: every cut of them is refused, but where one ends', () => {
    const block = encodeHeaders({ a: 'b', trace: 'x'.repeat(40), empty: '' })
    const framed = Buffer.concat([block, Buffer.alloc(600, 0x01)])
    const whole: number[] = []
    for (let size = 0; size <= block.length; size++) {
      if (readOrRefuse(() => decodeHeaders(framed, 0, size)) !== undefined) whole.push(size)
    }
    assert.deepEqual(whole, [0, 5, 53, 61])
    assert.equal(block.length, 61)
  })

  test('a reader never goes past its end, whatever is asked of it', () => {
    const steps = fc.array(fc.constantFrom('u8', 'u16', 'u32', 'u64', 'text', 'rest', 'end'))
    fc.assert(
      fc.property(randomBytes, fc.nat(600), fc.nat(600), steps, (bytes, a, b, asked) => {
        const [start, end] = [a, b].map((n) => Math.min(n, bytes.length)).sort((x, y) => x - y)
        const reader = new FieldReader(bytes, start!, end!)
        for (const step of asked) {
          const before = reader.left
          const value = readOrRefuse(() =>
            step === 'text'
              ? reader.text('x', 64)
              : step === 'rest'
                ? reader.rest()
                : reader[step]('x'),
          )
          assert.ok(reader.left >= 0 && reader.left <= before)
          if (typeof value === 'string') assert.ok(Buffer.byteLength(value) <= 64 * 3)
          if (typeof value === 'number') assert.ok(Number.isSafeInteger(value))
          if (Buffer.isBuffer(value)) assert.equal(value.length, before)
        }
      }),
      RUNS,
    )
  })

  test('counts and lengths that promise more than is there cost nothing', () => {
    const routes = new FieldWriter().text('t').u32(1).u8(1).text('').text('g').u32(0)
    const ruled = (to: string, share: number, headers: number): Buffer => {
      const head = new FieldWriter().text('t').u32(1).u16(1).u16(1).text(to).u8(0).u16(share)
      return head.text('').u8(headers).done()
    }
    const liars: [(r: FieldReader) => unknown, Buffer, RegExp][] = [
      [rules.decodeRules, Buffer.from('0000010000001500', 'hex'), /21 rules, at most 20/],
      [rules.decodeRules, ruled('v2', 0, 9), /9 headers, at most 8/],
      [rules.decodeRules, ruled('v2', 10_001, 0), /10001 of 10000 shares/],
      [rules.decodeRules, ruled('', 0, 0), /no label/],
      [topics.decodeResume, Buffer.from('01ffff00000000', 'hex'), /65535 deliveries in 4 bytes/],
      [topics.decodeRoutes, routes.u16(65_535).u64(1).done(), /65535 routes in 8 bytes/],
      [handshake.decodeReject, Buffer.from('ffff4141', 'hex'), /65535 bytes, at most 64/],
      [topics.decodeTopic, Buffer.from('c8004141', 'hex'), /200 bytes wanted, 2 left/],
      [
        topics.decodeTopic,
        Buffer.concat([Buffer.from('c900', 'hex'), Buffer.alloc(201)]),
        /at most 200/,
      ],
    ]
    for (const [decode, bytes, message] of liars) {
      assert.throws(() => decode(new FieldReader(bytes, 0, bytes.length)), {
        name: 'WireError',
        message,
      })
    }
  })

  test('a list of routes is no longer than its bytes allow', () => {
    const least = 4 + 8 + 1 + 4 + 3 * 2
    const sample = DECODERS.find(([name]) => name === 'routes')![2]
    fc.assert(
      fc.property(mutated(sample), (bytes) => {
        const value = decodeWhole(topics.decodeRoutes, bytes) as topics.Routes | undefined
        assert.ok((value?.entries.length ?? 0) * least <= bytes.length)
      }),
      RUNS,
    )
  })

  test('a number above 2^53 - 1 is refused, since it could not be told from its neighbours', () => {
    const epoch = (hex: string): Buffer => Buffer.from(`01000000${hex}`, 'hex')
    const largest = epoch('ffffffffffff1f00')
    assert.deepEqual(decodeWhole(topics.decodeAssigned, largest), {
      queue: 1,
      epoch: Number.MAX_SAFE_INTEGER,
    })
    for (const hex of ['0000000000002000', 'ffffffffffffffff']) {
      assert.equal(decodeWhole(topics.decodeAssigned, epoch(hex)), undefined)
    }
  })

  test('headers: random and mutated bytes are read or refused, at no more than twice their size', () => {
    const sample = encodeHeaders({ a: 'b', trace: 'x'.repeat(40) })
    fc.assert(
      fc.property(fc.oneof(randomBytes, mutated(sample)), (bytes) => {
        const value = readOrRefuse(() => userHeaders(decodeHeaders(bytes, 0, bytes.length)))
        assert.ok(weightOf(value) + weightOf(Object.keys(value ?? {})) <= 2 * bytes.length)
      }),
      RUNS,
    )
  })

  test('header names of any kind stay within the object', () => {
    const headers = encodeHeaders({}, { __proto__x: 'a', constructor: 'b', toString: 'c' })
    const bytes = Buffer.concat([
      headers,
      Buffer.from('095f5f70726f746f5f5f0100', 'hex'),
      Buffer.from('x'),
    ])
    const decoded = decodeHeaders(bytes, 0, bytes.length)
    assert.equal(Object.getPrototypeOf(decoded), null)
    assert.deepEqual(Object.keys(decoded), ['__proto__x', 'constructor', 'toString', '__proto__'])
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })
})

/** One good frame of each kind with a place of its own on the wire, and one control frame. */
const GOOD_FRAMES: Buffer[] = (() => {
  const of = (size: number, type: number): Buffer => {
    const b = Buffer.alloc(size)
    putHead(b, 0, size, type, 0)
    return b
  }
  const headers = encodeHeaders({ trace: 'abc' })
  const request = Buffer.concat([of(Request.head + headers.length + 9, Frame.request)])
  setU32(request, Request.headersLength, headers.length)
  headers.copy(request, Request.head)
  const reply = of(Reply.head + 5, Frame.reply)
  const refusal = Buffer.alloc(Refusal.head + 2)
  putRefusal(
    refusal,
    0,
    { type: Frame.lost, flags: 0, attempt: 1, to: 1, from: 2, delivery: 3, counter: 4 },
    {
      ...{ reason: 16, stage: 3, queueState: 0, queue: 0, epoch: 0 },
      ...{ limit: 0, current: 0, retryAfterMs: 0, text: 'no' },
    },
  )
  return [request, reply, refusal, of(Cancel.head, Frame.cancel), of(FRAME_HEAD + 3, Frame.peer)]
})()

/** Walks a batch as its receiver does: frame after frame, then the headers of the frames of calls. */
const walk = (bytes: Buffer): number => {
  let frames = 0
  for (let at = BATCH_HEAD; at < bytes.length; frames++) {
    const end = checkedFrameEnd(bytes, at)
    assert.ok(end > at && end <= bytes.length, `from ${at} to ${end} in ${bytes.length}`)
    const type = bytes[at + 4]
    const head = type === Frame.request ? Request.head : type === Frame.reply ? Reply.head : 0
    if (head > 0) {
      const start = at + head
      assert.ok(start + u32(bytes, at + Request.headersLength) <= end)
      readOrRefuse(() =>
        decodeHeaders(bytes, start, start + u32(bytes, at + Request.headersLength)),
      )
    }
    at = end
  }
  return frames
}

describe('batches', () => {
  test('good frames are walked to the end, one by one', () => {
    const batch = Buffer.concat([Buffer.alloc(BATCH_HEAD), ...GOOD_FRAMES])
    assert.equal(walk(batch), GOOD_FRAMES.length)
  })

  test('a walk over random or mutated frames stays inside, goes on, and ends', () => {
    const good = fc
      .array(fc.constantFrom(...GOOD_FRAMES), { maxLength: 5 })
      .chain((frames) => mutated(Buffer.concat([Buffer.alloc(BATCH_HEAD), ...frames])))
    fc.assert(
      fc.property(fc.oneof(randomBytes, good), (bytes) => {
        readOrRefuse(() => walk(bytes))
      }),
      { numRuns: 5_000 },
    )
  })

  for (const good of GOOD_FRAMES) {
    test(`frame type ${good[4]}: too short, too long or with too many headers is refused`, () => {
      const withLength = (length: number): Buffer => {
        const b = Buffer.from(good)
        setU32(b, 0, length)
        return b
      }
      assert.equal(checkedFrameEnd(good, 0), good.length)
      const least =
        good[4] === Frame.peer ? FRAME_HEAD : { 16: 68, 17: 32, 19: 56, 20: 32 }[good[4]!]!
      for (const length of [0, least - 5, good.length - 3, 2 ** 31, 2 ** 32 - 1]) {
        assert.throws(() => checkedFrameEnd(withLength(length), 0), WireError, `length ${length}`)
      }
      for (let size = 0; size < FRAME_HEAD; size++) {
        assert.throws(() => checkedFrameEnd(good.subarray(0, size), 0), WireError)
      }
      if (good[4] !== Frame.request && good[4] !== Frame.reply) return
      for (const length of [good.length - least + 1, 2 ** 32 - 1]) {
        const b = Buffer.from(good)
        setU32(b, Request.headersLength, length)
        assert.throws(() => checkedFrameEnd(b, 0), WireError, `headers of ${length}`)
      }
    })
  }

  test('any head is taken or refused, and only the next number and a known acknowledgement taken', () => {
    const numbers = fc.oneof(fc.nat(4), fc.maxSafeNat(), fc.constantFrom(2 ** 32, 2 ** 53, 2 ** 60))
    fc.assert(
      fc.property(numbers, numbers, fc.nat(24), fc.nat(2), (number, ack, size, sent) => {
        const pulse = new Pulse(0)
        for (let i = 0; i < sent; i++) pulse.send(1)
        const bytes = Buffer.alloc(size)
        if (size >= 8) setU64(bytes, 0, number)
        if (size >= 16) setU64(bytes, 8, ack)
        const isTaken =
          size >= BATCH_HEAD &&
          ack <= sent &&
          (number === 1 || (number === 0 && size === BATCH_HEAD))
        const taken = readOrRefuse(() => {
          openBatch(2, pulse, bytes)
          return true
        })
        assert.equal(taken ?? false, isTaken, `${number} ${ack} ${size} after ${sent}`)
        if (isTaken) assert.deepEqual([pulse.read, pulse.acked], [number, ack])
      }),
      RUNS,
    )
    fc.assert(
      fc.property(randomBytes, (bytes) => {
        readOrRefuse(() => openBatch(0, new Pulse(0), bytes))
      }),
      RUNS,
    )
  })

  test('a header block above the limit is refused, however well it is made', () => {
    const one = Buffer.concat([Buffer.from('0161fd1f', 'hex'), Buffer.alloc(8_189, 0x41)])
    const two = Buffer.concat([one, Buffer.from('0162fb1f', 'hex'), Buffer.alloc(8_187, 0x41)])
    assert.equal(two.length, 16_384)
    assert.equal(Object.keys(decodeHeaders(two, 0, two.length)).length, 2)
    // As much again as the bus may add of its own.
    const three = Buffer.concat([two, Buffer.from('0163fc03', 'hex'), Buffer.alloc(1_020, 0x41)])
    assert.equal(Object.keys(decodeHeaders(three, 0, three.length)).length, 3)
    const four = Buffer.concat([three, Buffer.from('01640000', 'hex')])
    assert.throws(() => decodeHeaders(four, 0, four.length), WireError)
  })
})
