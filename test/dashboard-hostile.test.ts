/** Texts that mean harm are shown as texts, in every view; many things stay quick. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { longestTaskMs, onPage } from './support/dashboard-browser.ts'
import { HARM, hostileCluster, largeCluster } from './support/dashboard-cluster.ts'
import { hostileReport } from './support/sample-report.ts'

const INJECTED =
  'document.querySelectorAll(\'#page img, #page script, #page style, #page iframe, #page a[href^="javascript"], #page [onerror], #page [onload]\').length'

describe('hostile texts', { timeout: 300_000 }, () => {
  onPage(
    'do nothing in any view, and can be read',
    hostileCluster,
    async ({ host, page, until, text }) => {
      const { cluster } = host
      for (const harm of HARM) {
        host.happen({
          ...{ text: harm, kind: harm, node: harm, topic: harm, idc: harm, level: 'warn' },
          ...{ source: 'operator' },
          audit: {
            ...{ at: cluster.at, who: harm, action: harm, target: harm, reason: harm },
            ...{ before: { [harm]: harm }, after: harm, outcome: 'refused', error: harm },
          },
        })
        host.traces.set(harm, {
          ...{
            correlationId: harm,
            isKnown: false,
            asOf: 2_000,
            silent: [{ node: harm, why: harm }],
          },
          events: [
            {
              ...{ at: 1, role: 'broker', node: harm, nodeName: harm, what: 'refused', attempt: 1 },
              ...{ topic: harm, instance: harm, reason: harm },
            },
          ],
        })
      }
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      const clean = async (where: string): Promise<void> => {
        assert.equal(await page.evaluate<number>(INJECTED), 0, where)
        const shown = await text('#page')
        assert.ok(
          shown.includes('onerror') || shown.includes('alert('),
          `${where} shows no such text`,
        )
      }
      await clean('the wall')
      await page.locator('.tile').first().click()
      await clean('the details')
      for (const view of ['idcs', `queues/${encodeURIComponent(HARM[0])}`, 'timeline']) {
        await page.goto(`${host.url}#/${view}`)
        await until(view, "document.querySelector('.view') !== null")
        await clean(view)
      }
      await page.locator('.entry summary').first().click()
      await clean('an audit')
      await page.getByRole('button', { name: 'Drill recording' }).click()
      await page.locator('#recording').setInputFiles({
        ...{ name: 'report.json', mimeType: 'application/json' },
        buffer: Buffer.from(
          JSON.stringify({
            ...{ ...hostileReport(), steps: [], figures: [], failures: [], leftovers: [] },
            acts: hostileReport().acts.slice(60),
          }),
        ),
      })
      await until('bands', "document.querySelector('.bands') !== null")
      assert.equal(await page.evaluate<number>(INJECTED), 0, 'a recording')
      for (const harm of HARM) {
        await page.goto(`${host.url}#/trace/${encodeURIComponent(harm)}`)
        await until('a trace', "document.querySelector('.trace') !== null")
        await clean('the inspector')
      }
      assert.equal(await page.evaluate('globalThis.location.protocol'), 'http:')
    },
  )
})

describe('a thousand queues and two hundred circuits', { timeout: 300_000 }, () => {
  onPage(
    'can be scrolled and filtered without a stutter',
    largeCluster,
    async ({ page, until }) => {
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      const tiles = await page.locator('.tile').count()
      assert.ok(tiles < 150, `${tiles} tiles are in the page`)
      const strain = async (): Promise<void> => {
        for (let i = 0; i < 12; i++) await page.mouse.wheel(0, i < 9 ? 2_400 : -7_000)
        for (const text of ['b', 'bu', 'topic-04', '', 'four']) {
          await page.locator('#filter').fill(text)
          await page.evaluate(
            'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
          )
        }
        await page.locator('#filter').fill('')
        await page.waitForTimeout(1_100)
      }
      await page.mouse.move(600, 500)
      // The first time everything is compiled, too; and the collector of garbage comes when it likes.
      const tries: number[] = []
      while (tries.length < 3 && (tries.at(-1) ?? 1_000) > 200) {
        tries.push(await longestTaskMs(page, strain))
      }
      assert.ok(tries.at(-1)! <= 200, `longest tasks: ${tries.join(', ')} ms`)
      await page.keyboard.press('Escape')
      await page.keyboard.press('3')
      await until('topics', "document.querySelectorAll('.tree-row').length > 8")
      await page.locator('#filter').fill('one-')
      const rows = await page.locator('.tree-row').count()
      assert.ok(rows < 100, `${rows} rows are in the page`)
    },
  )
})
