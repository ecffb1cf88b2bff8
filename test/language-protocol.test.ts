/** PROTOCOL.md is held to the code: its tables, its offsets, and its worked example byte for byte. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { FieldWriter, setU16, setU32, setU64 } from '../bus/bytes.ts'
import { isBusErrorCode } from '../bus/errors.ts'
import * as frame from '../bus/frame.ts'
import { Frame, Reply, Request } from '../bus/frame.ts'
import * as handshake from '../bus/handshake.ts'
import { OwnHeader } from '../bus/headers.ts'
import { Outbox } from '../bus/outbox.ts'
import { Pulse } from '../bus/pulse.ts'
import * as rules from '../bus/rules.ts'
import { Slabs } from '../bus/slabs.ts'
import * as topics from '../bus/topic-frames.ts'
import { shareOf } from '../rr-client/core/dark-launch.ts'
import { verdictOf } from '../rr-client/core/verdict.ts'

const page = readFileSync(new URL('../../bus/PROTOCOL.md', import.meta.url), 'utf8')

type Row = Record<string, string>

/** The tables of a stretch of the page, each row by the names of its columns. */
const tablesIn = (text: string): Row[][] =>
  [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => {
    const cells = (line: string): string[] =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'))
    const [head, , ...lines] = table.trim().split('\n').map(cells)
    return lines!.map((line) => Object.fromEntries(line.map((cell, i) => [head![i]!, cell])))
  })

/** The first table whose columns start with these. */
const table = (...columns: string[]): Row[] => {
  const found = tablesIn(page).find((rows) =>
    columns.every((name, i) => Object.keys(rows[0]!)[i] === name),
  )
  return found ?? assert.fail(`PROTOCOL.md has no table | ${columns.join(' | ')} |`)
}
const numbersOf = (rows: Row[], column: string): Record<string, number> =>
  Object.fromEntries(rows.map((row) => [row.Name!, Number(row[column])]))

/** The table under the heading that names this frame and type. */
const layoutOf = (name: string, type: number): Row[] => {
  const heading = page
    .split('\n')
    .find((line) => line.startsWith('### ') && line.includes(`\`${name}\` (${type})`))
  assert.ok(heading !== undefined, `no heading for ${name} (${type})`)
  return tablesIn(page.slice(page.indexOf(heading)))[0]!
}

const SIZES: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8 }

describe('the lists of PROTOCOL.md', () => {
  test('have every frame type, flag, reason, stage, kind and state, with its number', () => {
    assert.deepEqual(numbersOf(table('Type', 'Name', 'From'), 'Type'), Frame)
    assert.deepEqual(numbersOf(table('Flag', 'Name'), 'Flag'), frame.Flag)
    assert.deepEqual(numbersOf(table('Reason', 'Name'), 'Reason'), frame.Reason)
    assert.deepEqual(numbersOf(table('Stage', 'Name'), 'Stage'), frame.Stage)
    assert.deepEqual(numbersOf(table('Reply kind', 'Name'), 'Reply kind'), frame.ReplyKind)
    assert.deepEqual(numbersOf(table('Queue state', 'Name'), 'Queue state'), frame.QueueState)
    const headers = table('Header', 'On').map((row) => row.Header)
    assert.deepEqual(headers.sort(), Object.values(OwnHeader).sort())
  })

  test('say of every reason what the client does with it', () => {
    for (const row of table('Reason', 'Name', 'Then')) {
      const { next, code } = verdictOf(Number(row.Reason) as frame.Reason)
      assert.deepEqual(
        [row.Name, row.Then, row['Error, if it does not go on']],
        [row.Name, next, code],
      )
    }
  })

  test('name only errors that there are', () => {
    const rows = tablesIn(page)
      .flat()
      .flatMap((row) => row.Error ?? [])
    const codes = rows.filter((code) => !['none', "the service's own error"].includes(code))
    assert.ok(codes.length >= 10)
    for (const code of codes) assert.ok(isBusErrorCode(code), code)
  })

  test('give the limits as the code has them', () => {
    const number = (n: number): string => n.toLocaleString('en')
    for (const n of [frame.PACK_BYTES, frame.MAX_TEXT, topics.RESUME_PAGE, topics.ROUTES_PAGE]) {
      assert.ok(new RegExp(`\\b${number(n)}\\b`).test(page), `${number(n)} is not on the page`)
    }
    assert.ok(page.includes(`\`${frame.SUBPROTOCOL}\``))
    const { MAX_TOPIC_RULES, MAX_RULE_HEADERS, MAX_RULE_VALUE, SHARES, NO_SHARE } = rules
    assert.ok(page.includes(`Rules that follow, at most ${MAX_TOPIC_RULES}.`))
    assert.ok(page.includes(`Headers that follow, at most ${MAX_RULE_HEADERS}.`))
    assert.ok(page.includes(`At most ${MAX_RULE_VALUE} bytes.`))
    assert.ok(page.includes(`0 to ${number(SHARES)}; ${number(NO_SHARE)}: whatever the key`))
  })

  test('give the numbers of keys as every requester must find them', () => {
    const rows = table('Key', 'Number')
    for (const { Key: key, Number: told } of rows) assert.equal(shareOf(key!), Number(told), key)
    assert.equal(rows.length, 2)
  })
})

describe('the offsets of PROTOCOL.md', () => {
  const fixed: [name: string, type: number, places: Record<string, number>][] = [
    ['request', Frame.request, frame.Request],
    ['reply', Frame.reply, frame.Reply],
    ['refusal', Frame.refusal, frame.Refusal],
    ['cancel', Frame.cancel, frame.Cancel],
  ]
  for (const [name, type, places] of fixed) {
    test(`of ${name} are those of the code, and leave no gap`, () => {
      const rows = layoutOf(name, type)
      let end = 0
      for (const row of rows) {
        assert.equal(Number(row.Offset), end, `${row.Field} is not where the one before ends`)
        end += SIZES[row.Type!]!
      }
      const named = rows.filter((row) => !['length', 'type', '—'].includes(row.Field!))
      const told = Object.fromEntries(named.map((row) => [row.Field, Number(row.Offset)]))
      assert.deepEqual({ ...told, head: end }, places)
    })
  }

  /** Bytes of a control frame as the page has it: field by field, in its order, with its types. */
  const asThePageSays = (
    rows: Row[],
    values: Record<string, number | string>,
    start: number,
  ): Buffer => {
    const w = new FieldWriter()
    let at: number | undefined = start
    for (const row of rows) {
      const {
        Offset: offset,
        Type: type,
        Field: field,
      } = row as Record<'Offset' | 'Type' | 'Field', string>
      assert.equal(offset, at === undefined ? '+' : String(at), `offset of ${field}`)
      const value = values[field] ?? assert.fail(`no value for ${field}`)
      if (type === 'text') w.text(value as string)
      else w[type as 'u8' | 'u16' | 'u32' | 'u64'](value as number)
      at = at === undefined || type === 'text' ? undefined : at + SIZES[type]!
    }
    return w.done()
  }

  const ids = { instance: 'inst', secret: 'secr', replyTopic: 'repl' }
  const names = { name: 'nam', idc: 'sz', label: 'blue', token: 'tok' }
  const hello = { minVersion: 1, maxVersion: 2, ...ids, ...names }
  const welcome = {
    version: 1,
    broker: 'b',
    idc: 'sz',
    life: 5,
    handle: 6,
    settlingMs: 7,
    maxBodyBytes: 8,
  }
  const register = {
    id: 1,
    topic: 'a.b',
    group: 'g',
    window: 2,
    windowBytes: 3,
    ...{ minQueues: 4, maxQueues: 5 },
  }
  const window = { id: 1, window: 2, windowBytes: 3 }
  const standing = { id: 1, standing: topics.Standing.active, brokers: 3 }
  const assign = { id: 1, topic: 2, queue: 3, epoch: 4, leaseMs: 5 }
  const routes = { topic: 'a.b', handle: 1, code: 'c', group: 'g', settlingMs: 2 }
  const ruled = { topic: 'a.b', version: 7 }
  const rule = { number: 1, to: 't', share: 3, label: 'l' }
  const header = { name: 'n', value: 'v' }
  const entry = { queue: 1, epoch: 2, state: 3, owner: 4, instance: 'i', idc: 'sz', label: 'l' }

  const control: [
    name: string,
    type: number,
    values: Record<string, number | string>,
    bytes: Buffer,
  ][] = [
    [
      'hello',
      1,
      { ...hello, flags: 1 },
      handshake.encodeHello({ ...hello, knewAnotherLife: true }),
    ],
    [
      'welcome',
      2,
      { ...welcome, flags: 1 },
      handshake.encodeWelcome({ ...welcome, isResumed: true }),
    ],
    ['reject', 3, { code: 'c', message: 'm' }, handshake.encodeReject({ code: 'c', message: 'm' })],
    [
      'peer',
      6,
      { handle: 1, instance: 'i', replyTopic: 'r' },
      handshake.encodePeer({ handle: 1, instance: 'i', replyTopic: 'r' }),
    ],
    [
      'register',
      32,
      { ...register, flags: 1 },
      topics.encodeRegister({ ...register, isStandby: true }),
    ],
    ['window', 38, window, topics.encodeWindow(window)],
    ['recall', 39, { queue: 9 }, topics.encodeNumber(9)],
    ['standing', 42, standing, topics.encodeStanding(standing)],
    ['revoke', 40, { queue: 3, epoch: 4 }, topics.encodeAssigned({ queue: 3, epoch: 4 })],
    [
      'registered',
      33,
      { id: 1, topic: 2, code: 'c', message: 'm' },
      topics.encodeRegistered({ id: 1, topic: 2, code: 'c', message: 'm' }),
    ],
    ['unregister', 34, { id: 9 }, topics.encodeNumber(9)],
    ['assign', 36, assign, topics.encodeAssign(assign)],
    ['assigned', 37, { queue: 3, epoch: 4 }, topics.encodeAssigned({ queue: 3, epoch: 4 })],
    ['watch', 48, { topic: 'a.b' }, topics.encodeTopic('a.b')],
    [
      'routes',
      50,
      { ...routes, flags: 1, count: 0 },
      topics.encodeRoutes({ ...routes, isFull: true, entries: [] }),
    ],
    ['rules', 51, { ...ruled, count: 0 }, rules.encodeRules({ ...ruled, rules: [] })],
  ]
  for (const [name, type, values, bytes] of control) {
    test(`of ${name}, written field by field, give the bytes of the code`, () => {
      assert.equal(
        asThePageSays(layoutOf(name, type), values, 5).toString('hex'),
        bytes.toString('hex'),
      )
    })
  }

  test('of an entry of routes, of a rule, and of the resume list, too', () => {
    const rows = tablesIn(page.slice(page.indexOf('Each entry:')))[0]!
    const head = topics.encodeRoutes({ ...routes, isFull: true, entries: [] }).length
    const bytes = topics.encodeRoutes({ ...routes, isFull: true, entries: [entry] }).subarray(head)
    assert.equal(asThePageSays(rows, entry, 0).toString('hex'), bytes.toString('hex'))
    const empty = rules.encodeRules({ ...ruled, rules: [] }).length
    const one = { ...rule, isStrict: true, headers: [header] }
    const told = rules.encodeRules({ ...ruled, rules: [one] }).subarray(empty)
    const [ofRule, ofHeader] = ['Each rule:', 'Each header of a rule:'].map(
      (title) => tablesIn(page.slice(page.indexOf(title)))[0]!,
    )
    const written = Buffer.concat([
      asThePageSays(ofRule!, { ...rule, flags: 1, headers: 1 }, 0),
      asThePageSays(ofHeader!, header, 0),
    ])
    assert.equal(written.toString('hex'), told.toString('hex'))
    const resume = layoutOf('resume', 21)
    assert.equal(resume.pop()!.Type, 'u32 × count')
    const start = asThePageSays(resume, { flags: 1, count: 2 }, 5)
    assert.deepEqual(topics.encodeResume([8, 9], true).subarray(0, start.length), start)
  })
})

describe('the worked example of PROTOCOL.md', () => {
  /** The messages of the page, each line checked to stand at the offset it says. */
  const messages = [...page.matchAll(/```hex\n([^`]*)```/g)].map(([, lines]) => {
    let bytes = Buffer.alloc(0)
    for (const line of lines!.trim().split('\n')) {
      const [, offset, hex] = /^([0-9a-f]{2}) {2}((?:[0-9a-f]{2} ?)+)(?: {2}.*)?$/.exec(line) ?? []
      assert.equal(Number.parseInt(offset ?? '', 16), bytes.length, line)
      bytes = Buffer.concat([bytes, Buffer.from(hex!.replaceAll(' ', ''), 'hex')])
    }
    return bytes.toString('hex')
  })

  /** One batch as an outbox makes it, of an end that has sent and read so many before. */
  const batch = (sent: number, read: number, fill: (outbox: Outbox) => void): string => {
    const pulse = new Pulse(0)
    for (let i = 0; i < sent; i++) pulse.send(0)
    for (let i = 1; i <= read; i++) pulse.receive(0, i, 0)
    const written: string[] = []
    const wire = {
      write: (message: Buffer) => written.push(message.toString('hex')),
      cork: () => {},
      uncork: () => {},
      isDrained: () => true,
      unsentBytes: () => 0,
      close: () => {},
    }
    const outbox = new Outbox(wire, pulse, new Slabs(), () => {})
    fill(outbox)
    outbox.flush(0)
    assert.equal(written.length, 1)
    return written[0]!
  }

  const request = (outbox: Outbox, origin: number, delivery: number, remainingMs: number): void => {
    const body = Buffer.from('{"account":"7"}')
    const at = outbox.reserve(0, Request.head + body.length)
    const b = outbox.bytes
    b.fill(0, at, at + Request.head)
    frame.putHead(b, at, Request.head + body.length, Frame.request, 0)
    setU16(b, at + Request.attempt, 1)
    for (const [place, n] of [
      [Request.topic, 3],
      [Request.queue, 5],
      [Request.target, 1],
    ] as const) {
      setU32(b, at + place, n)
    }
    setU32(b, at + Request.origin, origin)
    setU32(b, at + Request.delivery, delivery)
    setU32(b, at + Request.remainingMs, remainingMs)
    setU64(b, at + Request.life, 0x123456789abc)
    for (const place of [Request.epoch, Request.counter, Request.floor]) setU64(b, at + place, 1)
    body.copy(b, at + Request.head)
  }

  const reply = (outbox: Outbox, from: number): void => {
    const body = Buffer.from('{"amount":"12.00"}')
    const at = outbox.reserve(0, Reply.head + body.length)
    const b = outbox.bytes
    b.fill(0, at, at + Reply.head)
    frame.putHead(b, at, Reply.head + body.length, Frame.reply, 0)
    setU32(b, at + Reply.to, 2)
    setU32(b, at + Reply.from, from)
    setU32(b, at + Reply.delivery, 9)
    setU64(b, at + Reply.counter, 1)
    body.copy(b, at + Reply.head)
  }

  const peer = (outbox: Outbox, handle: number, id: string, to: string): void => {
    const about = { handle, instance: id.repeat(10), replyTopic: to.repeat(16) }
    outbox.frame(0, Frame.peer, handshake.encodePeer(about))
  }

  test('is what the code sends: requester, broker, responder, broker', () => {
    const made = [
      batch(6, 6, (outbox) => request(outbox, 0, 0, 1_500)),
      batch(3, 3, (outbox) => {
        peer(outbox, 2, 'a', 'r')
        request(outbox, 2, 9, 1_499)
      }),
      batch(3, 4, (outbox) => reply(outbox, 0)),
      batch(6, 7, (outbox) => {
        peer(outbox, 1, 'y', 's')
        reply(outbox, 1)
      }),
    ]
    assert.deepEqual(messages, made)
  })
})
