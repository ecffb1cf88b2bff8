/** The drawing: all parts one above the other on one time axis, acts and steps through all of them. */
import type { DrillReport } from '../report.ts'
import { Axis, WIDTH } from './axis.ts'
import { columnsOf, columnText } from './columns.ts'
import { faultLines, MARKS_HEIGHT, marksOf, STEPS_HEIGHT, stepBands } from './marks.ts'
import { h, type Markup } from './markup.ts'
import type { Part } from './part.ts'
import { patterns, queueRows } from './queue-rows.ts'
import { tracks } from './tracks.ts'

const AXIS_HEIGHT = 24

export const timelineOf = (report: DrillReport): Markup => {
  const axis = new Axis(report)
  const columns = columnsOf(report)
  const top = STEPS_HEIGHT + MARKS_HEIGHT
  const parts: Part[] = []
  let y = top
  const add = (part: Part): void => {
    parts.push(part)
    y += part.height
  }
  for (const draw of tracks) add(draw(axis, columns, y))
  const curvesEnd = y
  add(queueRows(axis, report, y))
  // Whoever points at the curves is told what they stand for there.
  const told = columns.map((column) => {
    const x = axis.x(column.fromMs)
    const width = axis.x(column.toMs) - x
    const area = { class: 'told', x, y: top, width, height: curvesEnd - top }
    return h('rect', area, h('title', {}, columnText(column)))
  })
  return h(
    'svg',
    {
      ...{ xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${y + AXIS_HEIGHT}` },
      ...{ role: 'img', 'aria-labelledby': 'drawn-title drawn-about' },
    },
    h('title', { id: 'drawn-title' }, `Timeline of drill ${report.drill}`),
    h('desc', { id: 'drawn-about' }, ABOUT),
    patterns(),
    stepBands(axis, report, 0, y),
    axis.grid(STEPS_HEIGHT, y),
    parts.map(({ drawn }) => drawn),
    faultLines(axis, marksOf(report), STEPS_HEIGHT, y),
    parts.map(({ names }) => names),
    told,
  )
}

const ABOUT =
  'Over the time of the drill, from top to bottom: its steps, the acts by number, the share of calls that succeeded, ' +
  'how long they took, where they were answered, how many there were, and who owned which queue. ' +
  'All figures are in the tables of this page.'
