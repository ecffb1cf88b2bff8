/** The failover stories of `scenarios/sim/transcripts`: replayed, and compared line by line. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folded } from '../scenarios/sim/transcripts/fold.ts'
import { replay, TranscriptError } from '../scenarios/sim/transcripts/transcript.ts'

const STORIES = new URL('../../scenarios/sim/transcripts/stories/', import.meta.url)
const isRewriting = process.env.FINBUS_REWRITE === '1'
const names = readdirSync(fileURLToPath(STORIES)).sort()

const START = '> idc sz has 1 broker, 1 responder, 1 requester\n> begin\n'

describe('stories', () => {
  test('there are a dozen and more, each with a title and a trace', () => {
    assert.ok(names.length >= 12, `${names.length} stories`)
    for (const name of names) {
      const text = readFileSync(new URL(name, STORIES), 'utf8')
      assert.match(text, /^# \S.*\n\n\S/, name)
      assert.match(text, /^ +\d+ {2}\S/m, name)
    }
  })

  for (const name of names) {
    test(name, () => {
      const file = new URL(name, STORIES)
      const expected = readFileSync(file, 'utf8')
      const told = replay(expected)
      if (isRewriting) writeFileSync(file, told)
      else assert.equal(told, expected)
    })
  }
})

describe('a story that makes no sense', () => {
  const faults: [string, RegExp][] = [
    ['> begn', /line 1: "begn": there is no "begn" \(did you mean begin\?\)/],
    ['> begin quickly', /line 1: "begin quickly" is written: begin \[cold\]/],
    ['> idc sz has 1 boker', /"1 boker" is no number of members\. It is written: idc NAME has/],
    ['> kill broker sz-1', /line 1: it comes after "begin"/],
    [`${START}> a queue holds 3 requests`, /line 3: it comes before "begin"/],
    [`${START}> kill broker sz-2`, /nobody is broker sz-2 \(did you mean broker sz-1\?\)/],
    [`${START}> requester sz-9 asks "1"`, /there is no requester sz-9 \(did you mean sz-1\?\)/],
    [`${START}> requester sz-1 asks "1" wthin 2 s`, /"wthin 2 s" says nothing of a call/],
    [`${START}> requester sz-1 asks "1" within 2 sec`, /"2 sec" is no time; write "1500 ms"/],
    [`${START}> requester sz-1 asks "1", "1"`, /"1" was asked before/],
    [`${START}> wait for "1"`, /"1" was not asked/],
    [`${START}> wait 2 h`, /"2 h" is no time/],
    [`${START}> show quues`, /there is no "quues" \(did you mean queues\?\)/],
    [`${START}> load 500`, /"load 500" is for drills/],
    [`${START}> cut broker sz-1 from broker sz-1`, /there is no way between a client and a broker/],
    [`${START}> kill requester sz-1\n> requester sz-1 asks "1"`, /requester sz-1 is dead/],
  ]
  for (const [text, says] of faults) {
    test(text.split('\n').at(-1)!, () => {
      assert.throws(
        () => replay(text),
        (error: unknown) => {
          assert.ok(error instanceof TranscriptError, String(error))
          assert.match(error.message, says)
          return true
        },
      )
    })
  }
})

describe('the trace', () => {
  test('what goes round and round is told once, with its first and its last round', () => {
    const round = (at: number): string[] => [
      `${at}  a  attempt ${at}`,
      `${at + 1}  b  ${at} ms left`,
    ]
    const lines = ['0  begin', ...[10, 20, 30, 40, 50].flatMap(round), '99  end']
    const kept = [
      '0  begin',
      ...round(10),
      '         the same 3 times more',
      ...round(50),
      '99  end',
    ]
    assert.deepEqual(folded(lines), kept)
    assert.deepEqual(
      folded(lines.slice(0, 7)),
      lines.slice(0, 7),
      'few rounds are told as they are',
    )
    assert.deepEqual(folded([]), [])
  })

  test('the old trace of a story does not matter, its prose and commands are kept', () => {
    const text = `# A story\n${START}> requester sz-1 asks "7"\n> wait for "7"\nThe end.`
    const told = replay(text)
    const torn = told.replace(/^ .*$/m, '      3  somebody   something else\n   another line')
    assert.notEqual(torn, told)
    assert.equal(replay(torn), told)
    assert.deepEqual(
      told.split('\n').filter((line) => !line.startsWith(' ')),
      text.split('\n'),
    )
  })
})
