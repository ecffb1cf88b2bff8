/** The example as people run it: an accounts service that may be killed, and `npm start`. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBroker } from '../broker/index.ts'
import { type Bus, BusError, connect, ServiceError } from '../rr-client/index.ts'
import type { AccountsContracts } from '../scenarios/examples/contracts.ts'
import type { TransferOrder } from '../scenarios/examples/ledger.ts'
import { SAMPLE_ACCOUNTS } from '../scenarios/examples/sample-accounts.ts'
import { creditTransferFile } from '../scenarios/examples/sample-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'finbus-examples-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (): string => join(folder, `${++files}.jsonl`)

const SHIPPED = readFileSync(creditTransferFile())
const [ANNA, NOORD] = SAMPLE_ACCOUNTS.map(({ account }) => account) as [string, string]
const order = (key: string, changes: Partial<TransferOrder> = {}): TransferOrder => ({
  ...{ from: ANNA, to: NOORD, amount: '10.00', currency: 'EUR', key },
  ...changes,
})

const script = (name: string): string =>
  fileURLToPath(new URL(`../scenarios/${name}`, import.meta.url))
/** What a failed test leaves running must not outlive it. */
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})
const started = (child: ChildProcess): ChildProcess => {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

const launch = (url: string, journal: string): ChildProcess => {
  const args = ['--url', url, '--journal', journal]
  const stdio: ('ignore' | 'pipe' | 'ipc')[] = ['ignore', 'ignore', 'pipe', 'ipc']
  return started(fork(script('examples/accounts-service.js'), args, { stdio }))
}
const ready = async (child: ChildProcess): Promise<ChildProcess> => {
  const died = once(child, 'exit').then(([code]) => [{ kind: 'died', code }])
  const [news] = await Promise.race([once(child, 'message'), died])
  assert.equal(news.kind, 'ready', JSON.stringify(news))
  return child
}
const ended = async (child: ChildProcess): Promise<unknown> => {
  const [code, signal] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
  return signal ?? code
}
const newCaller = (url: string): Promise<Bus<AccountsContracts>> => connect(url, { name: 'caller' })

describe('the accounts service, a process of its own', () => {
  test('pays once, however often a caller restarts, asks again, or kills the service', async () => {
    await using broker = await startBroker({ listen: 'ws://127.0.0.1:0', warmUpMs: 0 })
    const journal = newFile()
    const service = await ready(launch(broker.url, journal))

    const first = await newCaller(broker.url)
    const receipt = await first.request('account.transfer', order('rent'))
    assert.deepEqual([receipt.balance, receipt.repeated], ['12490.00', false])
    await first.close()

    await using caller = await newCaller(broker.url)
    const again = await caller.request('account.transfer', order('rent'))
    assert.deepEqual(again, { ...receipt, repeated: true })
    const report = await caller.request('payments.transfer', SHIPPED)
    assert.match(Buffer.from(report).toString(), /<GrpSts>ACSC<\/GrpSts>/)

    service.kill('SIGKILL')
    assert.equal(await ended(service), 'SIGKILL')
    const next = await ready(launch(broker.url, journal))
    const patient = { waitForResponder: true, timeoutMs: 5_000 }
    const after = await caller.request('account.transfer', order('rent'), patient)
    assert.deepEqual(after, { ...receipt, repeated: true })
    const reportAfter = await caller.request('payments.transfer', SHIPPED, patient)
    assert.equal(
      Buffer.from(reportAfter)
        .toString()
        .match(/not paid again/g)?.length,
      2,
    )
    const { balance } = await caller.request('account.balance', { account: ANNA }, patient)
    assert.equal(balance, '12160.05')

    next.kill('SIGTERM')
    assert.equal(await ended(next), 0)
  })

  test('answers a wrong order by name, and says whether anything was executed', async () => {
    await using broker = await startBroker({ listen: 'ws://127.0.0.1:0', warmUpMs: 0 })
    const service = await ready(launch(broker.url, newFile()))
    await using bus = await connect(broker.url)
    const fails = async (topic: string, body: unknown): Promise<BusError | ServiceError> => {
      const error: unknown = await bus.request(topic, body).catch((reason: unknown) => reason)
      assert.ok(BusError.is(error) || ServiceError.is(error), String(error))
      return error
    }
    const broke = await fails('account.transfer', order('broke', { amount: '12500.01' }))
    assert.deepEqual([broke.code, broke.outcome], ['INSUFFICIENT_FUNDS', 'executed'])
    assert.equal(broke.details.balance, '12500.00')
    assert.equal((await fails('account.balance', { account: 'X' })).code, 'UNKNOWN_ACCOUNT')
    assert.equal((await fails('payments.transfer', Buffer.from('<a/>'))).code, 'INVALID_MESSAGE')
    const mistyped: [string, unknown, RegExp][] = [
      ['account.transfer', { ...order('n'), amount: 10 }, /amount/],
      ['account.transfer', { ...order('n'), currency: 'eur' }, /currency/],
      ['account.transfer', { ...order('n'), note: 'hi' }, /note/],
      ['account.balance', 'DE09', /./],
      ['payments.transfer', { xml: SHIPPED.toString() }, /bytes of a pacs\.008/],
    ]
    for (const [topic, body, says] of mistyped) {
      const { code, outcome, message } = await fails(topic, body)
      assert.deepEqual([code, outcome], ['invalid_argument', 'not_executed'])
      assert.match(message, says)
    }
    const { accounts } = await bus.request('account.list', undefined)
    assert.equal(accounts.length, SAMPLE_ACCOUNTS.length)
    service.kill('SIGTERM')
    assert.equal(await ended(service), 0)
  })

  test('a second one on the same journal says so and ends', async () => {
    await using broker = await startBroker({ listen: 'ws://127.0.0.1:0', warmUpMs: 0 })
    const journal = newFile()
    const service = await ready(launch(broker.url, journal))
    const second = launch(broker.url, journal)
    const [[news], code] = await Promise.all([once(second, 'message'), ended(second)])
    assert.match(news.why, new RegExp(`in use by process ${service.pid}`))
    assert.equal(code, 1)
    service.kill('SIGTERM')
    assert.equal(await ended(service), 0)
  })
})

/** `npm start`, and a way to wait for what it prints. */
class Dev {
  readonly child: ChildProcess
  readonly lines: string[] = []
  #onLine = (): void => {}

  constructor(...args: string[]) {
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe']
    this.child = started(spawn(process.execPath, [script('dev/main.js'), ...args], { stdio }))
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        this.#onLine()
      })
    }
    this.child.once('close', () => this.#onLine())
  }

  async says(what: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => what.test(line))
      if (found !== undefined) return found
      const isOver = this.child.exitCode !== null || this.child.signalCode !== null
      assert.ok(!isOver, `it never said ${what}:\n${this.lines.join('\n')}`)
      await new Promise<void>((resolve) => {
        this.#onLine = resolve
      })
    }
  }
}

describe('npm start', () => {
  test('with --once makes its calls, prints them and ends well', async () => {
    const dev = new Dev('--once', '--port', '0')
    const [code] = await once(dev.child, 'close')
    const text = dev.lines.join('\n')
    assert.equal(code, 0, text)
    for (const line of [
      /account\.balance +of Anna Becker +[\d.]+ ms +12500\.00 EUR/,
      /account\.transfer +40\.00 EUR to Noord Koffie BV +[\d.]+ ms +paid: entry 1, 12460\.00 EUR left/,
      /account\.transfer +the same again, same key +[\d.]+ ms +not paid twice: entry 1/,
      /account\.transfer +1000000\.00 EUR +[\d.]+ ms +INSUFFICIENT_FUNDS, outcome executed/,
      /nobody\.answers +anything +[\d.]+ ms +no_responder, outcome not_executed/,
    ]) {
      assert.match(text, line)
    }
  })

  test('stays up, starts a killed service again, and ends cleanly on Ctrl-C', async () => {
    const dev = new Dev('--port', '0')
    const [, url = ''] = /(ws:\S+)/.exec(await dev.says(/broker +ws:/)) ?? []
    await dev.says(/dashboard +http:\/\/127\.0\.0\.1:\d+/)
    await dev.says(/npx finbus top --admin http/)
    await dev.says(/about 5 times a second/)
    const typed = await dev.says(/npx finbus request account\.balance '\{"account":"DE/)
    assert.ok(typed.endsWith(` --url ${url}`), typed)
    await dev.says(/npx finbus request payments\.transfer @.*credit-transfer\.xml --url/)
    await dev.says(/Ctrl-C/)
    const [, pid] = /pid (\d+)/.exec(await dev.says(/accounts service +in its own/)) ?? []
    process.kill(Number(pid), 'SIGKILL')
    await dev.says(/died: SIGKILL/)
    await dev.says(/is back, pid \d+/)
    await using bus = await newCaller(url)
    const { balance } = await bus.request('account.balance', { account: ANNA })
    assert.equal(balance, '12460.00')
    dev.child.kill('SIGINT')
    const [code] = await once(dev.child, 'close')
    assert.equal(code, 0, dev.lines.join('\n'))
  })

  test('a port that was asked for and is taken is one sentence and exit 1', async () => {
    await using broker = await startBroker({ listen: 'ws://127.0.0.1:0' })
    const dev = new Dev('--port', new URL(broker.url).port)
    const [code] = await once(dev.child, 'close')
    assert.equal(code, 1)
    assert.equal(dev.lines.length, 1, dev.lines.join('\n'))
    assert.match(dev.lines.join(), /taken/)
  })
})
