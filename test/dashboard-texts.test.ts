/** What the dashboard reads and writes as text: events, addresses, commands, recordings, numbers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TimelineEntry } from '../broker/admin/api.ts'
import {
  type Ask,
  changeLimits,
  drainBroker,
  forceCircuit,
  forceQueues,
  holdInstance,
  isolateIdc,
  kickClient,
  releaseInstance,
  restoreIdc,
  resumeBroker,
} from '../broker/dashboard/state/asks.ts'
import { cleanJson } from '../broker/dashboard/state/clean-text.ts'
import { commandText, DEFAULT_ADMIN, shellWord } from '../broker/dashboard/state/command.ts'
import { joined, MAX_ENTRIES } from '../broker/dashboard/state/entries.ts'
import { EventStream } from '../broker/dashboard/state/event-stream.ts'
import { hashOf, placeOf } from '../broker/dashboard/state/place.ts'
import { MAX_ACTS, momentOf, readRecordings } from '../broker/dashboard/state/recording.ts'
import { ageText, msText, rateText, shareText, valueText } from '../broker/dashboard/state/words.ts'
import { emptyReport, usualReport } from './support/sample-report.ts'

describe('events', () => {
  test('are read whole, however the pieces fall', () => {
    const text =
      ': hello\n\nid: 7-1\nevent: entry\ndata: {"a":\ndata: 1}\n\nid: 7-2\r\ndata: x\r\n\r\n'
    for (let cut = 0; cut <= text.length; cut++) {
      const events = new EventStream()
      const told = [...events.read(text.slice(0, cut)), ...events.read(text.slice(cut))]
      assert.deepEqual(told, [
        { id: '7-1', event: 'entry', data: '{"a":\n1}' },
        { id: '7-2', event: '', data: 'x' },
      ])
    }
  })

  test('that never end take no memory', () => {
    const events = new EventStream()
    for (let i = 0; i < 40; i++) assert.deepEqual(events.read(`data: ${'x'.repeat(100_000)}\n`), [])
    assert.deepEqual(events.read('\n'), [])
    assert.equal(events.read('data: y\n\n').length, 1)
  })

  test('make a timeline that holds each entry once, the newest first, and not too many', () => {
    const entry = (n: number): TimelineEntry => ({
      ...{ n, at: n * 10, broker: 'sz-1', source: 'broker', node: 'sz-1', level: 'info' },
      ...{ kind: 'note', text: '', topic: null, idc: null, advisory: null, audit: null },
    })
    const all = joined([], [entry(1), entry(3), entry(2), entry(1)])
    assert.deepEqual(
      all.map(({ n }) => n),
      [3, 2, 1],
    )
    assert.equal(joined(all, [entry(2)]).length, 3)
    const many = Array.from({ length: MAX_ENTRIES + 50 }, (_, n) => entry(n))
    assert.equal(joined([], many).length, MAX_ENTRIES)
    assert.equal(joined([], many)[0]?.n, MAX_ENTRIES + 49)
    const word = { ...entry(0), broker: 'sz-2', source: 'operator' as const }
    assert.equal(joined([word], many).at(-1)?.source, 'operator')
  })
})

test('turned text is shown unturned, and JSON stays what it was', () => {
  const value = { text: 'a\u202Eb\u2066', path: 'c:\\u202e\\n"', tab: '\t' }
  const shown = { ...value, text: 'a\uFFFDb\uFFFD' }
  assert.deepEqual(JSON.parse(cleanJson(JSON.stringify(value))), shown)
  const escaped = JSON.stringify(value).replace('\u202E', '\\u202E').replace('\u2066', '\\u2066')
  assert.deepEqual(JSON.parse(cleanJson(escaped)), shown)
})

describe('places in the page', () => {
  test('survive any item, and nonsense leads home', () => {
    for (const item of ['', 'a b', 'x/y#z', '%', '<b>', '付款']) {
      assert.deepEqual(placeOf(hashOf('trace', item)), { view: 'trace', item })
    }
    assert.deepEqual(placeOf('#/nowhere'), { view: 'circuits', item: '' })
    assert.deepEqual(placeOf('#/trace/%E0%A4%A'), { view: 'trace', item: '' })
  })
})

describe('commands', () => {
  test('quote what a shell would take apart, and name the API when it is not the usual one', () => {
    assert.equal(shellWord(`it's; rm -rf`), `'it'\\''s; rm -rf'`)
    assert.equal(commandText(DEFAULT_ADMIN, ['trace', 'a.1']), 'finbus trace a.1')
    assert.equal(
      commandText('http://127.0.0.1:9000', ['idcs']),
      'finbus idcs --admin http://127.0.0.1:9000',
    )
  })

  test('of every action say the same as the action', () => {
    const said = (ask: Ask): string =>
      commandText(DEFAULT_ADMIN, [
        ...ask.command({
          reason: 'why not',
          ...Object.fromEntries(ask.fields.map(({ name, value }) => [name, value ?? undefined])),
        }),
      ])
    assert.deepEqual(
      [
        forceCircuit('a.b', 'open', 3),
        forceCircuit('a.b', 'auto', 3, 'i~1'),
        forceQueues('a.b', 'i1', 'one', 'open'),
        isolateIdc('sz', 2),
        restoreIdc('sz', '*'),
        restoreIdc('sz', 'a.b'),
        holdInstance('a.b', 'i1', 'one'),
        releaseInstance('a.b', 'i1', 'ledger'),
        changeLimits('a.b', 100, 65_536),
        drainBroker('sz-1', 4),
        resumeBroker('sz-1'),
        kickClient('i1', 'one'),
      ].map((ask) => said(ask).replace(" --reason 'why not'", '')),
      [
        'finbus force a.b --to open --for 60s',
        "finbus force a.b --to auto --instance 'i~1'",
        'finbus force a.b --what queues --instance i1 --to open --for 60s',
        'finbus isolate sz --for 10m',
        'finbus restore sz',
        'finbus restore sz --topic a.b',
        'finbus hold a.b i1 --for 10m',
        'finbus release a.b i1',
        'finbus limits a.b --max-depth 100 --max-depth-bytes 65536',
        'finbus drain sz-1 --within 30s',
        'finbus resume sz-1',
        'finbus kick i1 --ban 60s',
      ],
    )
  })
})

test('what an action changed is told in words, without what is not known', () => {
  assert.equal(valueText([]), 'nothing')
  assert.equal(valueText({ 'sz-1': null }), 'nothing')
  assert.equal(valueText({ 'sz-1': { held: 'i1', forMs: 5 } }), 'sz-1 (held i1, forMs 5)')
  assert.match(valueText([{ to: 'open', idc: null, until: 5 }]), /^to open, until \d\d:\d\d:\d\d$/)
})

describe('recordings of drills', () => {
  test('are read from what finbus drill wrote, one or several', () => {
    const [usual] = readRecordings(JSON.stringify(usualReport()))
    assert.equal(usual?.drill, 'idc-failover')
    assert.equal(readRecordings(JSON.stringify([usualReport(), emptyReport()])).length, 2)
    const moment = momentOf(usual!, 3_150)
    assert.ok(moment.successShare !== null && moment.successShare < 0.6)
    assert.equal(moment.step, 'sz is dead')
    assert.equal(moment.lastAct, 'kill idc sz')
  })

  test('with no calls at an instant say unknown, not zero', () => {
    const [empty] = readRecordings(JSON.stringify(emptyReport()))
    assert.deepEqual(momentOf(empty!, 10), {
      ...{ successShare: null, localShare: null, p99: null, rate: null, step: '', lastAct: '' },
    })
  })

  test('of too much are cut, and files that are something else are refused by name', () => {
    const acts = Array.from({ length: MAX_ACTS + 500 }, () => ({
      atMs: 1,
      text: '',
      failure: null,
    }))
    const [long] = readRecordings(JSON.stringify({ ...usualReport(), acts }))
    assert.equal(long!.acts.length, MAX_ACTS)
    for (const [text, says] of [
      ['{', /not JSON/],
      ['[]', /empty list/],
      ['7', /not an object/],
      ['{"drill":1}', /"drill" should be a text/],
    ] as const) {
      assert.throws(() => readRecordings(text), says)
    }
  })
})

test('unknown is a dash and the word; small and large numbers stay readable', () => {
  assert.equal(rateText(null), '– unknown')
  assert.equal(msText(null), '– unknown')
  assert.deepEqual([0, 0.25, 12_345].map(rateText), ['0/s', '0.3/s', '12.3k/s'])
  assert.deepEqual([0, 0.0004, 0.034, 0.9996].map(shareText), [
    '0 %',
    '< 0.1 %',
    '3.4 %',
    '> 99.9 %',
  ])
  assert.deepEqual([900, 12_000, 7_300_000].map(ageText), ['900 ms', '12 s', '2 h'])
})
