/** The picture of `finbus top`: a snapshot, what was asked of it, and a size, as lines. */
import type { ClusterSnapshot } from '../../broker/index.ts'
import { type Colour, type Line, type Piece, widthOf } from '../drills/render/terminal.ts'
import { numberText, plain } from '../drills/render/text.ts'
import { roughly } from './duration.ts'
import { modelOf, type TopModel, type TopRow } from './top-model.ts'

export const SORTS = ['trouble', 'rate', 'name'] as const
export type Sort = (typeof SORTS)[number]

/** What was asked of the picture by keys. */
export interface TopAsk {
  sort: Sort
  /** Only rows that hold this text. */
  filter: string
  /** Keys are going into the filter. */
  isFiltering: boolean
  isPaused: boolean
  /** So many lines of the lists are scrolled away. */
  scrolled: number
}

export interface Size {
  columns: number
  rows: number
}

export const FIRST_ASK: TopAsk = {
  ...{ sort: 'trouble', filter: '', isFiltering: false, isPaused: false, scrolled: 0 },
}

/** Of the brokers no more are shown above the lists. */
const MOST_BROKERS = 8
const MOST_FORCES = 3
const NOTHING = '-'
/** A name takes no more of a line. */
const MOST_CELL = 40
const SERIOUS = 200

interface Section {
  heads: readonly string[]
  rows: readonly TopRow[]
}

/** All there is, one list after the other: for a file, or a terminal that scrolls by itself. */
export const tableLines = (
  snapshot: ClusterSnapshot,
  earlier: ClusterSnapshot | undefined,
): Line[] => {
  const model = modelOf(snapshot, earlier)
  return [...headLines(snapshot, model, Number.POSITIVE_INFINITY), ...bodyLines(model, FIRST_ASK)]
}

/** As many lines as the terminal has, whatever there is to show. */
export const topLines = (
  snapshot: ClusterSnapshot,
  earlier: ClusterSnapshot | undefined,
  ask: TopAsk,
  { rows }: Size,
  warning?: string,
): Line[] => {
  const model = modelOf(snapshot, earlier)
  const room = Math.max(0, rows - 1)
  // A small terminal shows less of the brokers, so that something of the lists is seen.
  const head = headLines(snapshot, model, Math.min(MOST_BROKERS, Math.floor(room / 3))).slice(
    0,
    Math.ceil(room / 2),
  )
  const body = bodyLines(model, ask)
  const height = Math.max(0, room - head.length)
  const scrolled = Math.min(ask.scrolled, Math.max(0, body.length - height))
  const shown = body.slice(scrolled, scrolled + height)
  const blank: Line[] = Array.from({ length: height - shown.length }, () => [])
  const hidden = body.length - scrolled - shown.length
  return rows < 1 ? [] : [...head, ...shown, ...blank, footLine(ask, hidden, warning)]
}

const headLines = (snapshot: ClusterSnapshot, model: TopModel, most: number): Line[] => {
  const { brokers, clients, clientsOmitted, at, forces, drill } = snapshot
  const answering = brokers.filter(({ state }) => state !== 'unknown').length
  const present = clients.filter(({ state }) => state !== 'gone')
  const idcs = new Set([...brokers, ...present].map(({ idc }) => idc)).size
  const more = clientsOmitted === 0 ? '' : ` and ${clientsOmitted} more`
  const isAll = answering === brokers.length
  const { calls } = model
  const title: Line = [
    ['finbus ', 'strong'],
    `${new Date(at).toISOString().slice(11, 19)}  `,
    [`${answering} of ${brokers.length} brokers answer`, isAll ? 'soft' : 'bad'],
    `  ${counted(idcs, 'IDC')}  ${counted(present.length, 'client')}${more}  `,
    `${shown(calls.rate)} calls/s  `,
    ...(calls.okText === undefined ? [] : [`ok ${calls.okText}  p99 ${shown(calls.p99Ms)} ms`]),
  ]
  const lines: Line[] = [title]
  if (drill !== null) {
    const since = roughly(Math.max(0, at - drill.at))
    lines.push([
      [`drill ${plain(drill.drill, MOST_CELL)}: ${plain(drill.phase, 80)}, ${since}`, 'warn'],
    ])
  }
  for (const { topic, what, to, idc, instance, by, reason, until } of forces.slice(
    0,
    MOST_FORCES,
  )) {
    const whose = `${idc === null ? '' : ` in ${idc}`}${instance === null ? '' : ` of ${instance}`}`
    const leftMs = roughly(Math.max(0, until - at))
    const words = `${what} of ${topic}${whose} forced ${to} by ${by}, ${leftMs} left: ${reason}`
    lines.push([[plain(words), 'warn']])
  }
  if (forces.length > MOST_FORCES) {
    lines.push([[`and ${forces.length - MOST_FORCES} more words of operators`, 'warn']])
  }
  const heads = [
    ...[
      'BROKER',
      'IDC',
      'STATE',
      'SESSIONS',
      'TOPICS',
      'QUEUES',
      'WAITING',
      'UNANSWERED',
      'RATE/s',
    ],
  ]
  const sorted = sortedBy('trouble', model.brokers)
  const few = sorted.slice(0, Math.max(1, most))
  lines.push(...sectionLines({ heads, rows: few }))
  if (few.length < sorted.length) {
    lines.push([[`and ${counted(sorted.length - few.length, 'more broker')}`, 'soft']])
  }
  return [...lines, []]
}

const bodyLines = (model: TopModel, { sort, filter }: TopAsk): Line[] => {
  const sections: Section[] = [
    {
      heads: [
        ...['TOPIC', 'GROUP', 'CIRCUIT', 'QUEUES', 'WAITING', 'UNANSWERED', 'RATE/s', 'OK'],
        'P99 ms',
      ],
      rows: model.topics,
    },
    {
      heads: [
        ...['QUEUE OF', 'NO', 'BROKER', 'OWNER', 'IDC', 'STATE', 'WAITING', 'UNANSWERED'],
        ...['RATE/s', 'WAITED ms'],
      ],
      rows: model.queues,
    },
    {
      heads: [
        ...['REQUESTER', 'IDC', 'STATE', 'LINKS', 'TOPICS', 'OPEN', 'RATE/s', 'OK', 'P99 ms'],
        'REPORTS TO',
      ],
      rows: model.requesters,
    },
  ]
  return sections.flatMap(({ heads, rows }, i): Line[] => {
    const those = sortedBy(sort, rows.filter(holds(filter)))
    const lines = sectionLines({ heads, rows: those })
    if (those.length === 0) lines.push([[rows.length === 0 ? 'none' : 'none like that', 'soft']])
    return i === sections.length - 1 ? lines : [...lines, []]
  })
}

const holds =
  (filter: string) =>
  ({ cells, why }: TopRow): boolean => {
    const wanted = filter.toLowerCase()
    return wanted === '' || [...cells, why].some((cell) => `${cell}`.toLowerCase().includes(wanted))
  }

const sortedBy = (sort: Sort, rows: readonly TopRow[]): TopRow[] =>
  [...rows].sort(
    (a, b) =>
      (sort === 'trouble' ? b.trouble - a.trouble : 0) ||
      (sort === 'name' ? 0 : (b.rate ?? 0) - (a.rate ?? 0)) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )

/** Aligned, with what is the matter at the end: it may be cut, for the colour says that it is there. */
const sectionLines = ({ heads, rows }: Section): Line[] => {
  const cells = rows.map((row) => row.cells.map(textOf))
  const isNumeric = heads.map(
    (_, column) =>
      rows.some(({ cells: of }) => typeof of[column] === 'number') ||
      / ?(ms|\/s)$/.test(heads[column]!),
  )
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => widthOf(row[column] ?? ''))),
  )
  const aligned = (row: readonly string[]): string =>
    row
      .map((text, column) => {
        const fill = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(text)))
        return isNumeric[column] === true ? fill + text : text + fill
      })
      .join('  ')
  const headLine: Line = [[aligned(heads), 'soft']]
  return [
    headLine,
    ...rows.map(({ trouble, why }, i): Line => {
      const text = aligned(cells[i]!)
      if (trouble === 0) return [text]
      const colour: Colour = trouble >= SERIOUS ? 'bad' : 'warn'
      return [[text, colour], `  `, [plain(why), colour]]
    }),
  ]
}

const textOf = (cell: string | number | undefined): string =>
  typeof cell === 'string' ? plain(cell, MOST_CELL) : shown(cell)

const shown = (value: number | undefined): string => {
  if (value === undefined) return NOTHING
  return numberText(value >= 100 ? Math.round(value) : Math.round(value * 10) / 10)
}

const counted = (count: number, noun: string): string =>
  `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`

const footLine = (ask: TopAsk, hidden: number, warning: string | undefined): Line => {
  if (ask.isFiltering) return [['/', 'strong'], plain(ask.filter), ['_', 'soft']]
  const pieces: Piece[] = []
  if (warning !== undefined) pieces.push([`${plain(warning)}  `, 'bad'])
  if (ask.isPaused) pieces.push(['paused  ', 'warn'])
  if (ask.filter !== '') pieces.push([`/${plain(ask.filter)}  `, 'strong'])
  if (hidden > 0) pieces.push([`${hidden} more below  `, 'strong'])
  return [...pieces, [`q quit  s sort: ${ask.sort}  / filter  p pause  arrows scroll`, 'soft']]
}
