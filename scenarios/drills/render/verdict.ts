/** The last lines in the terminal: what came of the drill, and what was missed by how much. */
import { join } from 'node:path'
import type { DrillReport } from '../report.ts'
import { headlineOf, missedOf, missedText, type Row, storyOf, WORD } from './summary.ts'
import { type Colour, type Line, rendered } from './terminal.ts'
import { plain, resultText, valueText } from './text.ts'

interface Settings {
  readonly isColoured?: boolean
}

const MOST_LINES = 50
const MOST_COLUMNS = 1_000
const NAME = 80
const COLOUR: Record<DrillReport['verdict'], Colour> = {
  passed: 'good',
  missed: 'bad',
  interrupted: 'warn',
}
const SIGN: Record<DrillReport['verdict'], string> = { passed: '✓', missed: '✗', interrupted: '‖' }

/** `folder` is where the report was written, if it was. */
export const verdictText = (
  report: DrillReport,
  folder?: string,
  { isColoured = false }: Settings = {},
): string => {
  const { verdict, drill } = report
  const word = `${SIGN[verdict]} ${plain(drill, NAME)} ${WORD[verdict].toLowerCase()}`
  const missed = missedOf(report)
  const more = missed.length - MOST_LINES
  const lines: Line[] = [
    [[word, COLOUR[verdict]], `: ${headlineOf(report)}`],
    ...missed.slice(0, MOST_LINES).flatMap(missedLines),
    ...(more > 0 ? [[`  and ${more} more`]] : []),
    ...storyOf(report).map((text): Line => [`  ${text}`]),
    ...figuresLine(report),
    ...(folder === undefined ? [] : [[`  report: ${join(folder, `${drill}.html`)} (.md, .json)`]]),
  ]
  return lines.map((line) => `${rendered(line, MOST_COLUMNS, isColoured)}\n`).join('')
}

const missedLines = (row: Row): Line[] => {
  const { note } = row.figure
  return [
    [`  ${missedText(row)}: `, [resultText(row.figure), 'bad']],
    ...(note === '' ? [] : [[[`    ${plain(note)}`, 'soft']] as Line]),
  ]
}

/** The figures of the whole drill in short. */
const figuresLine = ({ figures }: DrillReport): Line[] => {
  const told = figures.slice(0, 12).map(({ name, value, unit }) => {
    return `${plain(name, NAME)} ${valueText(value, unit)}`
  })
  return told.length === 0 ? [] : [[[`  ${told.join(', ')}`, 'soft']]]
}
