/** A drill's report: Markdown, JSON and the last lines in the terminal say the same, and nothing more. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { htmlOf, jsonOf, markdownOf, verdictText } from '../scenarios/drills/render/index.ts'
import type { DrillReport, Figure } from '../scenarios/drills/report.ts'
import { emptyReport, hostileReport, usualReport } from './support/sample-report.ts'

const ALL = { usual: usualReport(), empty: emptyReport(), hostile: hostileReport() }
const FORMS = { markdownOf, jsonOf, htmlOf, verdictText }

/** What a reader sees of an element. */
const shown = (xml: string): string =>
  xml
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

const htmlRows = (html: string): string[][] => {
  const table = html.slice(
    html.indexOf('<h2>Figures and bounds</h2>'),
    html.indexOf('<h2>Steps</h2>'),
  )
  return [...table.matchAll(/<tr[^>]*>(.*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => shown(cell!)),
  )
}
const markdownRows = (markdown: string): string[][] => {
  const table = markdown.slice(
    markdown.indexOf('## Figures and bounds'),
    markdown.indexOf('## Steps'),
  )
  return table
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => shown(cell.replaceAll('\\', '').trim())),
    )
}

describe('what a report says', () => {
  test('the three formats have the same figures, bounds and results', () => {
    const report = usualReport()
    const html = htmlOf(report)
    const rows = htmlRows(html)
    assert.deepEqual(markdownRows(markdownOf(report)), rows)
    const json = JSON.parse(jsonOf(report)) as DrillReport & { format: string }
    const bounded = json.steps.flatMap(({ figures }) => figures).filter(({ most }) => most !== null)
    const figures: Figure[] = [...json.figures, ...bounded]
    const measured = [...html.matchAll(/<td class="num"><data value="([^"]*)">/g)].map(
      ([, value]) => Number(value),
    )
    assert.deepEqual(
      measured.slice(0, figures.length),
      figures.map(({ value }) => value),
    )
    assert.equal(rows.length, figures.length + 1)
    assert.ok(rows.every((row) => row.length === 6))
  })

  test('a missed bound is told with what it was, what it might be, and by how much', () => {
    const report = usualReport()
    for (const form of [markdownOf, verdictText, htmlOf]) {
      const text = shown(form(report))
      assert.match(text, /1 of 8 bounds missed/)
      assert.match(text, /sz is dead: recovery was 1,121\.5 ms, and at most 1,000 ms was allowed/)
      assert.match(text, /missed by 121\.5 ms/)
    }
  })

  test('a bound that is missed by next to nothing is not told as if it were reached', () => {
    const figure = {
      name: 'recovery',
      value: 1_000.001,
      unit: 'ms',
      most: 1_000,
      note: '',
    } as const
    const text = verdictText({ ...usualReport(), steps: [], figures: [figure] })
    assert.match(text, /missed by < 0\.01 ms/)
    const share = { ...figure, unit: '%', value: 99.999, most: 99 } as const
    assert.match(
      verdictText({ ...usualReport(), steps: [], figures: [share] }),
      /was > 99\.99 %.*missed by 1 points/,
    )
  })

  test('a value that is none is a missed bound, not a reached one', () => {
    const figure = { name: 'p99', value: Number.NaN, unit: 'ms', most: 10, note: '' } as const
    const report = { ...usualReport(), steps: [], figures: [figure] }
    assert.match(
      verdictText(report),
      /p99 was –, and at most 10 ms was allowed: missed: there is no value/,
    )
    assert.doesNotMatch(htmlOf(report), /NaN/)
  })

  test('calls that ran twice, misled callers and what was left behind come up in words', () => {
    const usual = usualReport()
    const figures = usual.figures.map((figure) =>
      figure.name === 'executed twice'
        ? { ...figure, value: 1 }
        : figure.name === 'misled'
          ? { ...figure, value: 2 }
          : figure,
    )
    const report: DrillReport = { ...usual, figures, leftovers: ['broker sz-1, process 4711'] }
    for (const form of [markdownOf, verdictText, htmlOf]) {
      const text = shown(form(report))
      assert.match(text, /1 call was executed twice, and 2 callers were misled/)
      assert.match(text, /3 of 8 bounds missed and 1 thing could not be brought back to order/)
      assert.match(text, /Left behind: broker sz-1, process 4711\./)
    }
    assert.match(verdictText(emptyReport()), /How often each call was executed was not counted/)
  })

  test('an act that could not be done says why', () => {
    const acts = [{ atMs: 5, text: 'kill idc sz', failure: 'there is no IDC sz' }]
    const report = { ...usualReport(), acts }
    assert.match(
      markdownOf(report),
      /1\. at 0\.01 s: kill idc sz – \*\*failed: there is no IDC sz\*\*/,
    )
    assert.match(shown(htmlOf(report)), /kill idc sz failed: there is no IDC sz/)
  })

  test('who owned what is told for each broker, with moves and the longest gap', () => {
    const markdown = markdownOf(usualReport())
    assert.match(markdown, /\| sh-1 \| sh-1, sh-2, sh-3 \| 2 × sh-1, sh-3 \| 3 \| 1 \| 0\.00 s \|/)
    assert.match(
      markdown,
      /\| sz-1 \| sz-1, sz-2, sz-3 \| sz-1, sz-2, sz-3 \| 3 \| 0 \| 4\.95 s \|/,
    )
  })

  test('JSON keeps every number, says its format, and is the same for the same report', () => {
    const report = usualReport()
    const text = jsonOf(report)
    const json = JSON.parse(text) as Record<string, unknown>
    assert.equal(Object.keys(json)[0], 'format')
    assert.equal(json.format, 'finbus.drill/1')
    const { format: _, ...rest } = json
    const nulled = JSON.parse(
      JSON.stringify(report, (_, value: unknown) => (value === undefined ? null : value)),
    ) as Record<string, unknown>
    assert.deepEqual(rest, nulled)
    const shuffled = Object.fromEntries(Object.entries(report).reverse()) as unknown as DrillReport
    assert.equal(jsonOf(shuffled), text)
  })

  test('the last lines in the terminal say where the report lies', () => {
    assert.match(
      verdictText(usualReport(), 'out'),
      /report: out.idc-failover\.html \(\.md, \.json\)\n$/,
    )
    assert.doesNotMatch(verdictText(usualReport()), /report:/)
  })
})

describe('reports that mean harm', () => {
  for (const [name, report] of Object.entries(ALL)) {
    for (const [form, formOf] of Object.entries(FORMS)) {
      test(`${form} of the ${name} report has no character that cannot be seen, and no NaN`, () => {
        const text = formOf(report)
        // JSON escapes what others must leave out.
        if (form !== 'jsonOf') {
          const found = /[\p{Cs}\u202A-\u202E\u2066-\u2069]|(?!\n)\p{Cc}/u.exec(text)
          assert.equal(found, null)
          assert.doesNotMatch(
            text.replaceAll('undefined behaviour', ''),
            /NaN|undefined|Infinity|\[object/,
          )
        }
        assert.ok(text.endsWith('\n'))
      })
    }
  }

  test('Markdown takes their names for text: no markup, no link, no cell too many', () => {
    const markdown = markdownOf(hostileReport())
    assert.doesNotMatch(markdown, /<[a-z/]/i)
    assert.doesNotMatch(markdown, /(?<!\\)\]\(/)
    for (const row of markdown.split('\n').filter((line) => line.startsWith('| '))) {
      const heads = row.split(/(?<!\\)\|/).length
      assert.ok(heads <= 12, `${heads} cells in ${row.slice(0, 80)}`)
    }
    assert.ok(markdown.length < 1_000_000, `${markdown.length} characters`)
    assert.match(markdown, /and 2350 more, which are in the JSON/)
  })
})
