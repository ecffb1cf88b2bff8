/** The curves of the drawing, one above the other: what callers saw. */
import type { Axis } from './axis.ts'
import { type Column, failedOf } from './columns.ts'
import { h, type Markup } from './markup.ts'
import { box, type Part, swatch, title } from './part.ts'
import { numberText } from './text.ts'

const HEAD = 22
const GAP = 16
/** What is not nothing is seen. */
const LEAST = 1.5

type Draw = (axis: Axis, columns: readonly Column[], top: number) => Part

export const tracks: readonly Draw[] = [successTrack, latencyTrack, homeTrack, rateTrack]

function successTrack(axis: Axis, columns: readonly Column[], top: number): Part {
  const height = 84
  const y0 = top + HEAD
  const rate = ({ made, ok }: Column): number | undefined => (made === 0 ? undefined : ok / made)
  const failures = new Bars(axis, 'unknown')
  for (const column of columns) {
    if (column.made === 0 || failedOf(column) === 0) continue
    failures.add(column, y0, Math.max(LEAST, (failedOf(column) / column.made) * height))
  }
  return {
    names: [
      title(top, 'Calls that succeeded, %', [
        swatch('line-ok', 'succeeded'),
        box('unknown', 'failed'),
      ]),
    ],
    drawn: [
      ...scale(axis, y0, height, [0, 50, 100], (value) => 1 - value / 100),
      ...failures.drawn,
      ...curve(axis, columns, 'line-ok', (column) => {
        const share = rate(column)
        return share === undefined ? undefined : y0 + height * (1 - share)
      }),
    ],
    height: HEAD + height + GAP,
  }
}

/** By powers of ten: 5 ms and 3 s in one picture. */
function latencyTrack(axis: Axis, columns: readonly Column[], top: number): Part {
  const height = 104
  const y0 = top + HEAD
  const values = columns.flatMap(({ p50, p99 }) => [p50, p99]).filter((ms) => ms !== undefined)
  const power = (ms: number): number => Math.log10(Math.min(1e6, Math.max(0.1, ms)))
  const least = Math.floor(Math.min(1, ...values.map(power)))
  const most = Math.max(least + 1, Math.ceil(Math.max(0, ...values.map(power))))
  const y = (ms: number): number => (most - power(ms)) / (most - least)
  const marks = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i))
  const at = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : y0 + height * y(ms)
  return {
    names: [
      title(top, 'How long calls took, ms (powers of ten)', [
        swatch('line-p99', 'p99'),
        swatch('line-p50', 'p50'),
      ]),
    ],
    drawn: [
      ...scale(axis, y0, height, marks, y),
      ...curve(axis, columns, 'line-p50', ({ p50 }) => at(p50)),
      ...curve(axis, columns, 'line-p99', ({ p99 }) => at(p99)),
    ],
    height: HEAD + height + GAP,
  }
}

function homeTrack(axis: Axis, columns: readonly Column[], top: number): Part {
  const height = 52
  const y0 = top + HEAD
  const home = new Bars(axis, 'home')
  const away = new Bars(axis, 'away')
  for (const column of columns) {
    const { ok } = column
    const local = Math.min(ok, Math.max(0, column.local))
    const near = Math.max(LEAST, (local / ok) * height)
    if (local > 0) home.add(column, y0 + height - near, near)
    if (ok > local) away.add(column, y0, Math.max(LEAST, (1 - local / ok) * height))
  }
  return {
    names: [
      title(top, 'Answered calls by where they were answered, %', [
        box('home', 'in the caller’s IDC'),
        box('away', 'in another IDC'),
      ]),
    ],
    drawn: [
      ...scale(axis, y0, height, [0, 100], (value) => 1 - value / 100),
      ...home.drawn,
      ...away.drawn,
    ],
    height: HEAD + height + GAP,
  }
}

const KINDS = [
  ['ok', 'ok', 'succeeded'],
  ['notExecuted', 'not-executed', 'not executed'],
  ['executed', 'executed', 'executed, failed'],
  ['unknown', 'unknown', 'may have run'],
] as const

function rateTrack(axis: Axis, columns: readonly Column[], top: number): Part {
  const height = 92
  const y0 = top + HEAD
  const perSecond = ({ fromMs, toMs }: Column, count: number): number =>
    (count * 1_000) / Math.max(1, toMs - fromMs)
  const most = roundUp(Math.max(1, ...columns.map((column) => perSecond(column, column.made))))
  const bars = KINDS.map(([, style]) => new Bars(axis, style))
  for (const column of columns) {
    let bottom = y0 + height
    for (const [i, [key]] of KINDS.entries()) {
      if (column[key] <= 0) continue
      const tall = Math.max(LEAST, (perSecond(column, column[key]) / most) * height)
      bottom -= tall
      bars[i]!.add(column, bottom, tall)
    }
  }
  return {
    names: [
      title(
        top,
        'Calls made per second, by what became of them',
        KINDS.map(([, style, name]) => box(style, name)),
      ),
    ],
    drawn: [
      ...scale(axis, y0, height, [0, most / 2, most], (value) => 1 - value / most),
      ...bars.flatMap(({ drawn }) => drawn),
    ],
    height: HEAD + height + GAP,
  }
}

/** 1, 2, 4, 5 or 10 times a power of ten. */
const roundUp = (value: number): number => {
  const unit = 10 ** Math.floor(Math.log10(value))
  return unit * ([1, 2, 4, 5].find((n) => n * unit >= value) ?? 10)
}

/** All bars of one kind in one shape: where they meet there is no seam. */
class Bars {
  readonly #axis: Axis
  readonly #style: string
  #path = ''

  constructor(axis: Axis, style: string) {
    this.#axis = axis
    this.#style = style
  }

  add(column: Column, y: number, height: number): void {
    const x = this.#axis.x(column.fromMs)
    const width = Math.max(1, this.#axis.x(column.toMs) - x)
    const [w, h1] = [width.toFixed(1), height.toFixed(1)]
    this.#path += `M${x.toFixed(1)} ${y.toFixed(1)}h${w}v${h1}h-${w}z`
  }

  get drawn(): Markup[] {
    return this.#path === '' ? [] : [h('path', { class: `f-${this.#style}`, d: this.#path })]
  }
}

/** A line through the middles of the columns that have a value; it breaks where one has none. */
const curve = (
  axis: Axis,
  columns: readonly Column[],
  style: string,
  at: (column: Column) => number | undefined,
): Markup[] => {
  let path = ''
  let isOpen = false
  for (const column of columns) {
    const y = at(column)
    if (y !== undefined) {
      const x = axis.x((column.fromMs + column.toMs) / 2)
      // A lone point is drawn too: as a line of no length with round ends.
      path += `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}${isOpen ? '' : 'h0'}`
    }
    isOpen = y !== undefined
  }
  return path === '' ? [] : [h('path', { class: style, d: path })]
}

const scale = (
  axis: Axis,
  top: number,
  height: number,
  values: readonly number[],
  share: (value: number) => number,
): Markup[] =>
  values.flatMap((value) => {
    const y = top + height * share(value)
    return [
      h('line', { class: 'grid', x1: axis.left, x2: axis.right, y1: y, y2: y }),
      h(
        'text',
        { class: 'tick', x: axis.left - 6, y: y + 4, 'text-anchor': 'end' },
        numberText(value),
      ),
    ]
  })
