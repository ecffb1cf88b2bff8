/** Takes pictures of every view, light and dark, into a folder: `node dist/test/support/dashboard-screens.js FOLDER`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import type { Trace } from '../../broker/admin/api.ts'
import { busyCluster, hurt } from './dashboard-cluster.ts'
import { DashboardHost } from './dashboard-host.ts'
import { usualReport } from './sample-report.ts'
import { smallPng } from './small-png.ts'

/** The usual one, so that the commands are as short as they are for most. */
const ADMIN_PORT = 7_480
const QUIET_S = 75
const SICK_S = 40
/** The slider goes back so far. */
const PAST_MS = 20_000

const trace = (at: number): Trace => {
  const id = 'kX2v9QpL.48211'
  const event = (
    ms: number,
    role: 'requester' | 'broker' | 'responder',
    nodeName: string,
    what: Trace['events'][number]['what'],
    attempt: number,
    more: Partial<Trace['events'][number]> = {},
  ): Trace['events'][number] => ({
    ...{ at: at + ms, role, node: nodeName, nodeName, what, attempt, topic: 'payment.charge' },
    ...more,
  })
  return {
    ...{ correlationId: id, isKnown: true, asOf: at },
    events: [
      event(0, 'requester', 'web-bank', 'accepted', 1),
      event(0.2, 'requester', 'web-bank', 'sent', 1, { queue: 801, instance: 'payment~sz1' }),
      event(0.9, 'broker', 'sz-1', 'queued', 1, { queue: 801 }),
      event(41.6, 'broker', 'sz-1', 'refused', 1, { queue: 801, reason: 'overloaded' }),
      event(42.3, 'requester', 'web-bank', 'sent', 2, { queue: 802, instance: 'payment~sz2' }),
      event(42.9, 'broker', 'sz-2', 'queued', 2, { queue: 802 }),
      event(43.1, 'broker', 'sz-2', 'dispatched', 2, { queue: 802, instance: 'payment~sz2' }),
      event(43.6, 'responder', 'payment-sz-2', 'received', 2),
      event(44, 'responder', 'payment-sz-2', 'started', 2),
      event(842.3, 'requester', 'web-bank', 'settled', 2, { reason: 'deadline_exceeded' }),
      event(1_260, 'responder', 'payment-sz-2', 'finished', 2),
      event(1_261, 'responder', 'payment-sz-2', 'replied', 2),
      event(1_262, 'requester', 'web-bank', 'late', 2, { instance: 'payment~sz2' }),
    ],
    silent: [{ node: 'sh-2', why: 'no answer within 1000 ms' }],
  }
}

const tell = (host: DashboardHost): void => {
  host.happen({
    text: 'sz-2 assigned queue 301 of fraud.score to fraud-sz-2',
    kind: 'queue_assigned',
  })
  host.happen({
    ...{ text: 'web-bank: the circuit of payment.charge opened', kind: 'circuit', level: 'warn' },
    ...{ topic: 'payment.charge', source: 'client', node: 'web-bank web-bank~1' },
  })
  host.happen({
    text: 'the link to sh-2 went down: silent for 1 s',
    kind: 'link_down',
    level: 'warn',
  })
  host.happen({
    ...{ text: 'lin forced the circuits of fx.quote closed for 10 min', kind: 'force' },
    ...{ source: 'operator', node: 'lin', level: 'warn', topic: 'fx.quote' },
    audit: {
      ...{ at: host.cluster.at, who: 'lin', action: 'force', target: 'circuit of fx.quote' },
      ...{ reason: 'quotes are slow but right', before: { to: 'auto' }, after: { to: 'closed' } },
      ...{ outcome: 'done', error: null },
    },
  })
  host.happen({
    ...{ text: 'queue 901 of statement.render is at 78 % of its watermark', kind: 'queue_full' },
    ...{ topic: 'statement.render', level: 'warn' },
  })
}

const live = async (page: Page, host: DashboardHost, seconds: number): Promise<void> => {
  for (let i = 0; i < seconds; i++) {
    const before = host.snapshots
    await page.clock.runFor(1_000)
    while (host.snapshots === before) await page.waitForTimeout(5)
  }
  await page.waitForTimeout(300)
}

const pictures = async (folder: string, scheme: 'light' | 'dark'): Promise<void> => {
  const host = await new DashboardHost(busyCluster()).open(ADMIN_PORT)
  host.tried = {
    error: {
      ...{ code: 'deadline_exceeded', outcome: 'unknown' },
      message: 'no reply to payment.charge within 800 ms',
    },
    ...{ correlationId: 'kX2v9QpL.48211', tookMs: 801.4 },
  }
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu'],
  })
  const page = await browser.newPage({
    viewport: { width: 1_280, height: 800 },
    colorScheme: scheme,
  })
  const shoot = async (name: string): Promise<void> => {
    writeFileSync(join(folder, `${name}-${scheme}.png`), smallPng(await page.screenshot()))
  }
  await page.clock.install({ time: host.cluster.at })
  await page.goto(host.url)
  await live(page, host, 3)
  await shoot('well')
  await live(page, host, QUIET_S)
  hurt(host.cluster)
  tell(host)
  host.traces.set('kX2v9QpL.48211', trace(host.cluster.at))
  await live(page, host, SICK_S)
  await shoot('circuits')
  await page.locator('.tile.is-sick').first().click()
  await live(page, host, 1)
  await shoot('details')
  await page.getByRole('button', { name: 'Force open', exact: true }).first().click()
  await page.locator('#reason').fill('responders hang since 03:14, incident 4711')
  await page.locator('#operator').fill('lin')
  await shoot('force')
  await page.keyboard.press('Escape')
  await page.goto(`${host.url}#/idcs`)
  await live(page, host, 1)
  await shoot('idcs')
  await page.goto(`${host.url}#/queues/statement.render`)
  await live(page, host, 1)
  await shoot('queues')
  await page.getByRole('button', { name: 'Brokers', exact: true }).click()
  await shoot('brokers')
  await page.getByRole('button', { name: 'Clients', exact: true }).click()
  await live(page, host, 2)
  await shoot('clients')
  await page.goto(`${host.url}#/timeline`)
  await live(page, host, 1)
  await page.locator('input[type=range]').fill(String(host.cluster.at - PAST_MS))
  await page.locator('.entry details summary').first().click()
  await shoot('timeline')
  await page.getByRole('button', { name: 'Drill recording' }).click()
  await page.locator('#recording').setInputFiles({
    ...{ name: 'report.json', mimeType: 'application/json' },
    buffer: Buffer.from(JSON.stringify(usualReport())),
  })
  await page.locator('input[type=range]').fill('7600')
  await live(page, host, 1)
  await shoot('drill')
  await page.goto(`${host.url}#/trace/kX2v9QpL.48211`)
  await live(page, host, 1)
  await shoot('trace')
  await page.goto(`${host.url}#/try`)
  await page.locator('#filter').fill('payment.charge')
  await page.locator('#body').fill('{ "from": "7", "to": "8", "amount": "12.00" }')
  await page.getByRole('button', { name: 'Send' }).click()
  await live(page, host, 1)
  await shoot('try')
  await page.setViewportSize({ width: 390, height: 800 })
  await page.goto(`${host.url}#/circuits`)
  await live(page, host, 1)
  await shoot('phone')
  host.isMute = true
  await page.setViewportSize({ width: 1_280, height: 800 })
  await page.clock.runFor(9_000)
  await page.waitForTimeout(300)
  await shoot('lost')
  await browser.close()
  await host.close()
}

const folder = process.argv[2]
if (folder === undefined) throw new Error('say into which folder')
mkdirSync(folder, { recursive: true })
for (const scheme of ['light', 'dark'] as const) await pictures(folder, scheme)
