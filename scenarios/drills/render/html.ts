/** The report as one page that holds all it needs: no script, nothing from elsewhere. */
import { createHash } from 'node:crypto'
import { type DrillReport, isReached, type PlayedStep } from '../report.ts'
import { MOST_ACTS, marksOf } from './marks.ts'
import { type Child, h, Markup } from './markup.ts'
import { holdersOf } from './owners.ts'
import { STYLE } from './style.ts'
import {
  factsOf,
  headlineOf,
  MEANING,
  missedOf,
  missedText,
  rowsOf,
  storyOf,
  WHOLE,
  WORD,
} from './summary.ts'
import { type Cell, tableOf, valueCell } from './tables.ts'
import { boundText, numberText, plain, resultText, secondsText, valueText } from './text.ts'
import { tilesOf } from './tiles.ts'
import { timelineOf } from './timeline.ts'

const MOST_ROWS = 150
const MOST_COLUMNS = 8
/** What is told before anything else; the table has them all. */
const MOST_MISSED = 12
const NAME = 80
const NOTE = 160

/** Styles are let in by their hash alone: what a report holds could not bring its own. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`

export const htmlOf = (report: DrillReport): string => {
  const name = plain(report.drill, NAME)
  const page = h(
    'html',
    { xmlns: 'http://www.w3.org/1999/xhtml', lang: 'en' },
    h(
      'head',
      {},
      h('meta', { charset: 'utf-8' }),
      h('meta', { 'http-equiv': 'Content-Security-Policy', content: POLICY }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'referrer', content: 'no-referrer' }),
      h('title', {}, `${name}: ${WORD[report.verdict].toLowerCase()}`),
      // Ours, and the same for every report: the one text that is not escaped.
      new Markup(`<style>${STYLE}</style>`),
    ),
    h('body', {}, h('main', {}, head(report, name), body(report), foot(report))),
  )
  return `<!DOCTYPE html>\n${page.xml}\n`
}

const head = (report: DrillReport, name: string): Child => [
  h('p', { class: 'kind' }, 'finbus drill'),
  h('h1', {}, name),
  report.about === '' ? undefined : h('p', {}, plain(report.about)),
  verdict(report),
]

const verdict = (report: DrillReport): Markup => {
  const missed = missedOf(report)
  const more = missed.length - MOST_MISSED
  return h(
    'section',
    { class: `verdict ${report.verdict}`, 'aria-label': 'Verdict' },
    h(
      'svg',
      { viewBox: '0 0 52 52', xmlns: 'http://www.w3.org/2000/svg', 'aria-hidden': 'true' },
      SHAPE[report.verdict],
    ),
    h(
      'div',
      {},
      h('p', { class: 'word' }, WORD[report.verdict]),
      h('p', {}, headlineOf(report)),
      missed.length === 0
        ? undefined
        : h(
            'ul',
            {},
            missed
              .slice(0, MOST_MISSED)
              .map((row) =>
                h('li', {}, `${missedText(row)}: `, h('strong', {}, resultText(row.figure))),
              ),
            more > 0
              ? h('li', {}, `and ${more} more, which are in the table of figures`)
              : undefined,
          ),
    ),
  )
}

/** Told by form, not by colour alone: a round tick, a cross in a square on its corner, a square pause. */
const SHAPE: Record<DrillReport['verdict'], Child> = {
  passed: [
    h('circle', { class: 'shape', cx: 26, cy: 26, r: 25 }),
    h('path', { class: 'sign', d: 'M14 27L23 36L39 18' }),
  ],
  missed: [
    h('path', { class: 'shape', d: 'M26 1L51 26L26 51L1 26Z' }),
    h('path', { class: 'sign', d: 'M18 18L34 34M34 18L18 34' }),
  ],
  interrupted: [
    h('rect', { class: 'shape', x: 2, y: 2, width: 48, height: 48, rx: 6 }),
    h('path', { class: 'sign', d: 'M20 16V36M32 16V36' }),
  ],
}

const body = (report: DrillReport): Child => [
  tilesOf(report),
  h(
    'ul',
    { class: 'story' },
    storyOf(report).map((text) => h('li', {}, text)),
  ),
  h('h2', {}, 'Timeline'),
  drawing(report),
  actsList(report),
  h('h2', {}, 'Figures and bounds'),
  figuresTable(report),
  h('h2', {}, 'Steps'),
  stepsTable(report),
  h('h2', {}, 'Failed calls'),
  failuresTable(report),
  h('h2', {}, 'Who owned what'),
  ownersTable(report),
  h('h2', {}, 'Where and when'),
  tableOf(
    [],
    factsOf(report).map(([key, value]) => ({ cells: [key, value] })),
  ),
]

const drawing = (report: DrillReport): Child =>
  report.buckets.length === 0 && report.bands.length === 0
    ? h('p', {}, 'Nothing was seen.')
    : [h('div', { class: 'scroll drawing' }, timelineOf(report)), h('p', { class: 'hint' }, HINT)]

const HINT =
  'Numbered lines are the acts below; a thick bar lasts until the act was undone. Calls are shown when they were made, so those that an act interrupted lie before its line. Point at the drawing to read its values.'

const actsList = (report: DrillReport): Child => {
  const more = report.acts.length - MOST_ACTS
  const items = marksOf(report).map(({ number, act, untilMs }) => {
    const until = untilMs === undefined ? '' : ` (until ${secondsText(untilMs)})`
    const failure = act.failure === undefined ? '' : ` failed: ${plain(act.failure, NOTE)}`
    return h(
      'li',
      {},
      h('span', { class: 'n' }, `${number}`),
      h('span', { class: 'at' }, secondsText(act.atMs)),
      ` ${plain(act.text, NOTE)}${until}`,
      failure === '' ? undefined : h('span', { class: 'failed' }, failure),
    )
  })
  if (items.length === 0) return h('p', { class: 'hint' }, 'Nothing was done to the cluster.')
  return [
    h('ol', { class: 'acts' }, items),
    more > 0
      ? h('p', { class: 'hint' }, `and ${more} more acts, which are in the JSON`)
      : undefined,
  ]
}

const figuresTable = (report: DrillReport): Child => {
  const rows = rowsOf(report)
  const more = rows.length - MOST_ROWS
  return [
    tableOf(
      ['Where', 'What', '>Measured', '>Bound', 'Result', 'Note'],
      rows.slice(0, MOST_ROWS).map(({ where, figure }) => ({
        style: isReached(figure) ? undefined : 'bad',
        cells: [
          ...[plain(where, NAME), plain(figure.name, NAME), valueCell(figure)],
          ...[boundText(figure), resultText(figure), plain(figure.note, NOTE)],
        ],
      })),
    ),
    more > 0
      ? h('p', { class: 'hint' }, `and ${more} more figures, which are in the JSON`)
      : undefined,
  ]
}

/** The figures that steps have, as columns, and the whole drill beneath them. */
const stepsTable = ({ steps, figures, durationMs }: DrillReport): Markup => {
  const names = [...new Set(steps.flatMap((step) => step.figures.map(({ name }) => name)))]
  const columns = names.slice(0, MOST_COLUMNS)
  const cellsOf = ({ name, fromMs, toMs, figures: of }: PlayedStep): Cell[] => [
    ...[plain(name, NAME), `${secondsText(fromMs)} – ${secondsText(toMs)}`],
    ...columns.map((column) => {
      const figure = of.find((one) => one.name === column)
      return figure === undefined ? '' : valueCell(figure)
    }),
  ]
  const heads = ['Step', 'Time', ...columns.map((name) => `>${plain(name, NAME)}`)]
  const whole = { name: WHOLE, fromMs: 0, toMs: durationMs, figures }
  return tableOf(heads, [
    ...steps.map((step) => ({ cells: cellsOf(step) })),
    { style: 'whole', cells: cellsOf(whole) },
  ])
}

const failuresTable = ({ failures }: DrillReport): Markup =>
  failures.length === 0
    ? h('p', {}, 'None.')
    : tableOf(
        ['Code', 'Outcome', 'What that means', '>Calls'],
        failures.slice(0, MOST_ROWS).map(({ code, outcome, count }) => ({
          cells: [
            ...[h('code', {}, plain(code, NAME)), h('code', {}, plain(outcome, NAME))],
            ...[MEANING[outcome] ?? '', numberText(count)],
          ],
        })),
      )

const ownersTable = (report: DrillReport): Markup => {
  const holders = holdersOf(report)
  if (holders.length === 0) return h('p', {}, 'No queue was seen.')
  return tableOf(
    ['Broker', 'Owners at the start', 'Owners at the end', '>Queues', '>Moves', '>Longest gap'],
    holders.map(({ broker, atStart, atEnd, queues, moves, gapMs }) => ({
      cells: [broker, atStart, atEnd, numberText(queues), numberText(moves), secondsText(gapMs)],
    })),
  )
}

const foot = ({ bucketMs }: DrillReport): Markup =>
  h(
    'footer',
    {},
    `Figures of the whole drill come first, then those of its steps. Calls were counted in buckets of ${valueText(bucketMs, 'ms')}; `,
    'where buckets are drawn together, p99 is the worst of them. All values are in the JSON of this report (finbus.drill/1).',
  )
