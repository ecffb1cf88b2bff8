/** Names, suggestions, bodies and headers: what may be said, and what is refused by its place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeBody, jsonCodec, keepable, messageOf } from '../bus/codec.ts'
import { BusError } from '../bus/errors.ts'
import {
  decodeHeaders,
  encodeHeaders,
  type Headers,
  NO_BYTES,
  userHeaders,
} from '../bus/headers.ts'
import {
  admits,
  checkHeaderName,
  checkName,
  checkTopic,
  isName,
  isTopic,
  MAX_HEADERS_BYTES,
  MAX_NAME,
  MAX_TOPIC,
} from '../bus/names.ts'
import { didYouMean, nearest } from '../bus/suggest.ts'

/** The error is the bus's own, nothing was executed, and its message says this. */
const refusesWith = (act: () => unknown, code: string, says: string): BusError => {
  try {
    act()
  } catch (error) {
    assert.ok(BusError.is(error), `not an error of the bus: ${String(error)}`)
    assert.equal(error.code, code)
    assert.equal(error.outcome, 'not_executed')
    assert.ok(error.message.includes(says), `"${error.message}" does not say "${says}"`)
    return error
  }
  return assert.fail(`not refused; expected ${code}: ${says}`)
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const WORDS = `${LETTERS}${LETTERS.toUpperCase()}0123456789_-`
const isWord = (text: string): boolean => text !== '' && [...text].every((c) => WORDS.includes(c))

describe('names', () => {
  const near = fc.string({ unit: fc.constantFrom(...'aZ9_-.. :/*é\n\0'), maxLength: 12 })

  test('a topic is words of letters, digits, _ and - joined by dots, at most 200 long', () => {
    for (const topic of ['account.balance', 'a', 'A-1_b.2', 'x'.repeat(MAX_TOPIC)]) {
      assert.equal(checkTopic(topic), topic)
    }
    fc.assert(
      fc.property(near, (text) => {
        assert.equal(isTopic(text), text.split('.').every(isWord), JSON.stringify(text))
        if (isTopic(text)) assert.equal(checkTopic(text), text)
        else refusesWith(() => checkTopic(text), 'invalid_argument', 'topic')
      }),
      { numRuns: 1_000 },
    )
  })

  test('a topic that is none is refused for its own reason', () => {
    refusesWith(() => checkTopic(undefined), 'invalid_argument', 'must be a string')
    refusesWith(() => checkTopic(7), 'invalid_argument', 'got 7')
    refusesWith(() => checkTopic(''), 'invalid_argument', 'must not be empty')
    refusesWith(() => checkTopic('x'.repeat(201)), 'invalid_argument', 'at most 200')
    assert.equal(isTopic('x'.repeat(201)), false)
    refusesWith(() => checkTopic('a\nb'), 'invalid_argument', 'got "a\\nb"')
  })

  test('a name starts with a letter, digit or _ and is at most 64 long', () => {
    fc.assert(
      fc.property(near, (text) => {
        const expected = [...text].every((c) => WORDS.includes(c) || c === '.')
        assert.equal(isName(text), expected && text !== '' && !'.-'.includes(text[0]!))
        if (isName(text)) assert.equal(checkName('group', text), text)
        else refusesWith(() => checkName('group', text), 'invalid_argument', 'group must be')
      }),
      { numRuns: 1_000 },
    )
    assert.ok(isName('x'.repeat(MAX_NAME)) && !isName('x'.repeat(MAX_NAME + 1)))
    refusesWith(() => checkName('idc', null), 'invalid_argument', 'idc')
  })

  test('a pattern admits its topic, all topics, or those below a prefix', () => {
    const cases: [pattern: string, topic: string, isAdmitted: boolean][] = [
      ['account.balance', 'account.balance', true],
      ['account.balance', 'account.balances', false],
      ['*', 'account.balance', true],
      ['account.*', 'account.balance', true],
      ['account.*', 'account.balance.eur', true],
      ['account.*', 'account', false],
      ['account.*', 'accounts.balance', false],
      ['acc*', 'account', false],
      ['', 'account', false],
    ]
    for (const [pattern, topic, isAdmitted] of cases) {
      assert.equal(admits(pattern, topic), isAdmitted, `${pattern} for ${topic}`)
    }
  })
})

describe('suggestions', () => {
  const options = ['timeoutMs', 'connectTimeoutMs', 'idempotent', 'headers', 'signal', 'key']

  test('name the option that was meant', () => {
    for (const [typed, meant] of [
      ['timeout', 'timeoutMs'],
      ['timeoutms', 'timeoutMs'],
      ['idempotant', 'idempotent'],
      ['header', 'headers'],
      ['singal', 'signal'],
    ] as const) {
      assert.equal(nearest(typed, options), meant)
      assert.equal(didYouMean(typed, options), ` (did you mean ${meant}?)`)
    }
  })

  test('say nothing when nothing is near, or nothing is known', () => {
    assert.equal(nearest('concurrency', options), undefined)
    assert.equal(didYouMean('concurrency', options), '')
    assert.equal(nearest('timeout', []), undefined)
  })

  test('a known word is its own nearest, and no word takes long', () => {
    for (const option of options) assert.equal(nearest(option, options), option)
    assert.equal(nearest('x'.repeat(100_000), options), undefined)
  })
})

describe('bodies', () => {
  const encode = (body: unknown): Buffer => encodeBody(jsonCodec, body).bytes
  const decode = (bytes: Buffer): unknown => jsonCodec.decode(bytes)

  test('what JSON can say comes back as it was; undefined is an empty body', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(decode(encode(value)), JSON.parse(JSON.stringify(value)))
      }),
    )
    assert.equal(encode(undefined).length, 0)
    assert.equal(decode(encode(undefined)), undefined)
    assert.equal(decode(encode(null)), null)
  })

  const loop: Record<string, unknown> = { name: 'loop' }
  loop.inner = [{ back: loop }]
  const refused: [body: unknown, place: string, rule: string][] = [
    [1n, 'body', 'bigint'],
    [{ amount: 12n }, 'body.amount', 'bigint'],
    [{ a: { b: [1, { c: Number.NaN }] } }, 'body.a.b[1].c', 'finite'],
    [[0, [Number.POSITIVE_INFINITY]], 'body[1][0]', 'finite'],
    [Number.NEGATIVE_INFINITY, 'body', 'finite'],
    [{ f: () => 1 }, 'body.f', 'function'],
    [() => 1, 'body', 'function'],
    [[Symbol('s')], 'body[0]', 'symbol'],
    [loop, 'body.inner[0].back', 'contain itself'],
  ]
  for (const [body, place, rule] of refused) {
    test(`what it would change in silence is refused by its place: ${place}, ${rule}`, () => {
      const error = refusesWith(() => encode(body), 'invalid_argument', `${place} must`)
      assert.ok(error.message.includes(rule), error.message)
      assert.equal(error.details.stage, 'requester')
    })
  }

  test('a value that stands in two places is no cycle', () => {
    const shared = { currency: 'EUR' }
    assert.deepEqual(decode(encode([shared, { shared }])), [shared, { shared }])
  })

  test('nesting without end is refused, not a stack overflow', () => {
    let deep: unknown[] = []
    for (let i = 0; i < 100_000; i++) deep = [deep]
    refusesWith(() => encode(deep), 'invalid_argument', 'nest deeper')
  })

  test('an object that says itself what it is in JSON is held to the same rules', () => {
    assert.equal(decode(encode(new Date(0))), '1970-01-01T00:00:00.000Z')
    const saying = (json: unknown): unknown => ({ at: { toJSON: () => json } })
    assert.deepEqual(decode(encode(saying({ a: 1 }))), { at: { a: 1 } })
    refusesWith(() => encode(saying(Number.NaN)), 'invalid_argument', 'body.at')
    refusesWith(() => encode(saying({ deep: 1n })), 'invalid_argument', 'body.at.deep')
  })

  test('an encoder that throws anything is invalid_argument, with that as the cause', () => {
    const cause = new RangeError('no')
    const codec = {
      ...jsonCodec,
      encode: () => {
        throw cause
      },
    }
    const error = refusesWith(() => encodeBody(codec, {}), 'invalid_argument', 'no')
    assert.equal(error.cause, cause)
    const own = new BusError('too_large', 'mine')
    const wrapped = {
      ...jsonCodec,
      encode: () => {
        throw own
      },
    }
    assert.throws(() => encodeBody(wrapped, {}), own)
    assert.equal(messageOf('text'), 'text')
  })

  test('a Uint8Array passes untouched and uncopied, a view of one as just its part', () => {
    const whole = new Uint8Array([1, 2, 3, 4, 5])
    for (const view of [whole, whole.subarray(1, 3), Buffer.from(whole.buffer, 2, 2)]) {
      const { bytes, isRaw } = encodeBody(jsonCodec, view)
      assert.equal(isRaw, true)
      assert.deepEqual([...bytes], [...view])
      assert.equal(bytes.buffer, view.buffer)
    }
    assert.equal(encodeBody(jsonCodec, {}).isRaw, false)
  })

  test('what outlives its turn is copied out of a large read buffer, and only then', () => {
    const read = Buffer.alloc(65_536, 7)
    const small = keepable(read, 100, 228)
    assert.notEqual(small.buffer, read.buffer, '128 bytes keep 64 KiB alive')
    read.fill(8)
    assert.deepEqual(small, Buffer.alloc(128, 7))
    const large = keepable(read, 100, 40_100)
    assert.equal(large.buffer, read.buffer, 'a large part of its buffer is not worth copying')
    assert.equal(large.length, 40_000)
    assert.equal(keepable(read, 5, 5).length, 0)
  })
})

describe('headers', () => {
  const decode = (bytes: Buffer): Headers => ({ ...decodeHeaders(bytes, 0, bytes.length) })

  test('come back as they were', () => {
    const first = fc.constantFrom(...`${LETTERS}0123456789`)
    const rest = fc.string({ unit: fc.constantFrom(...`${LETTERS}0123456789_-`), maxLength: 20 })
    const name = fc.tuple(first, rest).map(([a, b]) => a + b)
    const value = fc.string({ unit: 'binary', maxLength: 60 })
    const headers = fc.dictionary(name, value, { noNullPrototype: true })
    fc.assert(
      fc.property(headers, (given) => assert.deepEqual(decode(encodeHeaders(given)), given)),
    )
    assert.equal(encodeHeaders({}), NO_BYTES)
  })

  test('hold 16 KiB together and not a byte more', () => {
    const filling = (bytes: number): Headers => ({ a: 'x'.repeat(100), b: 'y'.repeat(bytes - 108) })
    assert.equal(encodeHeaders(filling(MAX_HEADERS_BYTES)).length, MAX_HEADERS_BYTES)
    const error = refusesWith(
      () => encodeHeaders(filling(MAX_HEADERS_BYTES + 1)),
      'too_large',
      '16385',
    )
    assert.deepEqual(error.details, { limit: 16_384, current: 16_385, stage: 'requester' })
    refusesWith(() => encodeHeaders({ a: 'é'.repeat(8_193) }), 'too_large', 'header a')
    refusesWith(() => encodeHeaders({ a: 'x'.repeat(70_000) }), 'too_large', 'header a')
  })

  test('names are lower case; those that start with a colon are the bus’s own', () => {
    const wrong = [':to', ':x', 'Trace', '', 'a b', 'é', '-a', 'a:b', 'x'.repeat(65), '__proto__']
    for (const name of wrong) {
      refusesWith(() => encodeHeaders({ [name]: 'x' }), 'invalid_argument', 'header name')
      refusesWith(() => checkHeaderName(name), 'invalid_argument', 'header name')
    }
    assert.deepEqual(decode(encodeHeaders({ a: '1' }, { ':to': 'x' })), { ':to': 'x', a: '1' })
  })

  test('values are texts', () => {
    for (const value of [7, null, undefined, {}, ['x']]) {
      const headers = { trace: value } as unknown as Headers
      refusesWith(() => encodeHeaders(headers), 'invalid_argument', 'header trace must be a string')
    }
  })

  test('a user sees only what users set', () => {
    const bytes = encodeHeaders({ trace: 'x' }, { ':to': 'i', ':topic': 't' })
    const seen = userHeaders(decodeHeaders(bytes, 0, bytes.length))
    assert.deepEqual({ ...seen }, { trace: 'x' })
    assert.equal(Object.getPrototypeOf(seen), null)
    const plain = decodeHeaders(bytes, bytes.length, bytes.length)
    assert.equal(userHeaders(plain), plain)
    assert.ok(Object.isFrozen(plain), 'all messages without headers share one object')
  })
})
