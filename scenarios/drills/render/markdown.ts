/** The report as Markdown: the verdict first, then what came of it, then the numbers. */
import type { DrillReport, PlayedStep } from '../report.ts'
import { holdersOf } from './owners.ts'
import {
  factsOf,
  headlineOf,
  MEANING,
  missedOf,
  missedText,
  type Row,
  rowsOf,
  storyOf,
  WHOLE,
  WORD,
} from './summary.ts'
import { boundText, numberText, plain, resultText, secondsText, valueText } from './text.ts'

/** More rows than this are for machines; they are in the JSON. */
const MOST_ROWS = 150
const MOST_COLUMNS = 8
const MOST_TEXT = 240

export const markdownOf = (report: DrillReport): string => {
  const parts = [
    `# Drill ${text(report.drill)}: ${WORD[report.verdict].toLowerCase()}`,
    `**${text(headlineOf(report))}**`,
    ...missedPart(report),
    ...(report.about === '' ? [] : [text(report.about)]),
    list(storyOf(report).map(text)),
    ...actsPart(report),
    '## Figures and bounds',
    figuresTable(rowsOf(report)),
    ...restOf(rowsOf(report)),
    '## Steps',
    stepsTable(report),
    '## Failed calls',
    failuresPart(report),
    ...restOf(report.failures),
    '## Who owned what',
    ownersPart(report),
    '## Where and when',
    table(
      ['', ''],
      factsOf(report).map(([name, value]) => [name, text(value)]),
    ),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Text that Markdown takes for nothing but text. */
const text = (value: string): string =>
  plain(value, MOST_TEXT).replace(/[\\`*_{}[\]|~#&<>]/g, (found) => ENTITY[found] ?? `\\${found}`)
const ENTITY: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** What is not told here. */
const restOf = (all: readonly unknown[]): string[] =>
  all.length > MOST_ROWS ? [`and ${all.length - MOST_ROWS} more, which are in the JSON`] : []

const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')

const missedPart = (report: DrillReport): string[] => {
  const missed = missedOf(report)
  if (missed.length === 0) return []
  const lines = missed.slice(0, MOST_ROWS).map((row) => {
    const { note } = row.figure
    const why = note === '' ? '' : ` (${text(note)})`
    return `${text(missedText(row))}: **${text(resultText(row.figure))}**${why}`
  })
  return [list([...lines, ...restOf(missed)])]
}

const actsPart = ({ acts }: DrillReport): string[] => {
  if (acts.length === 0) return []
  const lines = acts.slice(0, MOST_ROWS).map(({ atMs, text: act, failure }, i) => {
    const failed = failure === undefined ? '' : ` – **failed: ${text(failure)}**`
    return `${i + 1}. at ${secondsText(atMs)}: ${text(act)}${failed}`
  })
  return ['## What was done', lines.join('\n'), ...restOf(acts)]
}

const figuresTable = (rows: readonly Row[]): string =>
  table(
    ['Where', 'What', '>Measured', '>Bound', 'Result', 'Note'],
    rows
      .slice(0, MOST_ROWS)
      .map(({ where, figure }) => [
        ...[text(where), text(figure.name), text(valueText(figure.value, figure.unit))],
        ...[text(boundText(figure)), text(resultText(figure)), text(figure.note)],
      ]),
  )

/** The figures that steps have, as columns, and the whole drill beneath them. */
const stepsTable = ({ steps, figures, durationMs }: DrillReport): string => {
  const names = [...new Set(steps.flatMap((step) => step.figures.map(({ name }) => name)))]
  const columns = names.slice(0, MOST_COLUMNS)
  const rowOf = ({ name, fromMs, toMs, figures: of }: PlayedStep): string[] => [
    ...[text(name), `${secondsText(fromMs)} to ${secondsText(toMs)}`],
    ...columns.map((column) => {
      const figure = of.find((one) => one.name === column)
      return figure === undefined ? '' : text(valueText(figure.value, figure.unit))
    }),
  ]
  const whole = { name: WHOLE, fromMs: 0, toMs: durationMs, figures }
  const heads = ['Step', 'Time', ...columns.map((name) => `>${text(name)}`)]
  return table(heads, [...steps, whole].map(rowOf))
}

const failuresPart = ({ failures }: DrillReport): string =>
  failures.length === 0
    ? 'None.'
    : table(
        ['Code', 'Outcome', 'What that means', '>Calls'],
        failures
          .slice(0, MOST_ROWS)
          .map(({ code, outcome, count }) => [
            ...[text(code), text(outcome), MEANING[outcome] ?? '', numberText(count)],
          ]),
      )

const ownersPart = (report: DrillReport): string => {
  const holders = holdersOf(report)
  if (holders.length === 0) return 'No queue was seen.'
  return table(
    ['Broker', 'Owners at the start', 'Owners at the end', '>Queues', '>Moves', '>Longest gap'],
    holders.map(({ broker, atStart, atEnd, queues, moves, gapMs }) => [
      ...[text(broker), text(atStart), text(atEnd)],
      ...[numberText(queues), numberText(moves), secondsText(gapMs)],
    ]),
  )
}

/** A column whose head begins with > holds numbers. */
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = heads.map((head) => (head.startsWith('>') ? '---:' : '---'))
  return [line(heads.map((head) => head.replace(/^>/, ''))), line(rule), ...rows.map(line)].join(
    '\n',
  )
}
