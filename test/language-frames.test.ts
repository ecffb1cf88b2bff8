/** Every frame of protocol version 1 in bytes, written out by hand from the tables of PROTOCOL.md. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FieldReader, setU16, setU32, setU64, u64 } from '../bus/bytes.ts'
import {
  Cancel,
  checkedFrameEnd,
  Flag,
  Frame,
  putHead,
  putRefusal,
  QueueState,
  Reason,
  Refusal,
  Reply,
  ReplyKind,
  Request,
  refusalSize,
  Stage,
} from '../bus/frame.ts'
import * as handshake from '../bus/handshake.ts'
import { decodeHeaders, encodeHeaders } from '../bus/headers.ts'
import * as rules from '../bus/rules.ts'
import * as topics from '../bus/topic-frames.ts'

/** Bytes as rows of hex and what they are; the words are for the reader. */
const bytesOf = (...rows: [hex: string, what: string][]): Buffer =>
  Buffer.from(rows.map(([hex]) => hex).join(''), 'hex')
const hexOf = (bytes: Buffer): string => bytes.toString('hex')
const readerOf = (payload: Buffer): FieldReader => new FieldReader(payload, 0, payload.length)

/** Encoded as the golden bytes, decoded as the value, and nothing left over. */
const isGolden = <T>(
  value: T,
  encode: (value: T) => Buffer,
  decode: (r: FieldReader) => T,
  golden: Buffer,
): void => {
  assert.equal(hexOf(encode(value)), hexOf(golden))
  const reader = readerOf(golden)
  assert.deepEqual(decode(reader), value)
  assert.equal(reader.left, 0)
}

const HIGH_31 = 2 ** 31 - 5
const HIGH_32 = 2 ** 32 - 5
const HIGH_53 = 2 ** 53 - 5

describe('the frames on the path of a call', () => {
  test('request', () => {
    const golden = bytesOf(
      ['51000000', '0 length of what follows: 85 - 4'],
      ['10', '4 type 16'],
      ['05', '5 flags: pinned 1, may have run 4'],
      ['0200', '6 attempt 2'],
      ['0a000000', '8 length of the headers: 10'],
      ['04030201', '12 topic handle 0x01020304'],
      ['07000000', '16 queue 7'],
      ['11000000', '20 target 17'],
      ['00000000', '24 origin, stamped by the broker'],
      ['00000000', '28 delivery, stamped by the broker'],
      ['b80b0000', '32 remaining 3000 ms'],
      ['ffffffffffff0000', '36 life 2^48 - 1'],
      ['fbffffff00000000', '44 epoch 2^32 - 5'],
      ['fbffffffffff1f00', '52 counter 2^53 - 5'],
      ['fbffff7f00000000', '60 floor 2^31 - 5'],
      ['05', '68 length of a header name'],
      ['7472616365', '69 "trace"'],
      ['0200', '74 length of its value'],
      ['6162', '76 "ab"'],
      ['7b2261223a317d', '78 the body {"a":1}'],
    )
    const headers = encodeHeaders({ trace: 'ab' })
    const body = Buffer.from('{"a":1}')
    const b = Buffer.alloc(Request.head + headers.length + body.length)
    putHead(b, 0, b.length, Frame.request, Flag.pinned | Flag.mayHaveRun)
    setU16(b, Request.attempt, 2)
    setU32(b, Request.headersLength, headers.length)
    setU32(b, Request.topic, 0x01020304)
    setU32(b, Request.queue, 7)
    setU32(b, Request.target, 17)
    setU32(b, Request.remainingMs, 3_000)
    setU64(b, Request.life, 2 ** 48 - 1)
    setU64(b, Request.epoch, HIGH_32)
    setU64(b, Request.counter, HIGH_53)
    setU64(b, Request.floor, HIGH_31)
    headers.copy(b, Request.head)
    body.copy(b, Request.head + headers.length)
    assert.equal(hexOf(b), hexOf(golden))
    assert.equal(checkedFrameEnd(golden, 0), 85)
    assert.equal(u64(golden, Request.counter), HIGH_53)
    assert.deepEqual({ ...decodeHeaders(golden, Request.head, 78) }, { trace: 'ab' })
  })

  test('reply', () => {
    const golden = bytesOf(
      ['1e000000', '0 length of what follows: 34 - 4'],
      ['11', '4 type 17'],
      ['60', '5 flags: long 32, raw 64'],
      ['01', '6 kind: service error'],
      ['00', '7 not used'],
      ['00000000', '8 no headers'],
      ['09000000', '12 to 9'],
      ['00000000', '16 from, stamped by the broker'],
      ['fbffffff', '20 delivery 2^32 - 5'],
      ['fbffffff00000000', '24 counter 2^32 - 5'],
      ['7b7d', '32 the body {}'],
    )
    const b = Buffer.alloc(Reply.head + 2)
    putHead(b, 0, b.length, Frame.reply, Flag.long | Flag.raw)
    b[Reply.kind] = ReplyKind.service_error
    setU32(b, Reply.to, 9)
    setU32(b, Reply.delivery, HIGH_32)
    setU64(b, Reply.counter, HIGH_32)
    b.write('{}', Reply.head)
    assert.equal(hexOf(b), hexOf(golden))
    assert.equal(checkedFrameEnd(golden, 0), 34)
  })

  const refusal = bytesOf(
    ['36000000', '0 length of what follows: 58 - 4'],
    ['12', '4 type 18'],
    ['80', '5 flags: never 128'],
    ['0301', '6 attempt 259'],
    ['04', '8 reason: full'],
    ['02', '9 stage: queue'],
    ['03', '10 queue state: full'],
    ['00', '11 not used'],
    ['09000000', '12 to 9'],
    ['11000000', '16 from 17'],
    ['05000000', '20 delivery 5'],
    ['fbffffffffff1f00', '24 counter 2^53 - 5'],
    ['07000000', '32 queue 7'],
    ['fbffff7f00000000', '36 epoch 2^31 - 5'],
    ['10270000', '44 limit 10000'],
    ['11270000', '48 current 10001'],
    ['64000000', '52 retry after 100 ms'],
    ['6e6f', '56 "no"'],
  )
  const who = {
    ...{ type: Frame.refusal, flags: Flag.never, attempt: 259 },
    ...{ to: 9, from: 17, delivery: 5, counter: HIGH_53 },
  }
  const news = {
    ...{ reason: Reason.full, stage: Stage.queue, queueState: QueueState.full, queue: 7 },
    ...{ epoch: HIGH_31, limit: 10_000, current: 10_001, retryAfterMs: 100, text: 'no' },
  }

  test('refusal, and lost, which is laid out alike', () => {
    const b = Buffer.alloc(refusalSize(news), 0xff)
    putRefusal(b, 0, who, news)
    assert.equal(hexOf(b), hexOf(refusal))
    assert.equal(checkedFrameEnd(refusal, 0), Refusal.head + 2)
    putRefusal(b, 0, { ...who, type: Frame.lost }, news)
    const lost = Buffer.from(refusal)
    lost[4] = 19
    assert.equal(hexOf(b), hexOf(lost))
  })

  test('a refusal with a long text is cut to the limit, and carries no byte from elsewhere', () => {
    for (const text of ['x'.repeat(5_000), `${'x'.repeat(1_023)}€uro`, '😀'.repeat(1_000)]) {
      const b = Buffer.alloc(refusalSize({ ...news, text }), 'Z')
      putRefusal(b, 0, who, { ...news, text })
      assert.equal(b.length, Refusal.head + 1_024)
      const told = b.toString('utf8', Refusal.head)
      assert.ok(!told.includes('Z'), `bytes of another frame behind the text: ${told.slice(-4)}`)
      assert.ok(text.startsWith(told.trimEnd()), 'the text that is told is another one')
    }
  })

  test('cancel', () => {
    const golden = bytesOf(
      ['1c000000', '0 length of what follows: 32 - 4'],
      ['14', '4 type 20'],
      ['20', '5 flags: long'],
      ['0100', '6 attempt 1'],
      ['07000000', '8 queue 7'],
      ['11000000', '12 target 17'],
      ['00000000', '16 origin, stamped by the broker'],
      ['00000000', '20 not used'],
      ['fbffff7f00000000', '24 counter 2^31 - 5'],
    )
    const b = Buffer.alloc(Cancel.head)
    putHead(b, 0, b.length, Frame.cancel, Flag.long)
    setU16(b, Cancel.attempt, 1)
    setU32(b, Cancel.queue, 7)
    setU32(b, Cancel.target, 17)
    setU64(b, Cancel.counter, HIGH_31)
    assert.equal(hexOf(b), hexOf(golden))
    assert.equal(checkedFrameEnd(golden, 0), 32)
  })

  test('headers: names and values one after the other, own names before the user’s', () => {
    const golden = bytesOf(
      ['033a746f', 'length 3, ":to"'],
      ['04006e616d65', 'length 4, "name"'],
      ['0161', 'length 1, "a"'],
      ['0300e282ac', 'length 3, "€"'],
      ['0162', 'length 1, "b"'],
      ['0000', 'length 0'],
    )
    assert.equal(hexOf(encodeHeaders({ a: '€', b: '' }, { ':to': 'name' })), hexOf(golden))
    const decoded = decodeHeaders(golden, 0, golden.length)
    assert.deepEqual({ ...decoded }, { ':to': 'name', a: '€', b: '' })
    assert.equal(Object.getPrototypeOf(decoded), null)
  })
})

describe('the frames that open a link', () => {
  test('hello', () => {
    const hello: handshake.Hello = {
      ...{ minVersion: 1, maxVersion: 258, instance: 'inst', secret: 'sec', replyTopic: 'rt' },
      ...{ name: 'a', idc: 'sz', label: '', token: 'é', knewAnotherLife: true },
    }
    const golden = bytesOf(
      ['0100', 'lowest version 1'],
      ['0201', 'highest version 258'],
      ['0400696e7374', 'instance "inst"'],
      ['0300736563', 'secret "sec"'],
      ['02007274', 'reply topic "rt"'],
      ['010061', 'name "a"'],
      ['0200737a', 'idc "sz"'],
      ['0000', 'no label'],
      ['0200c3a9', 'token "é"'],
      ['01', 'it knew another life of this broker'],
    )
    isGolden(hello, handshake.encodeHello, handshake.decodeHello, golden)
  })

  test('welcome', () => {
    const welcome: handshake.Welcome = {
      ...{ version: 1, broker: 'b1', idc: 'sz', life: HIGH_53, handle: 7, isResumed: true },
      ...{ settlingMs: 2_000, maxBodyBytes: 1_048_576 },
    }
    const golden = bytesOf(
      ['0100', 'version 1'],
      ['02006231', 'broker "b1"'],
      ['0200737a', 'idc "sz"'],
      ['fbffffffffff1f00', 'life 2^53 - 5'],
      ['07000000', 'handle 7'],
      ['01', 'the session is resumed'],
      ['d0070000', 'settling for 2000 ms'],
      ['00001000', 'bodies up to 1 MiB'],
    )
    isGolden(welcome, handshake.encodeWelcome, handshake.decodeWelcome, golden)
  })

  test('reject', () => {
    const reject = { code: 'overloaded', message: 'full' }
    const golden = bytesOf(
      ['0a006f7665726c6f61646564', 'code "overloaded"'],
      ['040066756c6c', 'message "full"'],
    )
    isGolden(reject, handshake.encodeReject, handshake.decodeReject, golden)
  })

  test('peer', () => {
    const golden = bytesOf(['fbffffff', 'handle 2^32 - 5'], ['02006932', '"i2"'], ['0000', 'none'])
    const peer = { handle: HIGH_32, instance: 'i2', replyTopic: '' }
    isGolden(peer, handshake.encodePeer, handshake.decodePeer, golden)
  })
})

describe('the frames about topics', () => {
  test('register and registered', () => {
    const register = {
      id: 3,
      topic: 'a.b',
      group: 'g',
      window: 128,
      windowBytes: 4_194_304,
      ...{ isStandby: true, minQueues: 2, maxQueues: 300 },
    }
    const asked = bytesOf(
      ['03000000', 'registration 3'],
      ['0300612e62', 'topic "a.b"'],
      ['010067', 'group "g"'],
      ['80000000', 'window of 128 deliveries'],
      ['00004000', 'and of 4 MiB'],
      ['01', 'one active instance'],
      ['0200', 'at least 2 queues'],
      ['2c01', 'at most 300'],
    )
    isGolden(register, topics.encodeRegister, topics.decodeRegister, asked)
    const registered = { id: 3, topic: 9, code: 'no', message: 'why' }
    const answered = bytesOf(
      ['03000000', 'registration 3'],
      ['09000000', 'topic handle 9'],
      ['02006e6f', 'code "no"; empty means yes'],
      ['0300776879', 'message "why"'],
    )
    isGolden(registered, topics.encodeRegistered, topics.decodeRegistered, answered)
  })

  test('window and standing', () => {
    const window = { id: 3, window: 64, windowBytes: HIGH_31 }
    const told = bytesOf(['03000000', 'number 3'], ['40000000', '64'], ['fbffff7f', '2^31 - 5 B'])
    isGolden(window, topics.encodeWindow, topics.decodeWindow, told)
    const active = bytesOf(['03000000', 'number 3'], ['02', 'active'], ['2c01', '300 brokers'])
    const news = { id: 3, standing: topics.Standing.active, brokers: 300 }
    isGolden(news, topics.encodeStanding, topics.decodeStanding, active)
  })

  test('assign and assigned', () => {
    const assign = { id: 3, topic: 9, queue: HIGH_31, epoch: HIGH_32, leaseMs: 2_000 }
    const given = bytesOf(
      ['03000000', 'registration 3'],
      ['09000000', 'topic handle 9'],
      ['fbffff7f', 'queue 2^31 - 5'],
      ['fbffffff00000000', 'epoch 2^32 - 5'],
      ['d0070000', 'lease of 2000 ms'],
    )
    isGolden(assign, topics.encodeAssign, topics.decodeAssign, given)
    const taken = bytesOf(['0c000000', 'queue 12'], ['fbffffffffff1f00', 'epoch 2^53 - 5'])
    isGolden({ queue: 12, epoch: HIGH_53 }, topics.encodeAssigned, topics.decodeAssigned, taken)
  })

  test('a number, for unregister, unregistered and inspect; a topic, for watch and unwatch', () => {
    isGolden(HIGH_32, topics.encodeNumber, topics.decodeNumber, bytesOf(['fbffffff', '2^32 - 5']))
    isGolden('a.b', topics.encodeTopic, topics.decodeTopic, bytesOf(['0300612e62', '"a.b"']))
  })

  test('routes', () => {
    const entry: topics.RouteEntry = {
      ...{ queue: 12, epoch: HIGH_53, state: QueueState.transition, owner: 17 },
      ...{ instance: 'i2', idc: 'sz', label: 'x' },
    }
    const routes: topics.Routes = {
      ...{ topic: 'a.b', handle: 9, isFull: true, code: '', group: 'g', settlingMs: 2_000 },
      entries: [entry],
    }
    const golden = bytesOf(
      ['0300612e62', 'topic "a.b"'],
      ['09000000', 'topic handle 9'],
      ['01', 'these are all'],
      ['0000', 'no code'],
      ['010067', 'group "g"'],
      ['d0070000', 'settling for 2000 ms'],
      ['0100', 'one entry:'],
      ['0c000000', 'queue 12'],
      ['fbffffffffff1f00', 'epoch 2^53 - 5'],
      ['02', 'in transition'],
      ['11000000', 'owner 17'],
      ['02006932', 'instance "i2"'],
      ['0200737a', 'idc "sz"'],
      ['010078', 'label "x"'],
    )
    isGolden(routes, topics.encodeRoutes, topics.decodeRoutes, golden)
  })

  test('rules', () => {
    const told: rules.TopicRules = {
      ...{ topic: 'a.b', version: HIGH_32 },
      rules: [
        {
          ...{ number: 3, to: 'v2', isStrict: true, share: 1_000, label: 'x' },
          headers: [{ name: 'n', value: 'é' }],
        },
        { number: 300, to: 'y', isStrict: false, share: rules.NO_SHARE, label: '', headers: [] },
      ],
    }
    const golden = bytesOf(
      ['0300612e62', 'topic "a.b"'],
      ['fbffffff', 'version 2^32 - 5'],
      ['0200', 'two rules:'],
      ['0300', 'number 3'],
      ['02007632', 'to "v2"'],
      ['01', 'strict'],
      ['e803', 'the lowest 1000 of 10000 shares'],
      ['010078', 'of calls with label "x"'],
      ['01', 'and one header:'],
      ['01006e', '"n"'],
      ['0200c3a9', '"é"'],
      ['2c01', 'number 300'],
      ['010079', 'to "y"'],
      ['00', 'or else to others'],
      ['ffff', 'whatever the key'],
      ['0000', 'whatever the label'],
      ['00', 'no header'],
    )
    isGolden(told, rules.encodeRules, rules.decodeRules, golden)
  })

  test('resume', () => {
    const golden = bytesOf(
      ['01', 'the last'],
      ['0200', 'two:'],
      ['05000000', '5'],
      ['fbffffff', ''],
    )
    const encoded = topics.encodeResume([5, HIGH_32], true)
    assert.equal(hexOf(encoded), hexOf(golden))
    assert.deepEqual(topics.decodeResume(readerOf(golden)), {
      isLast: true,
      deliveries: [5, HIGH_32],
    })
  })
})
