/** The dashboard in a browser: each view shows what the cluster is like, by mouse, keyboard and thumb. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { onPage } from './support/dashboard-browser.ts'
import { busyCluster, hurt } from './support/dashboard-cluster.ts'
import { usualReport } from './support/sample-report.ts'

test('the page weighs at most 100 KB, graphs and all, and asks for nothing from elsewhere', () => {
  const folder = fileURLToPath(new URL('../broker/dashboard/', import.meta.url))
  const assets = readdirSync(join(folder, 'assets')).map((name) =>
    readFileSync(join(folder, 'assets', name)),
  )
  const bytes = assets.reduce((sum, asset) => sum + gzipSync(asset).length, 0)
  assert.ok(bytes <= 100_000, `${bytes} bytes`)
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  assert.doesNotMatch(html, /(?:src|href)="(?!\.\/)|<script(?![^>]*src=)|<style|style="/)
})

describe('the views', { timeout: 400_000 }, () => {
  onPage(
    'the wall shows every circuit and queue, and says that nothing is sick',
    busyCluster,
    async ({ page, until, text }) => {
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      assert.match(await text('.all-well'), /Nothing is sick/)
      assert.match(await text('.toolbar'), /Circuits 40.*Queues 120/s)
      await until('rates', "/[0-9]\\/s/.test(document.querySelector('.status').innerText)")
      await page.locator('#filter').fill('ledger web-bank')
      await until('one tile', "document.querySelectorAll('.tile').length === 1")
      await page.locator('.tile').click()
      await until('details', "document.querySelector('.details h2')?.innerText === 'ledger.post'")
      assert.match(await text('.details'), /service_error\s+executed/)
      await until('a graph', "document.querySelectorAll('.details canvas').length === 2")
      await page.keyboard.press('Escape')
      await until('no details', "document.querySelector('.details') === null")
    },
  )

  onPage(
    'a tripped circuit is shown from the first snapshot that has it, in words and shape',
    busyCluster,
    async ({ host, page, until, text }) => {
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      hurt(host.cluster)
      const before = host.snapshots
      await page.locator('.trouble.is-sick').waitFor()
      // The next snapshot has it; the one after may have been asked for while the page was looked at.
      assert.ok(host.snapshots <= before + 2, `${host.snapshots - before} snapshots later`)
      assert.match(await text('.troubles'), /payment\.charge/)
      assert.match(await text('.tile.is-sick'), /payment\.charge[\s\S]*open/)
      await until(
        'a square',
        "document.querySelector('.tile.is-sick .glyph-line.shape-square') !== null",
      )
    },
  )

  onPage(
    'an event about a circuit does not wait for the next second',
    busyCluster,
    async ({ host, until }) => {
      await until(
        'events',
        "document.querySelector('.status .totals') !== null && !document.querySelector('.status').innerText.includes('no events')",
      )
      const before = host.snapshots
      for (let i = 0; i < 3; i++)
        host.happen({ text: 'circuit opened', kind: 'circuit', level: 'warn' })
      const since = performance.now()
      while (host.snapshots === before) {
        assert.ok(performance.now() - since < 5_000, 'no snapshot was asked for')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  )

  onPage(
    'the map has boxes, arrows, the share that stays at home, and what is silent',
    busyCluster,
    async ({ host, page, until, text }) => {
      hurt(host.cluster)
      await page.keyboard.press('2')
      await until('boxes', "document.querySelectorAll('.idc').length === 2")
      await until('a share', "/9[0-9] % local/.test(document.querySelector('.map').innerText)")
      assert.match(await text('[aria-label="IDC sh"]'), /silent/)
      await until('arrows', "document.querySelectorAll('.arrow-calls').length === 2")
    },
    { prepare: () => {} },
  )

  onPage(
    'topics open to queues with depth, owner and epoch; brokers and clients stand beside',
    busyCluster,
    async ({ host, page, until, text }) => {
      hurt(host.cluster)
      host.cluster.lonely.add('notify.sms')
      await page.keyboard.press('3')
      await until('topics', "document.querySelectorAll('.tree-topic').length === 10")
      await until(
        'no consumer',
        "/notify.sms[^]*no consumer/.test(document.querySelector('.tree').innerText)",
      )
      await page.getByRole('button', { name: /statement\.render/ }).click()
      await until('queues', "document.querySelectorAll('[data-queue]').length === 12")
      assert.match(await text('[data-queue]'), /#901[\s\S]*statement-s[hz]-1[\s\S]*epoch 3/)
      await until('a grey queue', "document.querySelector('.tree-row.is-grey') !== null")
      await page.getByRole('button', { name: 'Brokers', exact: true }).click()
      await until(
        'a silent broker',
        "/silent for [0-9]+/.test(document.querySelector('tr.is-grey')?.innerText)",
      )
      await page.getByRole('button', { name: 'Clients', exact: true }).click()
      await until('addresses', "document.querySelector('.clients').innerText.includes('10.0.0.1')")
      await until(
        'a lost client',
        "/lost 12 s/.test(document.querySelector('.clients .is-grey')?.innerText)",
      )
    },
  )

  onPage(
    'the timeline tells entries, who changed what, and how it was before',
    busyCluster,
    async ({ host, page, until, text }) => {
      await page.keyboard.press('4')
      await until(
        'a slider',
        "document.querySelector('.past input')?.max - document.querySelector('.past input')?.min > 3000",
      )
      hurt(host.cluster)
      host.happen({ text: 'quiet talk', level: 'debug' })
      host.happen({
        ...{ text: 'lin forced it', source: 'operator', node: 'lin', level: 'warn' },
        audit: {
          ...{
            at: host.cluster.at,
            who: 'lin',
            action: 'force',
            target: 'fx.quote',
            reason: 'slow',
          },
          ...{ before: 'auto', after: 'closed', outcome: 'done', error: null },
        },
      })
      await until(
        'the entry',
        "document.querySelector('.entries')?.innerText.includes('lin forced it')",
      )
      assert.doesNotMatch(await text('.entries'), /quiet talk/)
      await page.locator('.entry summary').click()
      assert.match(await text('.entry'), /before\s+auto\s+after\s+closed/)
      await until(
        'sick now',
        "document.querySelector('.then').innerText.includes('payment.charge')",
      )
      const first = await page.locator('.past input').getAttribute('min')
      await page.locator('.past input').fill(first!)
      await until('well then', "document.querySelector('.then').innerText.includes('nothing')")
      assert.match(await text('.past'), /as it was at/)
      await page.getByRole('button', { name: 'Back to now' }).click()
      await until(
        'sick again',
        "document.querySelector('.then').innerText.includes('payment.charge')",
      )
    },
  )

  onPage(
    'the recording of a drill is played, and a file that is none is refused',
    busyCluster,
    async ({ page, until, text }) => {
      await page.keyboard.press('4')
      await page.getByRole('button', { name: 'Drill recording' }).click()
      const give = (name: string, content: string): Promise<void> =>
        page
          .locator('#recording')
          .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(content) })
      await give('no.json', '{"drill": 7}')
      await until(
        'a refusal',
        "document.querySelector('[role=alert]')?.innerText.includes('\"drill\" should be a text')",
      )
      await give('yes.json', JSON.stringify(usualReport()))
      await until('graphs', "document.querySelectorAll('.drill canvas').length === 2")
      assert.match(await text('.acts'), /kill idc sz/)
      await page.getByLabel('Instant of the drill').fill('3100')
      await until(
        'the moment',
        "/step\\s+sz is dead/.test(document.querySelector('.drill .totals').innerText)",
      )
      await page.getByRole('button', { name: '16×' }).click()
      await page.getByRole('button', { name: 'Play' }).click()
      await until('its end', "document.querySelector('.player output').innerText === '14.0 s'")
      await until('it stops', "document.querySelector('.player button').innerText === 'Play'")
    },
  )

  onPage(
    'the inspector tells the life of a call, who is silent, and what nobody knows',
    busyCluster,
    async ({ host, page, until, text }) => {
      host.traces.set('a.1', {
        ...{
          correlationId: 'a.1',
          isKnown: true,
          asOf: 2_000,
          silent: [{ node: 'sh-2', why: 'no answer' }],
        },
        events: (['accepted', 'queued', 'expired'] as const).map((what, i) => ({
          ...{ at: 1_000 + i, role: 'broker', node: 'sz-1', nodeName: 'sz-1', what, attempt: 1 },
          ...{ queue: 801, reason: what === 'expired' ? 'waited too long' : 'none' },
        })),
      })
      await page.keyboard.press('5')
      await page.locator('#filter').fill('a.1')
      await page.keyboard.press('Enter')
      await until('events', "document.querySelectorAll('.trace li').length === 3")
      assert.match(await text('.trace'), /expired – waited too long/)
      assert.match(await text('.silent'), /sh-2.*did not answer/)
      await page.locator('#filter').fill('nobody.7')
      await page.keyboard.press('Enter')
      await until(
        'a clear word',
        "document.querySelector('.result')?.innerText.includes('Nobody knows this call')",
      )
    },
  )

  onPage(
    'a phone has all of it, and nothing sticks out',
    busyCluster,
    async ({ host, page, until }) => {
      hurt(host.cluster)
      for (const view of ['circuits', 'idcs', 'queues', 'timeline', 'trace']) {
        await page.goto(`${host.url}#/${view}`)
        await until(
          view,
          `document.querySelector('.tabs [aria-current]').getAttribute('href') === '#/${view}' && document.querySelector('.view') !== null`,
        )
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        assert.ok(wide <= 390, `${view} is ${wide} wide`)
        const inner = await page.evaluate<number>(
          "document.querySelector('.scroller').scrollWidth - document.querySelector('.scroller').clientWidth",
        )
        assert.ok(inner <= 0, `${view} sticks out by ${inner}`)
      }
    },
    { viewport: { width: 390, height: 780 } },
  )

  onPage('keys lead everywhere; the theme is kept', busyCluster, async ({ page, until }) => {
    await until('tiles', "document.querySelectorAll('.tile').length > 8")
    await page.keyboard.press('/')
    await until('the filter', "document.activeElement.id === 'filter'")
    await page.keyboard.type('1')
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    await until('help', "document.querySelector('dialog[open]') !== null")
    await page.keyboard.press('Escape')
    await until('no help', "document.querySelector('dialog') === null")
    await page.locator('.status button').first().click()
    await page.locator('.status button').first().click()
    await page.reload()
    await until('dark', "document.documentElement.dataset.theme === 'dark'")
    await until(
      'dark ground',
      "getComputedStyle(document.body).backgroundColor === 'rgb(18, 21, 24)'",
    )
  })

  onPage(
    'when the API falls silent the page says so, keeps what it knew, and comes back',
    busyCluster,
    async ({ host, page, until, text }) => {
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      host.isMute = true
      await until(
        'a word',
        "document.querySelector('.contact')?.innerText.includes('does not answer')",
      )
      assert.match(await text('.contact'), /since \d\d:\d\d:\d\d/)
      await until('greyed', "document.querySelector('.app.is-stale .tile') !== null")
      host.isMute = false
      await until(
        'back',
        "document.querySelector('.contact') === null && document.querySelector('.is-stale') === null",
      )
      assert.ok(await page.locator('.tile').count())
    },
    { mayFail: /ERR_|Failed to load resource/ },
  )
})
