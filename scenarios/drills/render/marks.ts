/** What was done and when: steps as background, acts as numbered lines through the whole drawing. */
import type { DrillReport, PlayedAct } from '../report.ts'
import { parseAct } from '../words.ts'
import type { Axis } from './axis.ts'
import { h, type Markup } from './markup.ts'
import { plain, secondsText } from './text.ts'

/** What is told one by one; a drill with more acts than this has them in its JSON. */
export const MOST_ACTS = 100
const CHARACTER = 6.6
export const STEPS_HEIGHT = 20
export const MARKS_HEIGHT = 30

/** An act with its number. */
export interface Mark {
  readonly number: number
  readonly act: PlayedAct
  /** When it was undone again, if it says so. */
  readonly untilMs: number | undefined
}

export const marksOf = ({ acts }: DrillReport): Mark[] =>
  acts.slice(0, MOST_ACTS).map((act, i) => ({ number: i + 1, act, untilMs: untilOf(act) }))

const untilOf = ({ atMs, text, failure }: PlayedAct): number | undefined => {
  if (failure !== undefined) return undefined
  try {
    const act = parseAct(text)
    return 'forMs' in act && act.forMs !== undefined ? atMs + act.forMs : undefined
  } catch {
    // A report may tell of acts in other words than ours.
    return undefined
  }
}

export const stepBands = (
  axis: Axis,
  { steps }: DrillReport,
  top: number,
  bottom: number,
): Markup[] =>
  steps.map(({ name, fromMs, toMs }, i) => {
    const x = axis.x(fromMs)
    const width = Math.max(0.5, axis.x(toMs) - x)
    const room = Math.floor((width - 8) / CHARACTER)
    const label = room >= 3 ? plain(name, room) : ''
    const about = `${plain(name)}: ${secondsText(fromMs)} to ${secondsText(toMs)}`
    return h(
      'g',
      {},
      h('title', {}, about),
      h('rect', { class: `step${i % 2}`, x, y: top, width, height: bottom - top }),
      ...(label === '' ? [] : [h('text', { class: 'step', x: x + 4, y: top + 14 }, label)]),
    )
  })

export const faultLines = (
  axis: Axis,
  marks: readonly Mark[],
  top: number,
  bottom: number,
): Markup[] => [
  ...marks.flatMap(({ act, untilMs }) => {
    const x = axis.x(act.atMs)
    const y1 = top + MARKS_HEIGHT - 4
    const line = h('line', { class: 'fault', x1: x, x2: x, y1, y2: bottom })
    if (untilMs === undefined) return [line]
    const width = Math.max(1, axis.x(untilMs) - x)
    return [line, h('rect', { class: 'lasting', x, y: y1, width, height: 4 })]
  }),
  ...groupsOf(axis, marks).map((group) => pill(group, top)),
]

interface Group {
  readonly marks: readonly Mark[]
  readonly x: number
  readonly width: number
}

/** Marks whose numbers would lie upon each other become one, `3–5`. */
const groupsOf = (axis: Axis, marks: readonly Mark[]): Group[] => {
  let groups = [...marks]
    .sort((a, b) => a.act.atMs - b.act.atMs)
    .map((mark) => groupOf(axis, [mark]))
  for (;;) {
    const at = groups.findIndex((group, i) => {
      const next = groups[i + 1]
      return next !== undefined && group.x + group.width + 2 > next.x
    })
    if (at < 0) return groups
    const joined = groupOf(axis, [...groups[at]!.marks, ...groups[at + 1]!.marks])
    groups = [...groups.slice(0, at), joined, ...groups.slice(at + 2)]
  }
}

const groupOf = (axis: Axis, marks: readonly Mark[]): Group => {
  const width = labelOf(marks).length * 7 + 11
  const first = axis.x(marks[0]!.act.atMs)
  const last = axis.x(marks.at(-1)!.act.atMs)
  const x = Math.min(axis.right - width, Math.max(axis.left, (first + last - width) / 2))
  return { marks, x, width }
}

const labelOf = (marks: readonly Mark[]): string =>
  marks.length === 1 ? `${marks[0]!.number}` : `${marks[0]!.number}–${marks.at(-1)!.number}`

const pill = ({ marks, x, width }: Group, top: number): Markup => {
  const told = marks.slice(0, 5).map(({ number, act }) => `${number}: ${plain(act.text, 100)}`)
  const label = labelOf(marks)
  return h(
    'g',
    {},
    h('title', {}, told.join('; ')),
    h('rect', { class: 'pill', x, y: top + 5, width, height: 18, rx: 9 }),
    h(
      'text',
      { class: 'pill-text', x: x + width / 2, y: top + 18, 'text-anchor': 'middle' },
      label,
    ),
  )
}
