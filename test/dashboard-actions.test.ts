/** What operators do from the page arrives as they meant it, with a reason; what is refused is told. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Page } from 'playwright-core'
import { onPage } from './support/dashboard-browser.ts'
import { busyCluster, hurt } from './support/dashboard-cluster.ts'
import { conflict } from './support/dashboard-host.ts'

const give = async (page: Page, verb: string): Promise<void> => {
  await page.locator('#reason').fill('incident 4711')
  await page.locator('#operator').fill('lin')
  await page.locator('dialog').getByRole('button', { name: verb, exact: true }).click()
}

const MAY_FAIL = /status of (?:401|409)/

describe('actions', { timeout: 400_000 }, () => {
  onPage(
    'forcing a circuit sends what was chosen, and shows who did it and who did not',
    busyCluster,
    async ({ host, page, until, text }) => {
      await page.goto(
        `${host.url}#/circuits/${encodeURIComponent('circuit web-bank payment.charge')}`,
      )
      await page.getByRole('button', { name: 'Force open', exact: true }).click()
      assert.match(
        await text('dialog'),
        /circuit of payment\.charge[\s\S]*every requester[\s\S]*8 circuits/,
      )
      await page.locator('#forMs').selectOption('300000')
      assert.match(
        await text('dialog .command'),
        /finbus force payment\.charge --to open .*--for 5m/,
      )
      await page.locator('dialog .strong').click()
      assert.deepEqual(host.actions, [], 'nothing is done without a reason')
      await give(page, 'Force open')
      await until('a report', "document.querySelector('dialog .is-done') !== null")
      assert.deepEqual(host.actions, [
        {
          ...{ method: 'POST', path: '/v1/circuits/payment.charge/force', operator: 'lin' },
          body: { to: 'open', forMs: 300_000, reason: 'incident 4711' },
        },
      ])
      assert.match(await text('dialog'), /Done at 4 brokers, 8 clients, 8 circuits/)
      assert.match(await text('dialog'), /Not confirmed by 1 node:\s+sh-2/)
      await page.getByRole('button', { name: 'Close', exact: true }).last().click()
      await until('no dialog', "document.querySelector('dialog') === null")
    },
  )

  onPage(
    'another operator’s word is named, and replaced only when that is said',
    busyCluster,
    async ({ host, page, until, text }) => {
      await page.goto(`${host.url}#/circuits/${encodeURIComponent('circuit web-bank fx.quote')}`)
      await page.getByRole('button', { name: 'Force closed', exact: true }).click()
      host.refusal = conflict('mia', host.cluster.at + 60_000)
      await give(page, 'Force closed')
      await until(
        'a conflict',
        "document.querySelector('dialog .is-failed')?.innerText.includes('Another word stands')",
      )
      assert.match(await text('dialog .is-failed'), /By mia, until \d\d:\d\d:\d\d/)
      await page.getByRole('button', { name: 'Replace it' }).click()
      await until('a report', "document.querySelector('dialog .is-done') !== null")
      assert.deepEqual(
        host.actions.map(({ body }) => body.replace),
        [undefined, true],
      )
    },
    { mayFail: MAY_FAIL },
  )

  onPage(
    'isolating an IDC, draining, holding, limits and kicking go to their paths',
    busyCluster,
    async ({ host, page, until }) => {
      const done = async (verb: string): Promise<void> => {
        await give(page, verb)
        await until('a report', "document.querySelector('dialog .is-done') !== null")
        await page.keyboard.press('Escape')
        await until('closed', "document.querySelector('dialog') === null")
      }
      await page.keyboard.press('2')
      await page.locator('[aria-label="IDC sz"]').getByRole('button').click()
      await page.locator('#topic').fill('fx.quote')
      await done('Isolate')
      await page.goto(`${host.url}#/queues/${encodeURIComponent('ledger.post')}`)
      await page.locator('[data-queue]').first().getByRole('button', { name: 'Hold' }).click()
      await done('Hold')
      await page
        .locator('.tree-topic', { hasText: 'ledger.post' })
        .getByRole('button', { name: 'Limits' })
        .click()
      await page.locator('#maxDepthBytes').fill('')
      await page.locator('#maxDepth').fill('500')
      await done('Change')
      await page.getByRole('button', { name: 'Brokers', exact: true }).click()
      await page.getByRole('button', { name: 'Drain' }).first().click()
      await done('Drain')
      await page.getByRole('button', { name: 'Clients', exact: true }).click()
      await page.getByRole('button', { name: 'Kick' }).first().click()
      await done('Kick')
      assert.deepEqual(
        host.actions.map(({ method, path }) => `${method} ${path}`),
        [
          'POST /v1/idcs/sz/isolate',
          'POST /v1/topics/ledger.post/hold',
          'PATCH /v1/topics/ledger.post/limits',
          'POST /v1/brokers/sh-1/drain',
          'POST /v1/sessions/batch-settle~1/kick',
        ],
      )
      const isolation = { topic: 'fx.quote', forMs: 600_000, reason: 'incident 4711' }
      assert.deepEqual(host.actions[0]!.body, isolation)
      assert.deepEqual(host.actions[2]!.body, { maxDepth: 500, reason: 'incident 4711' })
    },
    { prepare: ({ cluster }) => cluster.trickle.clear() },
  )

  onPage(
    'each instance that is held can be released, and more sessions are asked for when wanted',
    busyCluster,
    async ({ host, page, until }) => {
      await page.keyboard.press('3')
      const topic = page.locator('.tree-topic', { hasText: 'fx.quote' })
      await topic.getByRole('button', { name: 'Held …' }).click()
      await until('both', "document.querySelectorAll('[data-held]').length === 2")
      await page.locator('[data-held="rates~2"]').getByRole('button').click()
      await give(page, 'Release')
      await until('a report', "document.querySelector('dialog .is-done') !== null")
      const [{ path, body }] = host.actions as [(typeof host.actions)[number]]
      assert.deepEqual([path, body.instance], ['/v1/topics/fx.quote/release', 'rates~2'])
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Clients', exact: true }).click()
      const shown = "document.querySelector('.clients').innerText.includes('10.0.0.4')"
      await until(
        'the first page',
        "document.querySelector('.clients').innerText.includes('10.0.0.1')",
      )
      assert.equal(await page.evaluate(shown), false)
      await page.getByRole('button', { name: 'more sessions' }).click()
      await until('the second page', shown)
    },
    {
      prepare: (host) => {
        host.sessionsOfPage = 3
        host.cluster.alsoHeld.set('fx.quote', ['rates~1', 'rates~2'])
      },
    },
  )

  onPage(
    'a token is asked for, sent, and kept in this tab only',
    busyCluster,
    async ({ page, until }) => {
      await until(
        'a question',
        "document.querySelector('dialog')?.innerText.includes('A token is needed')",
      )
      await page.locator('#token').fill('wrong')
      await page.keyboard.press('Enter')
      await until(
        'a refusal',
        "document.querySelector('dialog')?.innerText.includes('was refused')",
      )
      await page.locator('#token').fill('right')
      await page.keyboard.press('Enter')
      await until('tiles', "document.querySelectorAll('.tile').length > 8")
      await until(
        'events',
        "document.querySelector('.status .totals') !== null && !document.querySelector('.status').innerText.includes('no events')",
      )
      const kept = await page.evaluate<string>('JSON.stringify(localStorage) + document.cookie')
      assert.equal(kept.includes('right'), false)
    },
    {
      mayFail: MAY_FAIL,
      prepare: (host) => {
        host.token = 'right'
      },
    },
  )

  onPage(
    'trying a call shows the reply, or the error with its outcome, and leads to the inspector',
    busyCluster,
    async ({ host, page, until, text }) => {
      await page.goto(`${host.url}#/try`)
      await page.locator('#filter').fill('account.balance')
      await page.locator('#body').fill('{ broken')
      await page.getByRole('button', { name: 'Send' }).click()
      await until(
        'a word on the body',
        "document.querySelector('[role=alert]')?.innerText.includes('The body is no JSON')",
      )
      await page.locator('#body').fill('{ "account": "7" }')
      await page.getByRole('button', { name: 'Send' }).click()
      await until(
        'an error',
        "document.querySelector('.is-failed')?.innerText.includes('deadline_exceeded · unknown')",
      )
      assert.match(await text('.is-failed'), /Whether it was executed is not known/)
      await page.getByRole('link', { name: 'inspect a.9' }).click()
      await until('the inspector', "location.hash === '#/trace/a.9'")
    },
    {
      mayFail: MAY_FAIL,
      prepare: (host) => {
        const error = { code: 'deadline_exceeded', outcome: 'unknown', message: 'no reply' }
        host.tried = { error, correlationId: 'a.9', tookMs: 800 }
      },
    },
  )

  onPage(
    'where no calls can be made there is no such view',
    busyCluster,
    async ({ host, until, text }) => {
      hurt(host.cluster)
      await until('five views', "document.querySelectorAll('.tabs a').length === 5")
      assert.doesNotMatch(await text('.tabs'), /Try it/)
    },
    {
      prepare: ({ cluster }) => {
        cluster.canTry = false
      },
    },
  )
})
