/** What a drill says while it is played: on a terminal, in a file, and when names mean harm. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { readDrill } from '../scenarios/drills/drill.ts'
import type { ProgressEvent, Tick } from '../scenarios/drills/progress-event.ts'
import { openProgress, verdictText } from '../scenarios/drills/render/index.ts'
import { sparkline, widthOf } from '../scenarios/drills/render/terminal.ts'
import { hostileReport, usualReport } from './support/sample-report.ts'

const DRILL = readDrill({
  name: 'idc-failover',
  cluster: { idcs: { sz: { brokers: 2 }, sh: { brokers: 2 } } },
  steps: [
    { name: 'all is well', forMs: 3_000 },
    { name: 'sz is dead', do: 'kill idc sz', forMs: 4_000 },
  ],
})

const tick = (second: number, changes: Partial<Tick> = {}): Tick => ({
  ...{ kind: 'tick', atMs: second * 1_000, step: 'all is well', rate: 412, okPercent: 100 },
  ...{ localPercent: 100, p99Ms: 12.5, failed: [], silent: [] },
  holdings: [
    { broker: 'sh-1', owner: 'sh-1', state: 'writable', n: 2 },
    { broker: 'sh-1', owner: 'sh-2', state: 'transition', n: 1 },
  ],
  ...changes,
})

const BAD = {
  ...{ okPercent: 87.126, localPercent: 0, silent: ['sz-1'], p99Ms: 880 },
  failed: [
    { code: 'responder_lost', count: 8 },
    { code: 'expired', count: 3 },
  ],
}

const STORY: ProgressEvent[] = [
  { kind: 'starting', drill: DRILL },
  { kind: 'step', atMs: 0, name: 'all is well', number: 1, of: 2, forMs: 3_000 },
  ...[tick(1), tick(2), tick(3)],
  { kind: 'step', atMs: 3_000, name: 'sz is dead', number: 2, of: 2, forMs: 4_000 },
  { kind: 'act', atMs: 3_010, act: { atMs: 3_010, text: 'kill idc sz', failure: undefined } },
  ...[tick(4, BAD), tick(5), tick(6)],
  { kind: 'stepped', atMs: 7_000, step: usualReport().steps[1]! },
  { kind: 'settling', atMs: 7_000 },
  { kind: 'done', report: usualReport() },
]

const ESC = '\x1b'
const UP = new RegExp(`^${ESC}\\[(\\d+)A${ESC}\\[J`)
const COLOUR = new RegExp(`${ESC}\\[\\d+m`, 'g')
const OURS = new RegExp(`${ESC}\\[(?:\\d+m|\\d+A${ESC}\\[J)`, 'g')

/** A terminal: it obeys what moves the cursor, and keeps what has been written. */
class Terminal {
  readonly isTTY: boolean
  readonly columns: number
  readonly rows: number
  readonly writes: string[] = []
  readonly lines: string[] = ['']

  constructor(isTTY: boolean, columns = 80, rows = 24) {
    this.isTTY = isTTY
    this.columns = columns
    this.rows = rows
  }

  write(text: string): void {
    this.writes.push(text)
    let rest = text
    const up = UP.exec(text)
    if (up !== null) {
      assert.ok(Number(up[1]) < this.rows, 'what is above the screen cannot be taken back')
      this.lines.splice(this.lines.length - 1 - Number(up[1]))
      this.lines.push('')
      rest = text.slice(up[0].length)
    }
    const [first = '', ...more] = stripVTControlCharacters(rest).split('\n')
    this.lines[this.lines.length - 1] += first
    this.lines.push(...more)
  }
}

const play = (screen: Terminal, events: readonly ProgressEvent[], env = {}): Terminal => {
  const progress = openProgress(screen, { env })
  for (const event of events) progress.tell(event)
  progress.end()
  return screen
}

const SAID = [
  'idc-failover: starting 4 brokers, 4 responders, 2 requesters, 2 IDCs',
  '   0.00 s  step 1 of 2: all is well (3.00 s)',
  '   3.00 s  step 2 of 2: sz is dead (4.00 s)',
  '   3.01 s  kill idc sz',
  '   7.00 s  sz is dead: recovery 1,121.5 ms, at most 1,000 ms: missed by 121.5 ms',
  '   7.00 s  waiting until every call has settled',
  '',
]

describe('a drill on a terminal', () => {
  test('is shown in a few lines that are drawn anew, and leaves only what happened', () => {
    const screen = new Terminal(true)
    const progress = openProgress(screen, { env: {} })
    const upTo = (count: number, from = 0): void => {
      for (const event of STORY.slice(from, count)) progress.tell(event)
    }
    upTo(8)
    assert.deepEqual(screen.lines.slice(4), [
      '    4.00 s  ███████████░░░░░░░░░ of 7.00 s, step 2 of 2: sz is dead',
      '       now  412 calls/s   ok 87.12 %   p99 880 ms   at home 0 %',
      '   ok, 1 s  ███▄',
      '    failed  8 responder_lost, 3 expired',
      '      sh-1  sh-1 × 2, sh-2 (transition)',
      '      sz-1  silent  ',
      '',
    ])
    upTo(STORY.length, 8)
    progress.end()
    assert.deepEqual(screen.lines, SAID)
  })

  test('is never wider than it, nor higher, whatever the names are', () => {
    const evil = '深圳机房 \u001B[2J\u202E<b>👩‍💻'.repeat(500)
    const events: ProgressEvent[] = [
      { kind: 'starting', drill: { ...DRILL, name: evil } },
      { kind: 'step', atMs: 0, name: evil, number: 1, of: 2, forMs: 3_000 },
      { kind: 'act', atMs: 1, act: { atMs: 1, text: evil, failure: evil } },
      ...Array.from({ length: 20 }, (_, i) =>
        tick(i, {
          failed: Array.from({ length: 50 }, () => ({ code: evil, count: 1e6 })),
          holdings: Array.from({ length: 200 }, (_, n) => ({
            broker: `${n % 20}${evil}`,
            owner: evil,
            state: evil,
            n,
          })),
          silent: Array.from({ length: 50 }, () => evil),
        }),
      ),
      { kind: 'stepped', atMs: 5, step: hostileReport().steps[0]! },
    ]
    for (const columns of [1, 2, 10, 13, 40, 79, 80, 200]) {
      const screen = new Terminal(true, columns, 10)
      const progress = openProgress(screen, { env: {} })
      for (const event of events) progress.tell(event)
      for (const line of screen.lines) {
        assert.ok(widthOf(line) <= columns, `${widthOf(line)} columns of ${columns}: ${line}`)
      }
      // Of what they hold nothing is obeyed: only our own colours, and our own way back up.
      const obeyed = screen.writes.join('').replace(OURS, '')
      assert.doesNotMatch(obeyed, /(?!\n)[\p{Cc}\u202E]/u)
      progress.end()
    }
  })

  test('has no colours where they are not wanted', () => {
    const colours = (screen: Terminal): number => screen.writes.join('').match(COLOUR)?.length ?? 0
    assert.ok(colours(play(new Terminal(true), STORY)) > 0)
    assert.ok(colours(play(new Terminal(true), STORY, { NO_COLOR: '' })) > 0)
    assert.equal(colours(play(new Terminal(true), STORY, { NO_COLOR: '1' })), 0)
    assert.equal(
      play(new Terminal(true), STORY, { TERM: 'dumb' }).writes.join('').includes(ESC),
      false,
    )
  })
})

describe('a drill whose words go to a file', () => {
  test('is told line by line, every five seconds, and no failure in between is lost', () => {
    const screen = play(new Terminal(false), STORY)
    const told =
      '   5.00 s  412 calls/s   ok at worst 87.12 %   p99 at worst 880 ms   at home 100 %   failed: 8 responder_lost, 3 expired   silent: sz-1'
    assert.deepEqual(screen.lines, [...SAID.slice(0, 4), told, ...SAID.slice(4)])
    assert.equal(screen.writes.join('').includes(ESC), false)
  })
})

describe('what lines are made of', () => {
  test('wide characters take two columns, those that join take none', () => {
    assert.deepEqual(
      ['abc', '深圳', 'é', 'e\u0301', '█░', '👩', ''].map(widthOf),
      [3, 4, 1, 1, 2, 2, 0],
    )
  })

  test('only what is all is drawn as full, and one failure in a thousand is seen', () => {
    assert.equal(sparkline([100, 99.9, 98, 92, 80, 60, 30, 0, undefined]), '█▇▆▅▄▃▂▁ ')
  })

  test('the last lines have colours only on demand', () => {
    assert.equal(verdictText(usualReport()).includes(ESC), false)
    const coloured = verdictText(usualReport(), undefined, { isColoured: true })
    assert.match(coloured, new RegExp(`${ESC}\\[31m✗ idc-failover missed${ESC}\\[0m`))
    assert.equal(stripVTControlCharacters(coloured), verdictText(usualReport()))
  })
})
