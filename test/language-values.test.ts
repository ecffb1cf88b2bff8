/** The writers and readers of every frame, over whatever values fit their fields. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FieldReader, FieldWriter, setU16, setU32, setU64, u16, u32, u64 } from '../bus/bytes.ts'
import * as handshake from '../bus/handshake.ts'
import * as rules from '../bus/rules.ts'
import * as topics from '../bus/topic-frames.ts'

const HIGH_31 = 2 ** 31 - 5
const HIGH_32 = 2 ** 32 - 5
const HIGH_53 = 2 ** 53 - 5

const readerOf = (payload: Buffer): FieldReader => new FieldReader(payload, 0, payload.length)

describe('whatever the values', () => {
  const around = (n: number, max: number) => fc.integer({ min: n, max: Math.min(n + 10, max) })
  const MAX_32 = 2 ** 32 - 1
  const n16 = fc.integer({ min: 0, max: 65_535 })
  const n32 = fc.oneof(
    fc.integer({ min: 0, max: MAX_32 }),
    around(HIGH_31, MAX_32),
    around(HIGH_32, MAX_32),
  )
  const n64 = fc.oneof(
    fc.maxSafeNat(),
    around(HIGH_31, HIGH_53),
    around(HIGH_32, HIGH_53),
    around(HIGH_53, Number.MAX_SAFE_INTEGER),
  )
  const text = (max: number) =>
    fc.string({ unit: 'binary', maxLength: max }).filter((s) => Buffer.byteLength(s) <= max)
  const name = text(64)
  const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(fields, { noNullPrototype: true })

  test('numbers come back from where they were put, and nothing beside them is touched', () => {
    const check = (
      at: number,
      width: number,
      put: (b: Buffer) => void,
      get: (b: Buffer) => number,
    ) => {
      const b = Buffer.alloc(24, 0xaa)
      put(b)
      const around = Buffer.concat([b.subarray(0, at), b.subarray(at + width)])
      assert.ok(around.every((byte) => byte === 0xaa))
      return get(b)
    }
    const at = fc.integer({ min: 0, max: 16 })
    fc.assert(
      fc.property(at, n16, n32, n64, (i, a, b, c) => {
        assert.equal(
          check(
            i,
            2,
            (x) => setU16(x, i, a),
            (x) => u16(x, i),
          ),
          a,
        )
        assert.equal(
          check(
            i,
            4,
            (x) => setU32(x, i, b),
            (x) => u32(x, i),
          ),
          b,
        )
        assert.equal(
          check(
            i,
            8,
            (x) => setU64(x, i, c),
            (x) => u64(x, i),
          ),
          c,
        )
        assert.equal(
          check(
            i,
            8,
            (x) => setU64(x, i, c),
            (x) => Number(x.readBigUInt64LE(i)),
          ),
          c,
        )
      }),
    )
  })

  /** What is encoded is decoded to the same, with bytes of others before and behind it. */
  const comesBack = <T>(
    values: fc.Arbitrary<T>,
    encode: (value: T) => Buffer,
    decode: (r: FieldReader) => T,
  ): void =>
    fc.assert(
      fc.property(values, (value) => {
        const payload = encode(value)
        const b = Buffer.concat([Buffer.alloc(3, 1), payload, Buffer.alloc(3, 2)])
        const reader = new FieldReader(b, 3, 3 + payload.length)
        assert.deepEqual(decode(reader), value)
        reader.end('frame')
      }),
    )

  test('the frames of the handshake come back as they were', () => {
    const id = text(handshake.MAX_ID)
    const versions = { minVersion: n16, maxVersion: n16 }
    const ids = { instance: id, secret: id, replyTopic: id }
    const names = {
      name,
      idc: name,
      label: name,
      token: text(4_096),
      knewAnotherLife: fc.boolean(),
    }
    const hello = record({ ...versions, ...ids, ...names })
    comesBack(hello, handshake.encodeHello, handshake.decodeHello)
    const about = { version: n16, broker: id, idc: name, life: n64, handle: n32 }
    const limits = { isResumed: fc.boolean(), settlingMs: n32, maxBodyBytes: n32 }
    const welcome = record({ ...about, ...limits })
    comesBack(welcome, handshake.encodeWelcome, handshake.decodeWelcome)
    const reject = record({ code: name, message: text(1_024) })
    comesBack(reject, handshake.encodeReject, handshake.decodeReject)
    const peer = record({ handle: n32, instance: id, replyTopic: id })
    comesBack(peer, handshake.encodePeer, handshake.decodePeer)
  })

  test('the frames about topics come back as they were', () => {
    const topic = text(200)
    const credit = { id: n32, window: n32, windowBytes: n32 }
    const bounds = { isStandby: fc.boolean(), minQueues: n16, maxQueues: n16 }
    const register = record({ ...credit, ...bounds, topic, group: name })
    comesBack(record(credit), topics.encodeWindow, topics.decodeWindow)
    comesBack(register, topics.encodeRegister, topics.decodeRegister)
    const registered = record({ id: n32, topic: n32, code: name, message: text(1_024) })
    comesBack(registered, topics.encodeRegistered, topics.decodeRegistered)
    const assign = record({ id: n32, topic: n32, queue: n32, epoch: n64, leaseMs: n32 })
    comesBack(assign, topics.encodeAssign, topics.decodeAssign)
    comesBack(record({ queue: n32, epoch: n64 }), topics.encodeAssigned, topics.decodeAssigned)
    const standing = fc.constantFrom(...Object.values(topics.Standing))
    const news = record({ id: n32, standing, brokers: n16 })
    comesBack(news, topics.encodeStanding, topics.decodeStanding)
    comesBack(n32, topics.encodeNumber, topics.decodeNumber)
    comesBack(topic, topics.encodeTopic, topics.decodeTopic)
    const owner = { owner: n32, instance: name, idc: name, label: name }
    const entry = record({
      queue: n32,
      epoch: n64,
      state: fc.integer({ min: 0, max: 255 }),
      ...owner,
    })
    const about = {
      topic,
      handle: n32,
      isFull: fc.boolean(),
      code: name,
      group: name,
      settlingMs: n32,
    }
    const routes = record({ ...about, entries: fc.array(entry, { maxLength: 20 }) })
    comesBack(routes, topics.encodeRoutes, topics.decodeRoutes)
    const header = record({ name, value: text(rules.MAX_RULE_VALUE) })
    const rule = record({
      ...{ number: n16, isStrict: fc.boolean(), label: name },
      to: name.filter((to) => to !== ''),
      share: fc.oneof(fc.integer({ min: 0, max: rules.SHARES }), fc.constant(rules.NO_SHARE)),
      headers: fc.array(header, { maxLength: rules.MAX_RULE_HEADERS }),
    })
    const told = { topic, version: n32, rules: fc.array(rule, { maxLength: 20 }) }
    comesBack(record(told), rules.encodeRules, rules.decodeRules)
    const resume = record({ isLast: fc.boolean(), deliveries: fc.array(n32) })
    comesBack(resume, (m) => topics.encodeResume(m.deliveries, m.isLast), topics.decodeResume)
  })

  test('full pages fit: 200 routes, 8,000 deliveries, and the greatest rules there can be', () => {
    const long = 'n'.repeat(64)
    const entry = { queue: 1, epoch: 1, state: 1, owner: 1, instance: long, idc: long, label: long }
    const about = { topic: 't', handle: 1, isFull: true, code: '', group: 'g', settlingMs: 0 }
    const routes = { ...about, entries: Array.from({ length: topics.ROUTES_PAGE }, () => entry) }
    assert.deepEqual(topics.decodeRoutes(readerOf(topics.encodeRoutes(routes))), routes)
    const header = { name: long, value: 'v'.repeat(rules.MAX_RULE_VALUE) }
    const headers = Array.from({ length: rules.MAX_RULE_HEADERS }, () => header)
    const rule = { number: 1, to: long, isStrict: true, share: 10_000, label: long, headers }
    const list = Array.from({ length: rules.MAX_TOPIC_RULES }, () => rule)
    const told = { topic: 't'.repeat(200), version: 1, rules: list }
    assert.deepEqual(rules.decodeRules(readerOf(rules.encodeRules(told))), told)
    const deliveries = Array.from({ length: topics.RESUME_PAGE }, (_, i) => i)
    const resume = topics.decodeResume(readerOf(topics.encodeResume(deliveries, false)))
    assert.deepEqual(resume, { isLast: false, deliveries })
  })

  test('a text too long for its length field is refused by the writer, not cut in silence', () => {
    assert.equal(new FieldWriter().text('x'.repeat(65_535)).done().length, 65_537)
    assert.throws(() => new FieldWriter().text('x'.repeat(65_536)))
  })
})
