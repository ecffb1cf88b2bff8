/** `finbus top`: what is seen of a cluster, what keys do, and that the terminal is given back. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import type { ClusterSnapshot } from '../broker/index.ts'
import { pressed } from '../scenarios/cli/top-keys.ts'
import { Terminal } from '../scenarios/cli/top-terminal.ts'
import { FIRST_ASK, type TopAsk, tableLines, topLines } from '../scenarios/cli/top-view.ts'
import { TopWatch } from '../scenarios/cli/top-watch.ts'
import { type Line, rendered } from '../scenarios/drills/render/terminal.ts'
import { Finbus } from './support/finbus.ts'
import {
  AT,
  brokerOf,
  calledOf,
  clientOf,
  clusterOf,
  forceOf,
  queueOf,
  routeOf,
  topicOf,
} from './support/sample-cluster.ts'
import { ScriptedAdmin } from './support/scripted-admin.ts'
import { story, until } from './support/world.ts'

const WIDE = 400
const textOf = (lines: readonly Line[], columns = WIDE): string[] =>
  lines.map((line) => rendered(line, columns, false).trimEnd())
const table = (now: ClusterSnapshot, earlier?: ClusterSnapshot): string[] =>
  textOf(tableLines(now, earlier))
const picture = (now: ClusterSnapshot, ask: Partial<TopAsk> = {}, rows = 40): string[] =>
  textOf(topLines(now, undefined, { ...FIRST_ASK, ...ask }, { columns: WIDE, rows }))
/** The line that begins with these words, its columns apart. */
const row = (lines: readonly string[], ...words: string[]): string[] => {
  const found = lines.find((line) => line.split(/ {2,}/).join(' ').startsWith(words.join(' ')))
  assert.ok(found !== undefined, `no "${words.join(' ')}" in:\n${lines.join('\n')}`)
  return found.split(/ {2,}/)
}
const firstOf = (lines: readonly string[], head: string): string =>
  lines[lines.findIndex((line) => line.startsWith(head)) + 1]!.split(' ')[0]!

describe('what is seen', () => {
  test('rates and shares are of the time between two looks, per topic, queue and requester', () => {
    const earlier = clusterOf({ at: AT - 2_000 })
    const ends = { ok: 280, 'INSUFFICIENT_FUNDS executed': 15, 'deadline_exceeded unknown': 10 }
    const busy = calledOf({ ends, latency: [0, 0, 95, 10, 0, 0, 0, 0, 200] })
    const queue = queueOf({ ends: { ...queueOf().ends, ok: 300 } })
    const now = clusterOf({
      brokers: [brokerOf('sz-1', 'sz', [topicOf({ queues: [queue] })]), brokerOf('sh-1', 'sh', [])],
      clients: [clientOf('teller-sz', 'sz', [busy]), clientOf('teller-sh', 'sh')],
    })
    const lines = table(now, earlier)
    // 180 + 10 + 10 in 2 s; a service's own refusals are no failures.
    assert.match(
      lines[0]!,
      /^finbus 12:30:00 {2}2 of 2 brokers answer {2}2 IDCs {2}2 clients {2}100 calls\/s {2}ok 95%/,
    )
    assert.deepEqual(row(lines, 'account.balance accounts').slice(2, 9), [
      ...['closed', '1/1', '2', '1', '100', '95%', '1'],
    ])
    assert.match(
      row(lines, 'account.balance accounts').at(-1)!,
      /5% fail: deadline_exceeded unknown/,
    )
    assert.equal(row(lines, 'account.balance 1 sz-1').at(8), '100')
    assert.equal(row(lines, 'teller-sz')[6], '100')
    assert.equal(row(lines, 'teller-sh')[6], '0')
  })

  test('nobody who came or was restarted in between makes a peak, or a rate below nothing', () => {
    const past = clusterOf({ at: AT - 1_000, clients: [clientOf('old', 'sz')] })
    const fresh = queueOf({ ends: { ...queueOf().ends, ok: 1, serviceErrors: 0 } })
    const now = clusterOf({
      brokers: [brokerOf('sz-1', 'sz', [topicOf({ queues: [fresh] })])],
      clients: [
        clientOf('new', 'sz'),
        clientOf('old', 'sz', [calledOf(), calledOf({ topic: 'b' })]),
      ],
    })
    const lines = table(now, past)
    assert.equal(row(lines, 'new')[6], '0')
    assert.equal(row(lines, 'old')[6], '105', 'a topic that it had not called before counts')
    assert.equal(row(lines, 'account.balance 1 sz-1').at(8), '0')
    assert.match(table(now)[0]!, /- calls\/s$/, 'of one look there is no rate')
  })

  test('who is in trouble stands first, and it says why', () => {
    const forced = { to: 'open' as const, reason: 'a bad release', leftMs: 9 }
    const well = topicOf({ topic: 'a.well' })
    const full = topicOf({ topic: 'b.full', queues: [queueOf({ waiting: 80, state: 'full' })] })
    const lost = topicOf({ topic: 'c.unanswered', queues: [] })
    const now = clusterOf({
      brokers: [
        brokerOf('sz-1', 'sz', [well, full, lost]),
        brokerOf('sh-1', 'sh', [], {
          state: 'unknown',
          error: 'ECONNREFUSED',
          view: null,
          ageMs: null,
        }),
        brokerOf('sh-2', 'sh', [], { state: 'draining' }),
      ],
      clients: [
        clientOf('well', 'sz', [calledOf({ topic: 'a.well' })]),
        clientOf('away', 'sz', [calledOf({ topic: 'a.well', isAway: true })]),
        clientOf('forced', 'sz', [
          calledOf({ topic: 'd.forced', circuit: { state: 'open', forced } }),
        ]),
        clientOf('cut', 'sz', [calledOf({ topic: 'c.unanswered' })], { state: 'lost' }),
        clientOf('shy', 'sz', [
          calledOf({ topic: 'b.full', routes: [routeOf({ isolation: 'open' })] }),
        ]),
        clientOf('gone', 'sz', [calledOf()], { state: 'gone' }),
      ],
    })
    const lines = table(now)
    assert.match(lines[0]!, /2 of 3 brokers answer/)
    assert.equal(firstOf(lines, 'BROKER'), 'sh-1')
    assert.match(row(lines, 'sh-1').at(-1)!, /no answer: ECONNREFUSED/)
    assert.equal(row(lines, 'sh-2').at(-1), 'draining')
    assert.deepEqual(
      row(lines, 'sh-1').slice(3, 9),
      ['-', '-', '-', '0', '0', '-'],
      'unknown is not zero',
    )
    const topics = lines.slice(lines.findIndex((line) => line.startsWith('TOPIC')) + 1)
    assert.deepEqual(
      topics.slice(0, 4).map((line) => line.split(' ')[0]),
      [...['d.forced', 'c.unanswered', 'b.full', 'a.well']],
    )
    assert.match(
      row(lines, 'd.forced').at(-1)!,
      /nobody answers; circuit forced open at 1 of 1: a bad release/,
    )
    assert.match(
      row(lines, 'b.full').at(-1)!,
      /no queue takes requests; 1 queue left alone; a queue is 81% full/,
    )
    assert.equal(firstOf(lines, 'REQUESTER'), 'cut')
    assert.match(row(lines, 'away').at(-1)!, /1 topic away from home/)
    assert.ok(!lines.some((line) => line.startsWith('gone ')))
  })

  test('what operators said, and a drill that runs, stand above all', () => {
    const forces = [1, 2, 3, 4, 5].map((i) => forceOf({ reason: `reason ${i}` }))
    const drill = { drill: 'idc-failover', phase: 'lose sz', at: AT - 3_000 }
    const lines = table(clusterOf({ forces, drill }))
    assert.equal(lines[1], 'drill idc-failover: lose sz, 3s')
    assert.equal(lines[2], 'circuit of account.balance forced open by anna, 55s left: reason 1')
    assert.equal(lines[5], 'and 2 more words of operators')
  })

  test('a small terminal shows less, cut and never wrapped, and always as many lines', () => {
    const brokers = Array.from({ length: 30 }, (_, i) => brokerOf(`sz-${i}`, 'sz'))
    const now = clusterOf({ brokers })
    for (const [columns, rows] of [
      [20, 8],
      [1, 3],
      [80, 24],
      [200, 60],
    ] as const) {
      const lines = topLines(now, undefined, FIRST_ASK, { columns, rows })
      assert.equal(lines.length, rows)
      for (const line of textOf(lines, columns)) assert.ok(line.length <= columns, line)
    }
    const lines = picture(now, {}, 24)
    assert.ok(
      lines.some((line) => /^and 23 more brokers$/.test(line)),
      lines.join('\n'),
    )
    assert.ok(lines.some((line) => line.startsWith('TOPIC ')))
  })

  test('what came over a wire cannot steer the terminal', () => {
    const evil = 'x\u001b[2J\u0007\n\u202ey\u009b1m'
    const forced = { to: 'open' as const, reason: evil, leftMs: 9 }
    const called = calledOf({ topic: evil, circuit: { state: evil as 'open', forced } })
    const now = clusterOf({
      asked: evil,
      brokers: [
        brokerOf(evil, evil, [topicOf({ topic: evil, group: evil })], {
          error: evil,
          state: 'unknown',
        }),
      ],
      clients: [clientOf(evil, evil, [called], { broker: evil })],
      forces: [forceOf({ reason: evil, by: evil, topic: evil })],
      drill: { drill: evil, phase: evil, at: 0 },
    })
    const ask = { ...FIRST_ASK, filter: evil }
    const all = [
      ...tableLines(now, undefined),
      ...topLines(now, undefined, ask, { columns: WIDE, rows: 40 }, evil),
    ]
    for (const line of all.map((one) => rendered(one, WIDE, false))) {
      assert.doesNotMatch(line, /[\p{Cc}\p{Bidi_Control}]/u)
    }
  })
})

describe('keys', () => {
  const now = clusterOf({
    brokers: [
      brokerOf('sz-1', 'sz', [
        topicOf({ topic: 'b.deep', queues: [queueOf({ waiting: 90 })] }),
        topicOf({ topic: 'a.calm' }),
      ]),
    ],
    clients: [clientOf('teller-sz', 'sz', [calledOf({ topic: 'a.calm' })])],
  })

  test('s sorts by trouble, by rate, by name, and round again', () => {
    const sorts = ['s', 'ss', 'sss'].map((typed) => pressed(FIRST_ASK, typed)!.sort)
    assert.deepEqual(sorts, ['rate', 'name', 'trouble'])
    assert.equal(firstOf(picture(now), 'TOPIC'), 'b.deep')
    assert.equal(firstOf(picture(now, { sort: 'name' }), 'TOPIC'), 'a.calm')
  })

  test('/ filters as one types; Enter keeps it, Escape drops it; q is a letter there', () => {
    const typing = pressed(FIRST_ASK, '/deq\u007fe')!
    assert.deepEqual([typing.filter, typing.isFiltering], ['dee', true])
    assert.equal(picture(now, typing).at(-1), '/dee_')
    const kept = pressed(typing, '\r')!
    const lines = picture(now, kept)
    assert.ok(lines.some((line) => line.startsWith('b.deep')))
    assert.ok(!lines.some((line) => line.startsWith('a.calm')))
    assert.match(lines.at(-1)!, /^\/dee {2}/)
    assert.equal(pressed(kept, '\u001b')!.filter, '')
    assert.equal(pressed(typing, '\u001b')!.filter, '')
    assert.equal(pressed(typing, '\u001b[A\u0001')!.filter, 'dee', 'other keys are no text')
    assert.equal(pressed(FIRST_ASK, `/${'x'.repeat(500)}`)!.filter.length, 60)
  })

  test('arrows and pages scroll, and not beyond the ends', () => {
    const down = pressed(FIRST_ASK, '\u001b[B\u001b[Bj')!
    assert.equal(down.scrolled, 3)
    assert.equal(pressed(down, '\u001b[5~')!.scrolled, 0)
    assert.equal(pressed(down, '\u001b[6~')!.scrolled, 13)
    const [top, end] = [picture(now, {}, 14), picture(now, pressed(FIRST_ASK, '\u001b[F')!, 14)]
    assert.match(top.at(-1)!, /more below/)
    assert.doesNotMatch(end.at(-1)!, /more below/)
    assert.match(end.at(-2)!, /^teller-/)
  })

  test('p pauses; q, Ctrl-C and Ctrl-D end, whatever else was typed', () => {
    assert.equal(pressed(FIRST_ASK, 'p')!.isPaused, true)
    assert.equal(pressed(FIRST_ASK, 'pp')!.isPaused, false)
    assert.match(picture(now, { isPaused: true }).at(-1)!, /^paused/)
    for (const typed of ['q', '\u0003', '\u0004', 'sq', '/abc\u0003']) {
      assert.equal(pressed(FIRST_ASK, typed), undefined)
    }
    assert.deepEqual(pressed(FIRST_ASK, 'xyz\u001b[999~'), FIRST_ASK)
  })
})

/** Stands in for both ends of a terminal. */
class FakeTerminal extends EventEmitter {
  columns = 100
  rows = 30
  written = ''
  isRaw = false
  isPaused = false

  write(text: string): void {
    this.written += text
  }
  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw
  }
  setEncoding(): void {}
  resume(): void {
    this.isPaused = false
  }
  pause(): void {
    this.isPaused = true
  }
  get isGivenBack(): boolean {
    const left = ['data', 'end', 'resize'].reduce((sum, name) => sum + this.listenerCount(name), 0)
    const isShown = this.written.endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l')
    return isShown && !this.isRaw && this.isPaused && left === 0
  }
}

describe('on a terminal', () => {
  const open = (ask: () => Promise<ClusterSnapshot>, everyMs = 5) => {
    const fake = new FakeTerminal()
    const stop = new AbortController()
    const terminal = new Terminal(fake, fake, false)
    const run = new TopWatch({ terminal, ask, everyMs }).run(stop.signal)
    return { fake, stop, run, terminal }
  }

  story('draws on the other screen, anew each time, and gives it back on q', async () => {
    let looks = 0
    const { fake, run } = open(async () => clusterOf({ at: AT + 1_000 * looks++ }))
    await until('it drew three times', () => fake.written.includes('12:30:03'))
    assert.ok(fake.written.startsWith('\x1b[?1049h'))
    assert.equal(fake.isRaw, true)
    fake.columns = 30
    fake.emit('resize')
    fake.emit('data', 'q')
    await run
    assert.ok(fake.isGivenBack)
  })

  story('is given back on a signal, on the end of input, and on a defect', async () => {
    const first = open(async () => clusterOf())
    await until('it drew', () => first.fake.written.includes('finbus'))
    first.stop.abort()
    await first.run
    assert.ok(first.fake.isGivenBack)

    const second = open(async () => clusterOf())
    await until('it drew', () => second.fake.written.includes('finbus'))
    second.fake.emit('end')
    await second.run
    assert.ok(second.fake.isGivenBack)

    // As an exit handler does.
    const third = open(async () => clusterOf(), 60_000)
    await until('it drew', () => third.fake.written.includes('finbus'))
    third.terminal.giveBack()
    third.terminal.giveBack()
    assert.ok(third.fake.isGivenBack)
    third.stop.abort()
    await third.run
  })

  story(
    'a first look that fails leaves the terminal alone; later ones are told in it',
    async () => {
      const never = open(async () => {
        throw new Error('nobody listens')
      })
      await assert.rejects(never.run, /nobody listens/)
      assert.equal(never.fake.written, '')

      let looks = 0
      const { fake, run } = open(async () => {
        if (++looks > 1) throw new Error('nobody listens any more')
        return clusterOf()
      })
      await until('it says so', () => fake.written.includes('nobody listens any more'))
      assert.ok(fake.written.includes('account.balance'), 'what was seen last is still there')
      fake.emit('data', '\u0003')
      await run
      assert.ok(fake.isGivenBack)
    },
  )

  story('paused, it looks no more', async () => {
    let looks = 0
    const { fake, run } = open(async () => clusterOf({ at: AT + looks++ }))
    fake.emit('data', 'x')
    await until('it drew', () => looks > 1)
    fake.emit('data', 'p')
    await until('it says so', () => fake.written.includes('paused'))
    const before = looks
    await new Promise((resolve) => setTimeout(resolve, 40))
    assert.ok(looks <= before + 1, 'one may have been on its way')
    fake.emit('data', 'q')
    await run
  })
})

story(
  'where stdout is no terminal it is one table; --json --once is the snapshot',
  async (world) => {
    const admin = await ScriptedAdmin.start()
    world.later(() => admin.close())
    const env = { FINBUS_ADMIN: admin.url }
    const [once, json] = await Promise.all([
      new Finbus(['top'], env).ended,
      new Finbus(['top', '--once', '--json'], env).ended,
    ])
    assert.deepEqual([once.code, once.err, json.code, json.err], [0, '', 0, ''])
    assert.match(
      once.out,
      /^finbus 12:30:00 {2}2 of 2 brokers answer[\s\S]*REQUESTER[\s\S]*teller-sz/,
    )
    assert.ok(!once.out.includes('\u001b'))
    assert.deepEqual(JSON.parse(json.out), admin.snapshot)
  },
)
