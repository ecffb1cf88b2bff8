/** A drill's page: it holds all it needs, lets nothing in, and what is drawn on it stays in place. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { htmlOf } from '../scenarios/drills/render/index.ts'
import type { DrillReport } from '../scenarios/drills/report.ts'
import { emptyReport, hostileReport, usualReport } from './support/sample-report.ts'

const ALL = { usual: usualReport(), empty: emptyReport(), hostile: hostileReport() }

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
}

/** Every element of a page, read as XML. */
const elementsOf = (html: string): Element[] => {
  const xml = html.replace('<!DOCTYPE html>\n', '')
  const parser = new XMLParser({
    ...{ preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '' },
    ...{
      parseAttributeValue: false,
      parseTagValue: false,
      processEntities: { maxTotalExpansions: 1e6 },
    },
  })
  const found: Element[] = []
  const walk = (nodes: Record<string, unknown>[]): string => {
    let text = ''
    for (const node of nodes) {
      const attributes = (node[':@'] ?? {}) as Record<string, string>
      for (const [name, inner] of Object.entries(node)) {
        if (name === ':@') continue
        if (name === '#text') text += String(inner)
        else found.push({ name, attributes, text: walk(inner as Record<string, unknown>[]) })
      }
    }
    return text
  }
  walk(parser.parse(xml) as Record<string, unknown>[])
  return found
}

const ELEMENTS =
  'html head meta title style body main section svg g path circle rect line text defs pattern desc div p h1 h2 ul ol li dl dt dd strong span code data table thead tbody tr th td footer'
const ATTRIBUTES =
  'xmlns lang charset http-equiv content name class aria-label aria-hidden aria-labelledby role id viewBox d x y x1 x2 y1 y2 cx cy r rx width height fill patternUnits text-anchor value scope'

describe('the page of a drill', () => {
  for (const [name, report] of Object.entries(ALL)) {
    test(`of the ${name} report is well-formed, and made of known elements alone`, () => {
      const html = htmlOf(report)
      assert.equal(XMLValidator.validate(html.replace('<!DOCTYPE html>\n', '')), true)
      const elements = elementsOf(html)
      const names = new Set(elements.map((element) => element.name))
      const attributes = new Set(elements.flatMap((element) => Object.keys(element.attributes)))
      const known = (list: string) => (word: string) => !list.split(' ').includes(word)
      assert.deepEqual([...names].filter(known(ELEMENTS)), [])
      assert.deepEqual([...attributes].filter(known(ATTRIBUTES)), [])
      // HTML has no short form for these: `<td/>` would begin a cell and never end it.
      assert.doesNotMatch(html, /<(?:td|th|p|div|span|title|ul|text|g|svg)(?: [^>]*)?\/>/)
    })

    test(`of the ${name} report needs nothing from elsewhere, and nothing else may run`, () => {
      const html = htmlOf(report)
      const elements = elementsOf(html)
      const policy = elements.find(
        ({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy',
      )
      const style = elements.filter((element) => element.name === 'style')
      assert.equal(style.length, 1)
      const written = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!
      const hash = createHash('sha256').update(written).digest('base64')
      assert.equal(
        policy?.attributes.content,
        `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
      )
      const addresses = [...written.matchAll(/url\(([^)]*)\)/g)].map(([, address]) => address)
      assert.ok(addresses.every((address) => address!.startsWith('#')))
      assert.doesNotMatch(written, /@import/)
    })
  }

  test('is no more than 1 MB, however much there is to be told', () => {
    const bytes = Buffer.byteLength(htmlOf(hostileReport()))
    assert.ok(bytes <= 1_000_000, `${bytes} bytes`)
  })

  test('tells its verdict in a word and by a form, not by colour alone', () => {
    const forms = new Set<string>()
    for (const [verdict, word] of [
      ['passed', 'Passed'],
      ['missed', 'Missed'],
      ['interrupted', 'Interrupted'],
    ] as const) {
      const html = htmlOf({ ...usualReport(), verdict })
      const banner = /<section class="verdict[\s\S]*?<\/section>/.exec(html)![0]
      assert.match(banner, new RegExp(`<p class="word">${word}</p>`))
      forms.add(/<svg[\s\S]*?<\/svg>/.exec(banner)![0])
    }
    assert.equal(forms.size, 3)
  })
})

const numbers = (attributes: Element['attributes'], ...keys: string[]): number[] =>
  keys.map((key) => Number(attributes[key] ?? 0))

const drawingOf = (report: DrillReport): Element[] => {
  const html = htmlOf(report)
  const from = html.indexOf('<svg', html.indexOf('<h2>Timeline</h2>'))
  return elementsOf(html.slice(from, html.indexOf('</svg>', from) + 6))
}

describe('the drawing of a drill', () => {
  for (const name of ['usual', 'hostile'] as const) {
    test(`of the ${name} report draws nothing outside its frame, and no number upon another`, () => {
      const drawing = drawingOf(ALL[name])
      const [, , wide, high] = drawing.at(-1)!.attributes.viewBox!.split(' ').map(Number)
      const rects = drawing.filter((element) => element.name === 'rect')
      assert.ok(rects.length > 50)
      for (const { attributes } of rects) {
        const [x, y, width, height] = numbers(attributes, 'x', 'y', 'width', 'height')
        const isInside =
          x! >= 0 &&
          y! >= 0 &&
          width! >= 0 &&
          height! > 0 &&
          x! + width! <= wide! &&
          y! + height! <= high!
        assert.ok(isInside, JSON.stringify(attributes))
      }
      const pills = rects.filter(({ attributes }) => attributes.class === 'pill')
      assert.ok(pills.length > 0)
      let end = 0
      for (const { attributes } of pills) {
        const [x, width] = numbers(attributes, 'x', 'width')
        assert.ok(x! > end, `${x} after ${end}`)
        end = x! + width!
      }
    })
  }

  test('takes a thousand buckets together, and loses no call', () => {
    const report = hostileReport()
    const told = drawingOf(report).filter(({ attributes }) => attributes.class === 'told')
    assert.ok(told.length <= 360 && told.length > 200, `${told.length}`)
    const titles = drawingOf(report).filter(
      ({ name, text }) => name === 'title' && / calls?, /.test(text),
    )
    const drawn = titles.reduce(
      (sum, { text }) => sum + Number(/: ([\d,]+) calls?,/.exec(text)![1]!.replaceAll(',', '')),
      0,
    )
    assert.equal(
      drawn,
      report.buckets.reduce((sum, { made }) => sum + made, 0),
    )
  })

  test('breaks a curve where nobody called', () => {
    const usual = usualReport()
    const nothing = { made: 0, ok: 0, executed: 0, notExecuted: 0, unknown: 0, local: 0 }
    const buckets = usual.buckets.map((bucket, i) =>
      i < 60 || i >= 70
        ? bucket
        : { atMs: bucket.atMs, ...nothing, p50: undefined, p99: undefined },
    )
    for (const [report, pieces] of [
      [usual, 1],
      [{ ...usual, buckets }, 2],
    ] as const) {
      for (const line of ['line-ok', 'line-p50', 'line-p99']) {
        const path = drawingOf(report).find(
          ({ name, attributes }) =>
            name === 'path' && attributes.class === line && attributes.d!.length > 50,
        )
        assert.equal(path?.attributes.d?.match(/M/g)?.length, pieces, line)
      }
    }
  })

  test('has a row for each queue, with its owners, and leaves a gap where there was none', () => {
    const titles = drawingOf(usualReport())
      .filter(({ name }) => name === 'title')
      .map(({ text }) => text)
    const rows = titles.filter((text) => text.startsWith('broker sz-1 queue 0: '))
    assert.deepEqual(rows, [
      'broker sz-1 queue 0: owner sz-1, writable, epoch 3, 0.00 s to 3.05 s',
      'broker sz-1 queue 0: owner sz-1, assigning, epoch 1, 8.00 s to 8.40 s',
      'broker sz-1 queue 0: owner sz-1, writable, epoch 2, 8.40 s to 14.00 s',
    ])
    const queues = new Set(titles.flatMap((text) => /^broker \S+ queue \d+/.exec(text)?.[0] ?? []))
    assert.equal(queues.size, 12)
  })

  test('joins marks that are too close, and shades for how long an act lasted', () => {
    const drawing = drawingOf(usualReport())
    const pills = drawing
      .filter(({ attributes }) => attributes.class === 'pill-text')
      .map(({ text }) => text)
    assert.deepEqual(pills, ['1', '2', '3–4', '5'])
    assert.equal(drawing.filter(({ attributes }) => attributes.class === 'lasting').length, 1)
    assert.match(htmlOf(usualReport()), /freeze broker sh-2 for 500 ms \(until 5\.50 s\)/)
  })
})
