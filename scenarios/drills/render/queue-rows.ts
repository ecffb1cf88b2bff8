/** Who owned which queue when: a row for each queue, a colour for each owner, gaps left empty. */
import type { Band, DrillReport, Span } from '../report.ts'
import type { Axis } from './axis.ts'
import { type Child, h, type Markup } from './markup.ts'
import { box, type Part, title } from './part.ts'
import { plain, secondsText } from './text.ts'

const MOST_ROWS = 40
/** All rows together: what more there is becomes one piece where it is too narrow to be seen. */
const MOST_SPANS = 1_500
const ROW = 17
const THICK = 13
const HEAD = 24
const BROKER = 18
const COLOURS = 8
/** With these three patterns above the colours 32 owners can be told apart. */
const PATTERNS = 3
const CHARACTER = 5.9
const NAME = 24

/** A span as it is drawn; `changes` of it are too close together to be shown one by one. */
type Piece = Span & { readonly changes: number }

export const queueRows = (axis: Axis, { bands }: DrillReport, top: number): Part => {
  if (bands.length === 0) return { names: [], drawn: [], height: 0 }
  const shown = shownOf(bands)
  const styles = stylesOf(bands)
  const leastMs = leastOf(axis, shown)
  const keys = leastMs > 0 ? [...KEYS, box('busy', 'many changes')] : KEYS
  const names: Markup[] = [title(top, 'Who owned which queue', keys)]
  const drawn: Markup[] = []
  let y = top + HEAD
  let broker: string | undefined
  for (const band of shown) {
    if (band.broker !== broker) {
      broker = band.broker
      names.push(
        h('text', { class: 'broker', x: axis.left, y: y + 12 }, `broker ${plain(broker, 60)}`),
      )
      y += BROKER
    }
    drawn.push(...rowOf(axis, band, y, styles, leastMs))
    y += ROW
  }
  const missing = bands.length - shown.length
  if (missing > 0) {
    const text = `and ${missing} more queues, which are in the JSON`
    drawn.push(h('text', { class: 'key', x: axis.left, y: y + 13 }, text))
    y += ROW
  }
  return {
    names,
    drawn,
    height: y - top + 10,
  }
}

const KEYS = [
  box('closed', 'hatched: not taking requests'),
  box('none', 'empty: no owner, or not seen'),
]

/** When not all fit, those that changed; in the order they came in. */
const shownOf = (bands: readonly Band[]): Band[] => {
  if (bands.length <= MOST_ROWS) return [...bands]
  const lively = [...bands].sort((a, b) => b.spans.length - a.spans.length)
  const chosen = new Set(lively.slice(0, MOST_ROWS))
  return bands.filter((band) => chosen.has(band))
}

/** A colour, and beyond those a pattern, for each owner in the order of first sight. */
const stylesOf = (bands: readonly Band[]): Map<string, number> => {
  const styles = new Map<string, number>()
  for (const { spans } of bands) {
    for (const { owner } of spans) {
      if (owner !== '' && !styles.has(owner)) styles.set(owner, styles.size)
    }
  }
  return styles
}

const rowOf = (
  axis: Axis,
  { broker, queue, spans }: Band,
  y: number,
  styles: ReadonlyMap<string, number>,
  leastMs: number,
): Markup[] => [
  h(
    'text',
    { class: 'tick', x: axis.left - 6, y: y + 10, 'text-anchor': 'end' },
    `q ${plain(`${queue}`, 5)}`,
  ),
  h('rect', { class: 'f-none', x: axis.left, y, width: axis.width, height: THICK }),
  ...piecesOf(axis, spans, leastMs).map((piece) => {
    const about = `broker ${plain(broker, NAME)} queue ${plain(`${queue}`, 8)}: ${pieceText(piece)}`
    return h('g', {}, h('title', {}, about), pieceOf(axis, piece, y, styles.get(piece.owner)))
  }),
]

const pieceOf = (axis: Axis, piece: Piece, y: number, style: number | undefined): Child[] => {
  const x = axis.x(piece.fromMs)
  const width = Math.max(1, axis.x(piece.toMs) - x)
  const area = { x, y, width, height: THICK }
  if (piece.changes > 1) return [h('rect', { class: 'f-busy', ...area })]
  if (style === undefined) return [h('rect', { class: 'f-orphan', ...area })]
  const pattern = Math.floor(style / COLOURS) % (PATTERNS + 1)
  const name = plain(piece.owner, NAME)
  const isOpen = piece.state === 'writable'
  return [
    h('rect', { class: `o${style % COLOURS}${isOpen ? '' : ' shut'}`, ...area }),
    ...(pattern > 0 ? [h('rect', { fill: `url(#p${pattern})`, ...area })] : []),
    ...(isOpen ? [] : [h('rect', { class: 'f-closed', ...area })]),
    ...(isOpen && pattern === 0 && width > name.length * CHARACTER + 8
      ? [h('text', { class: `owner t${style % COLOURS}`, x: x + 4, y: y + 10 }, name)]
      : []),
  ]
}

const pieceText = ({ owner, state, epoch, fromMs, toMs, changes }: Piece): string => {
  const when = `${secondsText(fromMs)} to ${secondsText(toMs)}`
  if (changes > 1) return `${changes} changes, ${when}`
  const whose = owner === '' ? 'no owner' : `owner ${plain(owner, NAME)}`
  return `${whose}, ${plain(state, NAME)}, epoch ${plain(`${epoch}`, 20)}, ${when}`
}

/** What is shorter is drawn together with its neighbours: as little as will do. */
const leastOf = (axis: Axis, shown: readonly Band[]): number => {
  const count = (leastMs: number): number =>
    shown.reduce((sum, { spans }) => sum + piecesOf(axis, spans, leastMs).length, 0)
  let leastMs = 0
  while (count(leastMs) > MOST_SPANS && leastMs < axis.endMs) {
    leastMs = leastMs === 0 ? axis.endMs / 1_000 : leastMs * 1.5
  }
  return leastMs
}

const piecesOf = (axis: Axis, spans: readonly Span[], leastMs: number): Piece[] => {
  const pieces: Piece[] = []
  for (const span of spans) {
    if (!(span.toMs >= span.fromMs && span.fromMs <= axis.endMs)) continue
    const last = pieces.at(-1)
    const isNarrow = span.toMs - span.fromMs < leastMs
    if (isNarrow && last !== undefined && span.toMs - last.fromMs < leastMs) {
      pieces[pieces.length - 1] = { ...last, toMs: span.toMs, changes: last.changes + 1 }
    } else pieces.push({ ...span, changes: 1 })
  }
  return pieces
}

/** Laid over a colour: the owners after the eighth. */
export const patterns = (): Markup =>
  h(
    'defs',
    {},
    ...['M0 3h6', 'M3 0v6', 'M0 0l6 6M6 0l-6 6'].map((d, i) =>
      h(
        'pattern',
        { id: `p${i + 1}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
        h('path', { class: 'weave', d }),
      ),
    ),
    h(
      'pattern',
      { id: 'shut', width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
      h('path', { class: 'hatch', d: 'M-1 7L7 -1M-1 1L1 -1M5 7L7 5' }),
    ),
  )
