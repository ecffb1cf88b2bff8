/** Dark launch over real sockets: rules of a broker, calls that follow them, calls made for these. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Broker, DarkLaunchRule } from '../broker/index.ts'
import type { Bus, RequestOptions } from '../rr-client/index.ts'
import {
  AT_ONCE_MS,
  type Ending,
  ending,
  failure,
  flood,
  story,
  tally,
  until,
  type World,
} from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'finbus-rules-'))
after(() => rmSync(folder, { recursive: true }))

const FLAGGED: RequestOptions = { headers: { flag: 'v2' } }
const RULES: DarkLaunchRule[] = [
  { topic: 'transfer', to: 'v2', when: { header: { flag: 'v2' } } },
  { topic: 'transfer', to: 'v2', when: { percent: 10 } },
  { topic: 'ledger.*', to: 'v2', when: { label: 'v2' } },
]

/** A service of two stages; each answer names the instances that the call has passed through. */
const town = async (world: World, target: string | Broker) => {
  const instance = async (name: string, label?: string): Promise<Bus> => {
    const options = { name, group: 'bank', ...(label === undefined ? {} : { label }) }
    const bus = await world.connect(target, options)
    await bus.reply('ledger.post', () => [name])
    await bus.reply('transfer', async (_body, ctx) => [
      name,
      ...((await ctx.request('ledger.post', {})) as string[]),
    ])
    return bus
  }
  const plain = [await instance('a'), await instance('b')]
  const gray = await instance('gray', 'v2')
  const bus = await world.connect(target, { name: 'caller' })
  const call = (options?: RequestOptions): Promise<string[]> => bus.request('transfer', {}, options)
  return { bus, plain, gray, instance, call }
}

const pathsOf = (endings: readonly Ending<string[]>[]): string[][] =>
  endings.map(({ value, error }) => value ?? assert.fail(error))

/** Instances of both stages, and how many calls went that way. */
const ways = (endings: readonly Ending<string[]>[]): string[] =>
  [
    ...new Set(
      pathsOf(endings).map((path) => path.map((n) => (n === 'gray' ? n : 'plain')).join()),
    ),
  ].sort()

story(
  'flag and tenth of the keys reach the gray instance, nothing else does, and what it calls is gray too',
  async (world) => {
    // Strict: on a busy machine no call goes elsewhere because its instance was slow for a moment.
    const rules = RULES.map((rule) => ({ ...rule, otherwise: 'strict' as const }))
    const broker = await world.broker({ rules })
    const { bus, call } = await town(world, broker.url)
    assert.deepEqual(ways(await flood(300, 32, () => call(FLAGGED))), ['gray,gray'])
    assert.deepEqual(ways(await flood(300, 32, () => call())), ['plain,plain'])

    const meant = async (count: number): Promise<number[]> => {
      const endings = await flood(count, 100, (i) => call({ key: `account-${i}` }))
      assert.deepEqual(ways(endings), ['gray,gray', 'plain,plain'])
      return pathsOf(endings).flatMap(([first], i) => (first === 'gray' ? [i] : []))
    }
    const first = await meant(20_000)
    assert.ok(Math.abs(first.length - 2_000) <= 200, `${first.length} of 20,000 keys`)
    const again = first.filter((i) => i < 4_000)
    assert.deepEqual(await meant(4_000), again, 'the same keys again')
    assert.equal(bus.snapshot().counters.launchFallbacks, 0)
    assert.deepEqual(broker.snapshot().rules.version, 1)
  },
  60_000,
)

story(
  'the gray instance goes: its calls fall back, keep their label, and nobody is blamed',
  async (world) => {
    const broker = await world.broker({ rules: RULES })
    const { bus, gray, instance, call } = await town(world, broker.url)
    await call(FLAGGED)
    await gray.close()
    const fallen = await flood(400, 32, (i) => call(i % 2 === 0 ? FLAGGED : {}))
    assert.deepEqual(ways(fallen), ['plain,plain'])
    const { isolations, retries, launchFallbacks } = bus.snapshot().counters
    assert.deepEqual([isolations, retries, launchFallbacks], [0, 0, 200])
    assert.equal(bus.circuit('transfer').closed, true)

    // A gray ledger alone: only what carries the label from the first stage gets there.
    const ledger = await world.connect(broker.url, { name: 'gray', group: 'bank', label: 'v2' })
    await ledger.reply('ledger.post', () => ['gray'])
    await until('the ledger is known', async () => (await call(FLAGGED))[1] === 'gray')
    assert.deepEqual(ways(await flood(200, 32, () => call(FLAGGED))), ['plain,gray'])
    assert.deepEqual(ways(await flood(200, 32, () => call())), ['plain,plain'])
    await instance('gray', 'v2')
    await until('it is back', async () => (await call(FLAGGED))[0] === 'gray')
    assert.deepEqual(ways(await flood(200, 32, () => call(FLAGGED))), ['gray,gray'])
  },
)

story(
  'a strict rule says at once that nobody is there; other calls feel nothing',
  async (world) => {
    const broker = await world.broker()
    const { bus, gray, call } = await town(world, broker.url)
    await call()
    assert.equal(broker.setRules([{ ...RULES[0]!, otherwise: 'strict' }]), 1)
    await until('the rules are known', async () => (await call(FLAGGED))[0] === 'gray')
    await gray.close()
    const failed = await flood(100, 8, () => call(FLAGGED))
    assert.deepEqual(tally(failed), { no_responder: 100 })
    for (const { ms } of failed) assert.ok(ms < AT_ONCE_MS, `${ms} ms`)
    const error = await failure(call(FLAGGED), 'no_responder')
    assert.deepEqual([error.outcome, error.details.label], ['not_executed', 'v2'])
    assert.match(error.message, /dark-launch rule 1 of version 1 .* label "v2"/)
    assert.deepEqual(tally(await flood(200, 16, () => call())), { ok: 200 })
    assert.equal(bus.circuit('transfer').closed, true)
    assert.equal(bus.snapshot().counters.isolations, 0)
    broker.setRules([])
    await until('the rule is gone', async () => (await ending(call(FLAGGED))).error === undefined)
  },
)

story('rules change at run time, also for a client in the same process', async (world) => {
  const path = join(folder, 'rules.json')
  writeFileSync(path, JSON.stringify({ version: 7, rules: RULES.slice(0, 1) }))
  const broker = await world.broker({ rules: path })
  const { call } = await town(world, broker)
  assert.deepEqual(tally(await flood(100, 16, () => call(FLAGGED))), { ok: 100 })
  assert.ok(ways(await flood(100, 16, () => call(FLAGGED))).every((way) => way.startsWith('gray,')))
  assert.ok(ways(await flood(100, 16, () => call())).every((way) => way.startsWith('plain,')))
  writeFileSync(path, JSON.stringify([{ topic: '*', to: 'v3', when: { percent: 1 } }]))
  assert.equal(broker.setRules(path), 8)
  assert.equal(broker.setRules(path, 8), 8, 'said twice is said once')
  assert.deepEqual(
    broker.snapshot().rules.list.map(({ to }) => to),
    ['v3'],
  )
  await until('gray instances are like others', async () =>
    ways(await flood(60, 16, () => call())).some((way) => way.startsWith('gray')),
  )
})

story(
  'headers that fill their limit have room for the label, and for whom a call is pinned to',
  async (world) => {
    const broker = await world.broker({ rules: [{ ...RULES[0]!, topic: '*' }] })
    const proxy = await world.proxy(broker.url)
    const gray = await world.connect(broker.url, { name: 'gray', group: 'bank', label: 'v2' })
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let started = 0
    await gray.reply('work.one', async (_body, { headers }) => {
      started += 1
      await held
      return Object.keys(headers).length
    })
    const bus = await world.connect(proxy.url, { name: 'caller' })
    const headers = { ...FLAGGED.headers, fill: 'x'.repeat(16_384 - 9 - 7) }
    const call = bus.request('work.one', {}, { headers })
    await until('it runs', () => started === 1)
    proxy.reset()
    await until('it was sent again', () => bus.snapshot().counters.recoveries! > 0)
    release()
    assert.equal(await call, 2)
    assert.equal(started, 1)
  },
)

story('instances of one group may answer different topics, and get only those', async (world) => {
  const broker = await world.broker()
  const one = await world.connect(broker.url, { name: 'one', group: 'accounts' })
  const two = await world.connect(broker.url, { name: 'two', group: 'accounts' })
  await one.reply('account.balance', () => 'one')
  await two.reply('account.transfer', () => 'two')
  await one.reply('account.history', () => 'one')
  const shared = await two.reply('account.history', () => 'two')
  const bus = await world.connect(broker.url)
  const answered = async (topic: string): Promise<string> => {
    const endings = await flood(100, 8, () => bus.request(topic, {}))
    return [...new Set(endings.map(({ value }) => value as string))].sort().join()
  }
  assert.equal(await answered('account.balance'), 'one')
  assert.equal(await answered('account.transfer'), 'two')
  assert.equal(await answered('account.history'), 'one,two')
  await shared.close()
  assert.equal(await answered('account.history'), 'one')
  assert.equal(await answered('account.transfer'), 'two')
})
