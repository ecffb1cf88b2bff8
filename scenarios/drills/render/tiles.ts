/** The few figures that everybody asks for first. */
import { type DrillReport, type Figure, figuresOf, isReached } from '../report.ts'
import { type Child, h } from './markup.ts'
import { valueCell } from './tables.ts'
import { boundText, countText, plain, resultText } from './text.ts'

const ASKED_FOR = [
  'calls',
  'failed calls',
  'failed calls that may have run',
  'executed twice',
  'misled',
  'recovery',
  'p99',
  'answered in another IDC',
]

export const tilesOf = (report: DrillReport): Child => {
  const found = ASKED_FOR.flatMap(
    (name) => report.figures.find((figure) => figure.name === name) ?? [],
  )
  if (found.length === 0) return undefined
  const tiles = found.map((figure) => {
    // What has no bound in the whole drill may have one in its steps.
    const same = figuresOf(report).filter(({ figure: { name } }) => name === figure.name)
    const bounded = same.filter(({ figure: { most } }) => most !== undefined)
    const isBad = bounded.some((one) => !isReached(one.figure))
    return h(
      'div',
      { class: isBad ? 'bad' : undefined },
      h('dt', {}, plain(figure.name)),
      h('dd', {}, valueCell(figure)),
      h(
        'dd',
        { class: 'bound' },
        boundOf(
          figure,
          bounded.map((one) => one.figure),
        ),
      ),
    )
  })
  return h('dl', { class: 'tiles' }, tiles)
}

const boundOf = (whole: Figure, bounded: readonly Figure[]): string => {
  if (whole.most !== undefined) return isReached(whole) ? boundText(whole) : resultText(whole)
  if (bounded.length === 0) return 'no bound'
  const missed = bounded.filter((figure) => !isReached(figure)).length
  return missed > 0
    ? `bound missed in ${countText(missed, 'step')}`
    : `bound reached in ${countText(bounded.length, 'step')}`
}
