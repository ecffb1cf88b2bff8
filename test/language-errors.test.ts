/** The closed error table, and the two errors a caller can meet. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  BusError,
  type BusErrorCode,
  ERROR_TABLE,
  type ErrorMeaning,
  invalid,
  isBusErrorCode,
  isServiceCode,
  type Outcome,
  ServiceError,
} from '../bus/errors.ts'

/** DESIGN section 11: closed, and what each says of execution unless the error knows better. */
const CODES: Record<Outcome, string> = {
  not_executed:
    'no_responder overloaded circuit_open expired not_connected draining too_large ' +
    'invalid_argument forbidden unauthenticated too_many_inflight incompatible_version',
  unknown: 'deadline_exceeded cancelled responder_lost broker_lost internal',
  executed: 'handler_failed reply_lost',
}
const codes = Object.keys(ERROR_TABLE) as BusErrorCode[]

const thrownBy = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return error
  }
  return assert.fail('nothing was thrown')
}

describe('the error table', () => {
  test('has every code of the design, with its outcome, and no other', () => {
    const designed = Object.entries(CODES).flatMap(([outcome, names]) =>
      names.split(' ').map((code) => [code, outcome]),
    )
    const tabled = codes.map((code) => [code, ERROR_TABLE[code].outcome])
    assert.deepEqual(Object.fromEntries(tabled), Object.fromEntries(designed))
  })

  for (const code of codes) {
    test(`${code} says what it means and what to do, and gives an error its defaults`, () => {
      const { meaning, remedy, outcome, retryable }: ErrorMeaning = ERROR_TABLE[code]
      for (const sentence of [meaning, remedy]) assert.match(sentence, /^[A-Z`].*\.$/)
      const error = new BusError(code, 'why')
      assert.deepEqual(
        { name: error.name, code: error.code, message: error.message, details: error.details },
        { name: 'BusError', code, message: 'why', details: {} },
      )
      assert.equal(error.outcome, outcome)
      assert.equal(error.retryable, retryable)
      assert.equal(error.retryAfterMs, undefined)
      assert.ok(error instanceof Error)
    })
  }

  test('gives defaults only: the error itself is the fact', () => {
    const cause = new Error('deeper')
    const error = new BusError('deadline_exceeded', 'never sent', {
      outcome: 'not_executed',
      retryable: false,
      retryAfterMs: 0,
      details: { attempts: 0 },
      cause,
    })
    assert.equal(error.outcome, 'not_executed')
    assert.equal(error.retryable, false)
    assert.equal(error.retryAfterMs, 0)
    assert.deepEqual(error.details, { attempts: 0 })
    assert.equal(error.cause, cause)
  })

  test('knows its own codes, and nothing that objects inherit', () => {
    for (const code of codes) assert.ok(isBusErrorCode(code))
    for (const code of ['toString', 'constructor', '__proto__', 'EXPIRED', '']) {
      assert.equal(isBusErrorCode(code), false, code)
    }
  })
})

describe('README', () => {
  test('has the same table: code, outcome, retryable', () => {
    const path = new URL('../../README.md', import.meta.url)
    assert.ok(existsSync(path), 'README.md is missing, and with it the error table')
    const tabled = errorRows(readFileSync(path, 'utf8'))
    const expected = codes.map((code) => {
      const { outcome, retryable } = ERROR_TABLE[code]
      return [code, { outcome, retryable }]
    })
    assert.deepEqual(tabled, Object.fromEntries(expected))
  })

  test('is read by the names of its columns', () => {
    const text = [
      '| `name` | an option |',
      '',
      '| Code | Meaning | Retryable | Outcome |',
      '|---|---|---|---|',
      '| `expired` | too late | yes | `not_executed` |',
      '| `cancelled` | aborted | no | unknown |',
      '',
      '| `group` | an option |',
    ].join('\n')
    assert.deepEqual(errorRows(text), {
      expired: { outcome: 'not_executed', retryable: true },
      cancelled: { outcome: 'unknown', retryable: false },
    })
    assert.throws(() => errorRows('| `expired` | yes |'), /no table/)
  })
})

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.replaceAll('`', '').trim())

/** The rows of the first table that has columns for outcome and retryable. */
const errorRows = (markdown: string): Record<string, { outcome?: string; retryable: boolean }> => {
  const lines = markdown.split('\n').map((line) => line.trim())
  const columns = (line: string): string[] => cellsOf(line.toLowerCase())
  const isHead = (line: string): boolean =>
    columns(line).some((cell) => cell.startsWith('outcome')) &&
    columns(line).some((cell) => cell.startsWith('retr'))
  const headAt = lines.findIndex(isHead)
  assert.ok(headAt >= 0, 'README.md has no table with the columns code, outcome and retryable')
  const outcomeAt = columns(lines[headAt]!).findIndex((cell) => cell.startsWith('outcome'))
  const retryAt = columns(lines[headAt]!).findIndex((cell) => cell.startsWith('retr'))
  const found: Record<string, { outcome?: string; retryable: boolean }> = {}
  for (let i = headAt + 1; lines[i]?.startsWith('|') === true; i++) {
    if (!/^\| *`/.test(lines[i]!)) continue
    const cells = cellsOf(lines[i]!)
    const isRetryable = /^(?:yes|true|retryable)$/.test(cells[retryAt] ?? '')
    assert.ok(
      isRetryable || /^(?:no|false)$/.test(cells[retryAt] ?? ''),
      `not yes or no: ${lines[i]}`,
    )
    found[cells[0]!] = { outcome: cells[outcomeAt] ?? '', retryable: isRetryable }
  }
  return found
}

describe('a ServiceError', () => {
  test('takes codes in capitals and nothing else, so that no bus code can be forged', () => {
    for (const code of ['INSUFFICIENT_FUNDS', 'A', 'A1_', 'X'.repeat(64)]) {
      assert.equal(new ServiceError(code).code, code)
    }
    const wrong = ['', 'Mixed', '1A', '_A', 'A-B', 'A B', 'A\n', 'Ä', 'X'.repeat(65), 'constructor']
    for (const code of [...wrong, ...codes]) {
      const error = thrownBy(() => new ServiceError(code))
      assert.ok(BusError.is(error), code)
      assert.equal(error.code, 'invalid_argument')
    }
  })

  test('and a bus code never have a text in common', () => {
    fc.assert(fc.property(fc.string(), (text) => !(isServiceCode(text) && isBusErrorCode(text))))
    for (const code of codes) assert.equal(isServiceCode(code), false)
    for (const value of [undefined, null, 7, {}, ['A']]) assert.equal(isServiceCode(value), false)
  })

  test('is executed, not retryable, and carries message and details', () => {
    const error = new ServiceError('NO_FUNDS', 'too little on 7', { short: '3.00' })
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      name: 'ServiceError',
      code: 'NO_FUNDS',
      outcome: 'executed',
      retryable: false,
      message: 'too little on 7',
      details: { short: '3.00' },
    })
    assert.equal(new ServiceError('NO_FUNDS').message, 'NO_FUNDS')
  })
})

describe('who is who', () => {
  const bus = new BusError('expired', 'too late')
  const service = new ServiceError('NO_FUNDS')

  test('each class knows its own, and neither takes what only looks alike', () => {
    assert.ok(BusError.is(bus) && ServiceError.is(service))
    const lookalikes = [
      service,
      { ...bus },
      bus.toJSON(),
      new Error('expired'),
      null,
      undefined,
      'x',
    ]
    for (const value of lookalikes) assert.equal(BusError.is(value), false)
    for (const value of [bus, { ...service }, null, 7]) assert.equal(ServiceError.is(value), false)
  })

  test('two installed copies know each other', async () => {
    const address = new URL('../bus/errors.js?another-copy', import.meta.url).href
    const copy = (await import(address)) as typeof import('../bus/errors.ts')
    const theirs = new copy.BusError('expired', 'too late')
    assert.equal(theirs instanceof BusError, false, 'the copy is the same module: nothing is shown')
    assert.ok(BusError.is(theirs) && copy.BusError.is(bus))
    const refusal = new copy.ServiceError('NO_FUNDS')
    assert.ok(ServiceError.is(refusal) && copy.ServiceError.is(service))
  })

  test('the brand is the agreed symbol, so that other versions can know it too', () => {
    assert.ok(BusError.is({ [Symbol.for('finbus.BusError')]: true }))
    assert.ok(ServiceError.is({ [Symbol.for('finbus.ServiceError')]: true }))
  })
})

describe('toJSON', () => {
  test('says all a program needs, and neither stack nor cause', () => {
    const details = { limit: 10, current: 11, stage: 'queue' }
    const options = { details, retryAfterMs: 40, cause: new Error('token=secret') }
    const error = new BusError('overloaded', 'the queue is full', options)
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      name: 'BusError',
      code: 'overloaded',
      outcome: 'not_executed',
      retryable: true,
      message: 'the queue is full',
      details,
      retryAfterMs: 40,
    })
    assert.equal('retryAfterMs' in new BusError('expired', 'x').toJSON(), false)
  })
})

describe('invalid', () => {
  test('names the place, the rule and what was given, cut short and without reading into it', () => {
    const said: [unknown, string][] = [
      [undefined, 'topic must be short'],
      ['a"b', 'topic must be short; got "a\\"b"'],
      ['x'.repeat(500), `topic must be short; got "${'x'.repeat(80)}"`],
      [7, 'topic must be short; got 7'],
      [7n, 'topic must be short; got 7'],
      [Symbol('s'), 'topic must be short; got Symbol(s)'],
      [null, 'topic must be short; got null'],
      [{ secret: 1 }, 'topic must be short; got a object'],
      [() => 1, 'topic must be short; got a function'],
    ]
    for (const [got, message] of said) {
      const error = invalid('topic', 'must be short', got)
      assert.equal(error.message, message)
      assert.equal(error.code, 'invalid_argument')
      assert.equal(error.outcome, 'not_executed')
    }
  })
})
