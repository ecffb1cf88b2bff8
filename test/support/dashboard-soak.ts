/**
 * How much memory the dashboard's page holds after so many minutes before a running cluster:
 * `node dist/test/support/dashboard-soak.js http://127.0.0.1:7480 30` prints a line a minute.
 */
import { chromium } from 'playwright-core'
import { CHROMIUM, CHROMIUM_FLAGS } from './dashboard-browser.ts'

const MINUTE_MS = 60_000
const MIB = 1_048_576
/** Each minute another one, as somebody on call would. */
const VIEWS = ['circuits', 'idcs', 'queues', 'timeline'] as const

const [, , url = 'http://127.0.0.1:7480', minutesText = '30'] = process.argv
const minutes = Number(minutesText)
if (!(minutes > 0)) throw new Error(`minutes must be a number above 0; got "${minutesText}"`)

const row = (...cells: (string | number)[]): void => {
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(10)).join('')}\n`)
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })
try {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } })
  let errors = 0
  page.on('pageerror', () => {
    errors += 1
  })
  await page.goto(url)
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('HeapProfiler.enable')
  const measure = async (minute: number): Promise<void> => {
    await devtools.send('HeapProfiler.collectGarbage')
    const { usedSize, totalSize } = await devtools.send('Runtime.getHeapUsage')
    const { nodes, jsEventListeners } = await devtools.send('Memory.getDOMCounters')
    const calls = await page.locator('.status .totals dd').first().innerText()
    const told = [(usedSize / MIB).toFixed(2), (totalSize / MIB).toFixed(2)]
    row(minute, ...told, nodes, jsEventListeners, errors, calls)
  }
  row('minute', 'used MiB', 'total MiB', 'nodes', 'listeners', 'errors', 'calls')
  await page.locator('.status .totals').waitFor()
  await measure(0)
  for (let minute = 1; minute <= minutes; minute++) {
    await page.waitForTimeout(MINUTE_MS)
    // Measured on the wall, whatever was looked at before.
    await page.goto(`${url}/#/circuits`)
    await page.waitForTimeout(1_500)
    await measure(minute)
    await page.goto(`${url}/#/${VIEWS[minute % VIEWS.length]}`)
  }
} finally {
  await browser.close()
}
