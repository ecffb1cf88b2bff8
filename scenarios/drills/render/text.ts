/** Names and numbers as they are shown. What a report holds came over a wire: none of it is trusted. */
import { type Figure, isReached, type Unit } from '../report.ts'

/** Nothing that is shown is longer. */
const MAX_TEXT = 300
/** Ends lines, moves the cursor, turns text round, or is no character: none of it is for showing. */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFFE\uFFFF]/gu

/** One line of text in which every character is one to be seen, and not too many of them. */
export const plain = (text: string, most = MAX_TEXT): string => {
  const line = text
    .slice(0, MAX_TEXT * 4)
    .replace(/\s+/g, ' ')
    .replace(UNSEEN, '\uFFFD')
  return clipped(line, most)
}

/** At most so many characters; what is missing is shown by three dots in one. */
const clipped = (text: string, most: number): string => {
  if (text.length <= most) return text
  const points = [...text]
  return points.length <= most ? text : `${points.slice(0, Math.max(0, most - 1)).join('')}…`
}

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })
const SUFFIX: Record<Unit, string> = { ms: ' ms', '%': ' %', count: '' }
const NOTHING = '–'

/** A number as people read it. A little is not rounded to nothing. */
export const numberText = (value: number | undefined): string => {
  if (value === undefined || !Number.isFinite(value)) return NOTHING
  if (value > 0 && value < 0.01) return '< 0.01'
  return NUMBER.format(value)
}

export const valueText = (value: number | undefined, unit: Unit): string => {
  // Nearly all is not all.
  if (unit === '%' && value !== undefined && value > 99.99 && value < 100) return '> 99.99 %'
  const text = numberText(value)
  return text === NOTHING ? text : `${text}${SUFFIX[unit]}`
}

/** Since the drill began. */
export const secondsText = (ms: number): string =>
  Number.isFinite(ms) ? `${(ms / 1_000).toFixed(ms < 100_000 ? 2 : 1)} s` : NOTHING

/** `1 call`, `2 calls`. */
export const countText = (count: number, noun: string): string =>
  `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`

/** `a`, `a and b`, `a, b and c`. */
export const listText = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`

/** What came of a bound: `missed by 420 ms`, `reached`, or nothing where there was none. */
export const resultText = (figure: Figure): string => {
  const { value, most, unit } = figure
  if (most === undefined) return ''
  if (isReached(figure)) return 'reached'
  const by = value - most
  if (!Number.isFinite(by)) return 'missed: there is no value'
  return unit === '%' ? `missed by ${numberText(by)} points` : `missed by ${valueText(by, unit)}`
}

export const boundText = ({ most, unit }: Figure): string =>
  most === undefined ? '' : `at most ${valueText(most, unit)}`
