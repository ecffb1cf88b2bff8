/** The words of drills: what is written is what is done, and what cannot be done says what could. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { KINDS, playersOf, type Target, targetText } from '../scenarios/drills/targets.ts'
import { type Act, actText, parseAct, USAGES, WordsError } from '../scenarios/drills/words.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}-?[0-9]$/)
const kind = fc.constantFrom(...KINDS)
const target: fc.Arbitrary<Target> = fc.oneof(
  fc.record({ kind: fc.constantFrom(...KINDS, 'idc' as const), name }),
  fc.record({ kind, idc: name }),
  fc.record({ kind }),
)
const named = (kind: 'idc' | 'broker') => fc.record({ kind: fc.constant(kind), name })
const ms = fc.integer({ min: 1, max: 3_600_000 })
const forMs = fc.option(ms, { nil: undefined })
/** Plain, and without keys that are not there, as the parser makes them. */
const made = (act: object): Act => JSON.parse(JSON.stringify(act)) as Act

const act: fc.Arbitrary<Act> = fc
  .oneof(
    fc.record({ verb: fc.constantFrom('kill', 'freeze'), target, forMs }),
    fc.record({ verb: fc.constantFrom('stop', 'restart', 'thaw'), target }),
    fc.record({
      verb: fc.constant('cut'),
      ...{ target, from: target, forMs },
      isOneWay: fc.constantFrom(true, undefined),
    }),
    fc.record({ verb: fc.constant('part'), target, from: target, forMs }),
    fc.record({ verb: fc.constant('reset'), target, from: target }),
    fc.record({
      verb: fc.constant('delay'),
      ...{ target, from: target, byMs: ms, forMs },
      isOneWay: fc.constantFrom(true, undefined),
    }),
    fc.record({ verb: fc.constant('slow'), target, byMs: ms, forMs }),
    fc.record({ verb: fc.constant('isolate'), target: named('idc'), forMs }),
    fc.record({ verb: fc.constant('restore'), target: named('idc') }),
    fc.record({ verb: fc.constant('drain'), target: named('broker'), forMs }),
    fc.record({ verb: fc.constant('resume'), target: named('broker') }),
    fc.record({
      verb: fc.constantFrom('add', 'remove'),
      count: fc.integer({ min: 1, max: 100 }),
      idc: name,
    }),
    fc.record({ verb: fc.constant('load'), rate: fc.integer({ min: 0, max: 20_000 }) }),
    fc.constant({ verb: 'heal' }),
  )
  .map(made)

describe('the words of drills', () => {
  test('every act that can be written is read as what it is', () => {
    fc.assert(fc.property(act, (one) => assert.deepEqual(parseAct(actText(one)), one)))
  })

  test('spaces do not matter, and seconds may have a fraction', () => {
    const { verb, forMs } = parseAct('  freeze   broker sz-1 for 1.5 s ') as Act & { forMs: number }
    assert.deepEqual([verb, forMs], ['freeze', 1_500])
  })

  test('whatever is typed is an act or says how it is written; nothing else happens', () => {
    const verbs = USAGES.map((usage) => usage.split(' ')[0]!)
    const words = fc.constantFrom(...verbs, 'from', 'for', 'by', 'one way', 'all', 'of', '2 s', 'x')
    const lines = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 8 }).map((all) => all.join(' ')),
    )
    fc.assert(
      fc.property(lines, (line) => {
        try {
          parseAct(line)
        } catch (error) {
          assert.ok(error instanceof WordsError, String(error))
          assert.match(error.message, /It is written: |is no act/)
        }
      }),
    )
  })

  const wrong: [string, RegExp][] = [
    ['kil broker sz-1', /there is no "kil" \(did you mean kill\?\)/],
    ['constructor broker sz-1', /is no act/],
    ['kill brokr sz-1', /"brokr sz-1" is no target \(did you mean broker\?\).*"all brokers"/],
    ['kill', /"" is no target.*It is written: kill TARGET/],
    ['freeze broker sz-1 for 2', /"2" is no time; write "1500 ms" or "2 s"/],
    ['freeze broker sz-1 for 2 h', /"2 h" is no time/],
    ['freeze broker sz-1 for 3601 s', /longer than an hour/],
    ['cut broker sz-1', /does not say what "from" what.*cut TARGET from TARGET/],
    ['delay idc sz from idc sh', /does not say "by" how much/],
    ['slow responder sz-1', /does not say "by" how much.*slow TARGET by TIME/],
    ['isolate broker sz-1', /"broker sz-1" is no idc.*isolate idc NAME/],
    ['drain brokers of sz', /"brokers of sz" is no broker.*drain broker NAME \[for TIME\]/],
    ['restore idc sz for 2 s', /is no target/],
    ['heal all', /nothing follows "heal"/],
    ['load much', /"much" is no whole number from 0 to 20000/],
    ['add 0 responders to sz', /"0" is no whole number from 1 to 100/],
    ['add 2 brokers to sz', /It is written: add COUNT responders to IDC/],
    ['remove 2 responders to sz', /It is written: remove COUNT responders from IDC/],
    ['reset broker a from responder b for 2 s', /is no target/],
  ]
  for (const [line, says] of wrong) {
    test(`"${line}" is refused with what would be right`, () => {
      assert.throws(() => parseAct(line), says)
    })
  }
})

describe('whom an act is about', () => {
  const players = [
    { kind: 'broker', name: 'sz-1', idc: 'sz' },
    { kind: 'broker', name: 'sh-1', idc: 'sh' },
    { kind: 'responder', name: 'sz-1', idc: 'sz' },
    { kind: 'requester', name: 'sz-1', idc: 'sz' },
    { kind: 'registry', name: '1', idc: '' },
  ] as const
  const meant = (one: Target): string[] =>
    playersOf(one, players).map(({ kind, name }) => `${kind} ${name}`)

  test('one by its name, those of an IDC, all of a kind', () => {
    assert.deepEqual(meant({ kind: 'broker', name: 'sz-1' }), ['broker sz-1'])
    assert.deepEqual(meant({ kind: 'broker', idc: 'sh' }), ['broker sh-1'])
    assert.deepEqual(meant({ kind: 'broker' }), ['broker sz-1', 'broker sh-1'])
    assert.deepEqual(meant({ kind: 'registry' }), ['registry 1'])
  })

  test('an IDC is its brokers and responders; who calls is only a witness', () => {
    assert.deepEqual(meant({ kind: 'idc', name: 'sz' }), ['broker sz-1', 'responder sz-1'])
  })

  test('a target is written as it is read', () => {
    const texts = ['broker sz-1', 'idc sz', 'responders of sz', 'all registries']
    const read = texts.map((text) => (parseAct(`kill ${text}`) as { target: Target }).target)
    assert.deepEqual(read.map(targetText), texts)
  })
})
