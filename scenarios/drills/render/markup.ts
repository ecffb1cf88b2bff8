/** Elements of HTML and SVG, written so that they are XML too. Every string in them is escaped here. */
import { plain } from './text.ts'

/** What is ready to be written. Nothing else makes one, so no text gets in unescaped. */
export class Markup {
  readonly xml: string

  constructor(xml: string) {
    this.xml = xml
  }
}

export type Child = Markup | string | undefined | readonly Child[]
export type Attributes = Readonly<Record<string, string | number | undefined>>

/** An element: `h('td', { class: 'n' }, '12 ms')`. */
export const h = (name: string, attributes: Attributes, ...children: readonly Child[]): Markup => {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  const written = given.map(([key, value]) => ` ${key}="${attributeOf(value!)}"`).join('')
  const inner = children.map(written1).join('')
  // HTML reads `<td/>` as a beginning without an end.
  return inner === '' && EMPTY.has(name)
    ? new Markup(`<${name}${written}/>`)
    : new Markup(`<${name}${written}>${inner}</${name}>`)
}

const EMPTY = new Set('meta br hr rect line path circle polygon'.split(' '))

const written1 = (child: Child): string => {
  if (child === undefined) return ''
  if (child instanceof Markup) return child.xml
  return typeof child === 'string' ? escaped(plain(child)) : child.map(written1).join('')
}

/** A tenth of a pixel is as fine as is seen. */
const attributeOf = (value: string | number): string =>
  typeof value === 'number' ? `${Math.round(value * 10) / 10}` : escaped(value)

/** Attributes stand in double quotes, always. */
const ENTITY: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
const escaped = (text: string): string => text.replace(/[&<>"]/g, (found) => ENTITY[found]!)
