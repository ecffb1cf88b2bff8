/** Tables of the page. */
import type { Figure } from '../report.ts'
import { type Child, h, type Markup } from './markup.ts'
import { valueText } from './text.ts'

export type Cell = Child

interface TableRow {
  readonly cells: readonly Cell[]
  readonly style?: string | undefined
}

/** What was measured, with the number as it is for machines. */
export const valueCell = ({ value, unit }: Figure): Markup =>
  h('data', { value: Number.isFinite(value) ? `${value}` : '' }, valueText(value, unit))

const UNBROKEN = new Set(['Time', 'Result'])

/** A column whose head begins with > holds numbers. The first cell of a row is its name. */
export const tableOf = (heads: readonly string[], rows: readonly TableRow[]): Markup => {
  if (rows.length === 0) return h('p', {}, 'None.')
  const styles = heads.map((head) =>
    head.startsWith('>') ? 'num' : UNBROKEN.has(head) ? 'time' : undefined,
  )
  const headCells = heads.map((head, i) =>
    h('th', { scope: 'col', class: styles[i] }, head.replace(/^>/, '')),
  )
  const bodyRows = rows.map(({ cells, style }) =>
    h(
      'tr',
      { class: style },
      cells.map((cell, i) =>
        i === 0 ? h('th', { scope: 'row' }, cell) : h('td', { class: styles[i] }, cell),
      ),
    ),
  )
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      {},
      heads.length === 0 ? undefined : h('thead', {}, h('tr', {}, headCells)),
      h('tbody', {}, bodyRows),
    ),
  )
}
