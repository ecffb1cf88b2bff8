/** What a case measured, against what it should reach. Less is always better. */
import { number, whole } from '../table.ts'
import { type Call, codesOf, failedOf, type Ledger, misledOf, twiceOf } from './calls.ts'

export type Unit = 'ms' | '%' | 'count'

export interface Figure {
  what: string
  value: number
  /** The reach: at most this. Undefined for what is only told. */
  most: number | undefined
  unit: Unit
  /** What a reader should know when it is missed. */
  note: string
}

export const ms = (what: string, value: number, most?: number): Figure => ({
  ...{ what, value, most, unit: 'ms' as const, note: '' },
})

export const count = (what: string, value: number, most?: number, note = ''): Figure => ({
  ...{ what, value, most, unit: 'count' as const, note },
})

export const percent = (what: string, share: number, most?: number, note = ''): Figure => ({
  ...{ what, value: share * 100, most, unit: '%' as const, note },
})

/** Calls that failed, of which there may be so many. */
export const failures = (what: string, calls: readonly Call[], most = 0): Figure => {
  const failed = failedOf(calls)
  return count(what, failed.length, most, `of ${calls.length}: ${codesOf(failed)}`)
}

/** The same without a reach. */
export const told = (what: string, calls: readonly Call[]): Figure => ({
  ...failures(what, calls),
  most: undefined,
})

/** The share of calls that failed, in percent. */
export const failedShare = (what: string, calls: readonly Call[], most: number): Figure => {
  const failed = failedOf(calls)
  const share = calls.length === 0 ? 1 : failed.length / calls.length
  return percent(what, share, most, `of ${calls.length}: ${codesOf(failed)}`)
}

/** Whatever else happens: nothing runs twice, nobody is told what is not so. */
export const truths = (calls: readonly Call[], ledger: Ledger): Figure[] => {
  const twice = twiceOf(calls, ledger)
  const misled = misledOf(calls, ledger)
  const sample = (some: Call[]): string => some.map(({ id, code }) => `${id} ${code}`)[0] ?? ''
  return [
    count('executed twice', twice.length, 0, sample(twice)),
    count('callers misled', misled.length, 0, sample(misled)),
  ]
}

export const isReached = ({ value, most }: Figure): boolean => most === undefined || value <= most

const UNITS = { ms: ' ms', '%': ' %', count: '' }

export const shown = ({ value, unit }: Figure): string =>
  `${unit === 'count' ? whole(value) : number(value)}${UNITS[unit]}`

export const reachShown = ({ most, unit }: Figure): string =>
  most === undefined ? '' : `${most === 0 ? '' : '≤ '}${most.toLocaleString('en-US')}${UNITS[unit]}`
