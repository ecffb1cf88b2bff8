/** One part of the drawing: its name, and what its colours and lines stand for. */
import { h, type Markup } from './markup.ts'

export interface Part {
  /** Names: drawn above the lines of the acts, which would strike them out. */
  readonly names: readonly Markup[]
  readonly drawn: readonly Markup[]
  /** How much of the drawing's height it takes. */
  readonly height: number
}

export interface Key {
  readonly sample: (x: number, y: number) => Markup
  readonly name: string
}

export const box = (style: string, name: string): Key => ({
  sample: (x, y) => h('rect', { class: `f-${style}`, x, y: y - 9, width: 14, height: 10 }),
  name,
})
export const swatch = (style: string, name: string): Key => ({
  sample: (x, y) => h('path', { class: style, d: `M${x} ${y - 4}h16` }),
  name,
})

/** Generous, so that nothing lies upon anything in a broad font. */
const CHARACTER = 6.6
const BOLD_CHARACTER = 7.6
const SAMPLE = 20
const BETWEEN = 16

/** The name of a part, and on the same line what its colours and lines stand for. */
export const title = (top: number, name: string, keys: readonly Key[]): Markup => {
  const y = top + 13
  let x = 4 + name.length * BOLD_CHARACTER + BETWEEN
  const drawn = keys.map((key) => {
    const at = x
    x += SAMPLE + key.name.length * CHARACTER + BETWEEN
    return [key.sample(at, y), h('text', { class: 'key', x: at + SAMPLE, y }, key.name)]
  })
  return h('g', {}, h('text', { class: 'head', x: 4, y }, name), drawn)
}
