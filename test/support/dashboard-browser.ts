/** A browser for the dashboard's tests: Debian's Chromium, and a page that tells everything that goes wrong in it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { PlayedCluster } from './dashboard-cluster.ts'
import { DashboardHost } from './dashboard-host.ts'

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const CHROMIUM_FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]
const WITHIN_MS = 15_000
const MISSING = `no browser at ${CHROMIUM}: install Debian's chromium, or name one in CHROMIUM`

export interface Stage {
  host: DashboardHost
  page: Page
  /** Violations of the policy, errors, dialogs. */
  trouble: string[]
  /** Looks until it holds; what throws does not hold yet. */
  until: (what: string, script: string) => Promise<void>
  /** Every text that can be seen. */
  text: (selector?: string) => Promise<string>
}

export interface StageOptions extends BrowserContextOptions {
  /** Where in the page it begins, such as `#/idcs`. */
  hash?: string
  /** What must be true of the host before the page is opened. */
  prepare?: (host: DashboardHost) => void
  /** Troubles that the story is about. */
  mayFail?: RegExp
}

/** Undefined where there is none; in CI that is a failure. */
export const launched = async (skip: (why: string) => void): Promise<Browser | undefined> => {
  if (!existsSync(CHROMIUM)) {
    if (process.env.CI !== undefined) assert.fail(MISSING)
    skip(MISSING)
    return undefined
  }
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })
}

/** Notes everything that goes wrong in it: violations of the policy, errors, dialogs. */
export const overheard = async (page: Page, trouble: string[]): Promise<void> => {
  page.setDefaultTimeout(WITHIN_MS)
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(message.text())
  })
  page.on('pageerror', (error) => trouble.push(String(error)))
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))",
  )
}

/** Looks until it holds; what throws does not hold yet. */
export const untilPage = async (
  page: Page,
  what: string,
  script: string,
  withinMs = WITHIN_MS,
): Promise<void> => {
  const since = performance.now()
  const look = `(() => { try { return Boolean(${script}) } catch { return false } })()`
  while (!(await page.evaluate<boolean>(look))) {
    if (performance.now() - since > withinMs)
      assert.fail(`not within ${withinMs / 1_000} s: ${what}`)
    await page.waitForTimeout(10)
  }
}

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  /** Processor time, in microseconds. */
  tdur?: number
  args: { name?: string }
}

/**
 * The longest task of the page's main thread meanwhile, in processor time: on a machine that others
 * use the clock on the wall tells of them, and not of the page.
 */
export const longestTaskMs = async (page: Page, during: () => Promise<void>): Promise<number> => {
  const browser = page.context().browser()!
  await browser.startTracing(page, { categories: ['toplevel'] })
  await during()
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString('utf8')) as {
    traceEvents: TraceEvent[]
  }
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(threadOf),
  )
  const tasks = traceEvents
    .filter((event) => event.ph === 'X' && event.name.endsWith('RunTask'))
    .filter((event) => event.tdur !== undefined && mains.has(threadOf(event)))
  assert.ok(tasks.length > 0, 'the browser tells of no task')
  return Math.round(Math.max(...tasks.map(({ tdur }) => tdur!)) / 1_000)
}

/** One story before one page. Afterwards nothing may be left, and nothing may have gone wrong. */
export const onPage = (
  name: string,
  cluster: () => PlayedCluster,
  story: (stage: Stage) => Promise<void>,
  options: StageOptions = {},
): void => {
  test(name, async (context) => {
    const browser = await launched((why) => context.skip(why))
    if (browser === undefined) return
    const { hash = '', prepare, mayFail, ...rest } = options
    const host = await new DashboardHost(cluster()).open()
    prepare?.(host)
    const trouble: string[] = []
    try {
      const page = await browser.newPage({ viewport: { width: 1_280, height: 800 }, ...rest })
      await overheard(page, trouble)
      await page.goto(`${host.url}${hash}`)
      await story({
        ...{ host, page, trouble },
        until: (what, script) => untilPage(page, what, script),
        text: (selector = 'body') => page.locator(selector).first().innerText(),
      })
      assert.deepEqual(
        trouble.filter((text) => mayFail?.test(text) !== true),
        [],
      )
    } finally {
      await browser.close()
      await host.close()
    }
  })
}
