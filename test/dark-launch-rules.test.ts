/** Dark-launch rules by themselves: what operators may write, and which calls a list of them means. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nextVersion, readRules } from '../broker/rules.ts'
import { hashText } from '../bus/hash.ts'
import { encodeHeaders, NO_BYTES, withHeader } from '../bus/headers.ts'
import { type DarkLaunchRule, NO_SHARE, type TopicRule } from '../bus/rules.ts'
import { DarkLaunch, inForce, shareOf } from '../rr-client/core/dark-launch.ts'
import { failure, story, until } from './support/world.ts'

const MAIN = fileURLToPath(new URL('../scenarios/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'finbus-rules-'))
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, content: unknown): string => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const GOOD: DarkLaunchRule = { topic: 'account.*', to: 'v2', when: { percent: 10 } }
const rulesOf = (rules: unknown) => readRules(rules as DarkLaunchRule[])
const many = (count: number, topic: (i: number) => string): DarkLaunchRule[] =>
  Array.from({ length: count }, (_, i) => ({ ...GOOD, topic: topic(i) }))

describe('what operators write', () => {
  const bad: [what: string, rules: unknown, message: RegExp][] = [
    ['no list', 5, /^rules must be a list of rules/],
    ['no object', [GOOD, 'x'], /^rules: rule 2 must be an object/],
    ['no topic', [{ ...GOOD, topic: undefined }], /rule 1, topic must be a topic, a prefix/],
    ['half a topic', [{ ...GOOD, topic: 'account.' }], /rule 1, topic must be a topic, a prefix/],
    ['a pattern inside', [{ ...GOOD, topic: 'a.*.b' }], /rule 1, topic must be/],
    ['a long topic', [{ ...GOOD, topic: 'a'.repeat(201) }], /rule 1, topic must be at most 200/],
    ['no label', [{ ...GOOD, to: '' }], /rule 1, to must be 1 to 64 letters/],
    ['a number for a label', [{ ...GOOD, to: 2 }], /rule 1, to must be a label/],
    ['no condition', [{ ...GOOD, when: {} }], /rule 1, when must say at least one of header/],
    ['when is missing', [{ topic: '*', to: 'v2' }], /rule 1, when must be an object/],
    ['undefined alone', [{ ...GOOD, when: { label: undefined } }], /at least one of header/],
    [
      'a typing error',
      [{ ...GOOD, otherwhise: 'strict' }],
      /unknown otherwhise \(did you mean otherwise\?\)/,
    ],
    [
      'one inside',
      [{ ...GOOD, when: { percnt: 1 } }],
      /rule 1, when has an unknown percnt \(did you mean percent\?\)/,
    ],
    [
      'too much',
      [{ ...GOOD, when: { percent: 101 } }],
      /rule 1, when.percent must be a number from 0 to 100/,
    ],
    ['too fine', [{ ...GOOD, when: { percent: 0.001 } }], /in hundredths at the finest/],
    ['no number', [{ ...GOOD, when: { percent: '10' } }], /rule 1, when.percent must be a number/],
    ['no header', [{ ...GOOD, when: { header: {} } }], /when.header must name 1 to 8 headers/],
    [
      'a capital',
      [{ ...GOOD, when: { header: { Flag: 'x' } } }],
      /when.header.Flag must be lower-case/,
    ],
    [
      "the bus's own",
      [{ ...GOOD, when: { header: { ':label': 'x' } } }],
      /:label must be lower-case/,
    ],
    [
      'a number as value',
      [{ ...GOOD, when: { header: { a: 1 } } }],
      /header.a must be a text of at most 256/,
    ],
    ['a long value', [{ ...GOOD, when: { header: { a: 'é'.repeat(129) } } }], /at most 256 bytes/],
    ['another word', [{ ...GOOD, otherwise: 'never' }], /otherwise must be fallback or strict/],
    ['101 rules', many(101, (i) => `t${i}`), /must be at most 100 rules/],
    [
      '21 for one topic',
      many(21, (i) => (i === 0 ? '*' : i < 6 ? 'a.*' : 'a.b.c')),
      /at most 20 for one topic; a\.b\.c has 21/,
    ],
  ]
  for (const [what, rules, message] of bad) {
    test(`${what}: refused, naming the rule and what would be right`, () => {
      assert.throws(() => rulesOf(rules), { code: 'invalid_argument', message })
    })
  }

  test('what is right is taken, with its default, and without what others do to it later', () => {
    const own = [{ ...GOOD, when: { header: { flag: 'x' }, percent: 0.07 } }]
    const { rules, version } = rulesOf(own)
    own[0]!.when.header.flag = 'y'
    const when = { header: { flag: 'x' }, percent: 0.07 }
    assert.deepEqual([rules, version], [[{ ...GOOD, when, otherwise: 'fallback' }], undefined])
    assert.equal(rulesOf(many(100, (i) => `t${i}`)).rules.length, 100)
    assert.equal(rulesOf(many(20, () => '*')).rules.length, 20)
    assert.equal(rulesOf(many(40, (i) => (i < 20 ? 'a.b' : 'a.c'))).rules.length, 40)
  })

  test('a file holds a list, or a version and a list; anything else is refused with its name', () => {
    assert.equal(readRules(file('list.json', [GOOD])).rules.length, 1)
    assert.equal(readRules(file('version.json', { version: 9, rules: [GOOD] })).version, 9)
    const wrong: [string, RegExp][] = [
      [join(folder, 'none.json'), /^rules cannot be read from .*none\.json/],
      [file('broken.json', '[{'), /^rules in .*broken\.json must be JSON/],
      [file('text.json', '"x"'), /^rules in .*text\.json must be an object/],
      [file('typo.json', { rule: [] }), /^rules in .*typo\.json/],
      [file('zero.json', { version: 0, rules: [] }), /, version must be a whole number from 1 to/],
      [
        file('bad.json', [GOOD, { ...GOOD, to: 'v 2' }]),
        /^rules in .*bad\.json: rule 2, to must be/,
      ],
    ]
    for (const [path, message] of wrong) {
      assert.throws(() => readRules(path), { code: 'invalid_argument', message })
    }
  })

  test('a version is the next, or one above the present; the same again only for the same rules', () => {
    const present = { version: 5, list: [GOOD] }
    assert.equal(nextVersion(undefined, present, []), 6)
    assert.equal(nextVersion(9, present, []), 9)
    assert.equal(nextVersion(5, present, [GOOD]), 5)
    for (const version of [5, 4]) {
      assert.throws(() => nextVersion(version, present, []), { message: /must be above 5/ })
    }
    for (const version of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      assert.throws(() => nextVersion(version, present, []), { message: /must be a whole number/ })
    }
  })
})

describe('which calls a list of rules means', () => {
  const rule = (facts: Partial<TopicRule>): TopicRule => ({
    ...{ number: 1, to: 'v2', isStrict: false, share: NO_SHARE, label: '', headers: [] },
    ...facts,
  })

  test('the first whose conditions all hold; a key without share, or a share without key, is none', () => {
    const headers = [{ name: 'flag', value: 'on' }]
    const dark = new DarkLaunch({
      ...{ topic: 't', version: 1 },
      rules: [
        rule({ number: 1, headers, share: 5_000 }),
        rule({ number: 2, label: 'test' }),
        rule({ number: 3, share: 10_000, headers }),
      ],
    })
    const [low, high] = ['a', 'b', 'c', 'd', 'e', 'f']
      .sort((a, b) => shareOf(a) - shareOf(b))
      .filter((_, i) => i % 5 === 0)
    assert.ok(shareOf(low!) < 5_000 && shareOf(high!) >= 5_000)
    const on = encodeHeaders({ flag: 'on' })
    const test = encodeHeaders({}, { ':label': 'test' })
    const found = (key: string | undefined, bytes: Buffer): number | undefined =>
      dark.ruleFor(key, bytes)?.number
    assert.equal(found(low, on), 1)
    assert.equal(found(high, on), 3)
    assert.equal(found(undefined, on), undefined)
    assert.equal(found(low, NO_BYTES), undefined)
    assert.equal(found(undefined, test), 2)
    assert.equal(found(low, withHeader(on, ':label', 'test')), 1)
    assert.equal(found(low, encodeHeaders({ flag: 'ON' })), undefined)
  })

  test('who is meant says nothing of which instance answers', () => {
    const instances = ['one', 'two', 'three', 'four'].map((name) => `instance-of-${name}`)
    const meant = instances.map(() => 0)
    for (let i = 0; i < 20_000; i++) {
      const key = `account-${i}`
      if (shareOf(key) >= 1_000) continue
      const ranks = instances.map((instance) => hashText(instance, hashText(key)))
      meant[ranks.indexOf(Math.max(...ranks))]! += 1
    }
    const total = meant.reduce((sum, n) => sum + n)
    assert.ok(Math.abs(total - 2_000) <= 200, `${total} of 20,000`)
    for (const count of meant) assert.ok(Math.abs(count / total - 0.25) < 0.05, String(meant))
  })

  test('of what brokers say the highest version counts, of equal ones the first broker’s, in any order', () => {
    const said = (version: number) => ({ topic: 't', version, rules: [rule({ number: version })] })
    const b1 = { broker: 'b1' }
    const [old, first, second] = [said(1), said(2), said(2)]
    const all: [{ broker: string }, ReturnType<typeof said>][] = [
      [{ broker: 'b0' }, old],
      [{ broker: 'b2' }, second],
      [b1, first],
    ]
    assert.equal(inForce(new Map()), undefined)
    assert.equal(inForce(new Map(all)), first)
    assert.equal(inForce(new Map(all.reverse())), first)
  })

  test('one of the bus’s own headers is set in place of the one before, the others stay as they are', () => {
    const before = encodeHeaders({ a: '1', b: '' }, { ':path': 'x', ':label': 'old' })
    const afterwards = encodeHeaders({ a: '1', b: '' }, { ':label': 'new', ':path': 'x' })
    assert.deepEqual(withHeader(before, ':label', 'new'), afterwards)
    assert.deepEqual(withHeader(NO_BYTES, ':label', 'new'), encodeHeaders({}, { ':label': 'new' }))
  })
})

story(
  'a broker is not started with rules that are wrong, and keeps its own when told such',
  async (world) => {
    const rules = [{ ...GOOD, when: { percent: 200 } }]
    await failure(world.broker({ rules }), 'invalid_argument')
    await failure(world.broker({ rules: 5 as never }), 'invalid_argument')
    const broker = await world.broker({ rules: [GOOD] })
    assert.throws(() => broker.setRules(rules), { code: 'invalid_argument' })
    assert.throws(() => broker.setRules([], 1), { code: 'invalid_argument', message: /above 1/ })
    assert.deepEqual(broker.snapshot().rules, {
      version: 1,
      list: [{ ...GOOD, otherwise: 'fallback' }],
    })
    await broker.close()
    assert.throws(() => broker.setRules([]), { message: /the broker is closed/ })
  },
)

story(
  'finbus start --rules: calls with the flag go to the instance with the label',
  async (world) => {
    const rules = file('cli.json', [
      { topic: 'demo.*', to: 'v2', when: { header: { flag: 'on' } } },
    ])
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
    const begin = (args: string[]) => {
      const env = Object.fromEntries(inherited)
      const child = spawn(process.execPath, [MAIN, ...args], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const ended = once(child, 'close') as Promise<[number]>
      const text = { out: '', err: '' }
      child.stdout.on('data', (part: Buffer) => {
        text.out += part
      })
      child.stderr.on('data', (part: Buffer) => {
        text.err += part
      })
      world.later(async () => {
        child.kill('SIGKILL')
        await ended
      })
      return { text, ended }
    }
    const listen = ['start', '--listen', 'ws://127.0.0.1:0', '--json', '--rules']
    const broken = begin([...listen, file('cli-bad.json', [{ topic: 'demo.*' }])])
    const started = begin([...listen, rules])
    await until('the broker runs', () => started.text.out.includes('\n'), 10_000)
    const { url } = JSON.parse(started.text.out) as { url: string }
    const gray = begin([
      'reply',
      'demo.where',
      '--command',
      'echo \'"gray"\'',
      '--label',
      'v2',
      '--url',
      url,
    ])
    await until('it answers', () => gray.text.err.includes('answering'), 10_000)
    const plain = await world.connect(url, { group: 'finbus' })
    await plain.reply('demo.where', () => 'plain')
    const bus = await world.connect(url)
    assert.equal(await bus.request('demo.where', {}, { headers: { flag: 'on' } }), 'gray')
    assert.equal(await bus.request('demo.where', {}), 'plain')
    assert.deepEqual(await broken.ended.then(([code]) => code), 1)
    assert.match(broken.text.out, /cli-bad\.json: rule 1, to must be a label/)
  },
)
