/** Lines of a terminal: as wide as it is and no wider, with colours or without. */
import { plain } from './text.ts'

export type Colour = 'good' | 'bad' | 'warn' | 'soft' | 'strong'

/** Text that is not yet cut, in one colour. */
export type Piece = string | readonly [text: string, colour: Colour]
export type Line = readonly Piece[]

const CODES: Record<Colour, number> = { good: 32, bad: 31, warn: 33, soft: 2, strong: 1 }

const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F000}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u
const NARROW = /[\p{Mn}\p{Me}\p{Cf}]/u
const LATIN = /^[\x20-\x7E]*$/

const widthOfPoint = (point: string): number => (NARROW.test(point) ? 0 : WIDE.test(point) ? 2 : 1)

/** How many columns a terminal gives it. */
export const widthOf = (text: string): number =>
  LATIN.test(text) ? text.length : [...text].reduce((sum, point) => sum + widthOfPoint(point), 0)

/** At most so many columns; what is missing is shown by three dots in one. */
const cut = (text: string, columns: number): string => {
  if (widthOf(text) <= columns) return text
  let out = ''
  let used = 1
  for (const point of text) {
    used += widthOfPoint(point)
    if (used > columns) break
    out += point
  }
  return columns < 1 ? '' : `${out}…`
}

/** One line, cut to `columns`, with nothing in it that a terminal would obey except its colours. */
export const rendered = (line: Line, columns: number, isColoured: boolean): string => {
  let left = columns
  let out = ''
  for (const piece of line) {
    const [raw, colour] = typeof piece === 'string' ? [piece, undefined] : piece
    const text = cut(safe(raw), left)
    left -= widthOf(text)
    out += colour !== undefined && isColoured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text
    if (left <= 0) break
  }
  return out
}

/** Blanks are kept where they are: columns are made of them. */
const safe = (text: string): string =>
  text
    .split(' ')
    .map((word) => plain(word))
    .join(' ')

const BLOCKS = '▁▂▃▄▅▆▇█'
/** Percent that failed, at most, for each block from the full one down: a few failures are seen too. */
const STEPS = [0, 1, 5, 10, 25, 50, 99.99]

/** Percentages of success, the newest last; what is unknown is a blank. */
export const sparkline = (percents: readonly (number | undefined)[]): string =>
  percents
    .map((percent) => {
      if (percent === undefined) return ' '
      const step = STEPS.findIndex((most) => 100 - percent <= most)
      return step < 0 ? BLOCKS[0] : BLOCKS[BLOCKS.length - 1 - step]
    })
    .join('')
