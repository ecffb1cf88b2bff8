/** Active/standby on real sockets: processes that are killed and frozen, and what users are told. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Broker } from '../../broker/index.ts'
import type { Bus, BusSnapshot } from '../../rr-client/index.ts'
import { registry } from '../support/registry.ts'
import type { Role } from '../support/roles.ts'
import { type Ending, ending, failure, story, tally, until, type World } from '../support/world.ts'

/** Twice the brokers' `silenceMs`: what a lost instance may still believe. */
const LEASE_MS = 2_000
const TOPIC = 'work.alone'

interface Done {
  id: string
  by: string
}

interface Pair {
  urls: string[]
  x: Role
  y: Role
  bus: Bus
}

/** Two brokers, two responders in processes of their own, X active, and a requester. */
const pair = async (world: World): Promise<Pair> => {
  const brokers = [await world.broker(), await world.broker()]
  const urls = brokers.map(({ url }) => url)
  const x = await world.role({ role: 'responder', url: urls[0]!, name: 'x', standbyAt: urls })
  await until('one is active', async () => (await roleOf(x)) === 'active')
  const y = await world.role({ role: 'responder', url: urls[0]!, name: 'y', standbyAt: urls })
  assert.equal(await roleOf(y), 'standby')
  const bus = await world.connect(urls)
  return { urls, x, y, bus }
}

const roleOf = async (role: Role): Promise<string | undefined> =>
  (await role.ask<BusSnapshot>({ what: 'snapshot' })).answering[0]?.role

/** A call every few milliseconds until one of `by` has answered, and a moment longer. */
const callUntil = async (bus: Bus, by: string): Promise<Ending<Done>[]> => {
  const calls: Promise<Ending<Done>>[] = []
  const call = { idempotent: true, waitForResponder: true, timeoutMs: 12_000 }
  let isAnswered = false
  for (let after = 0; after < 20; after += isAnswered ? 1 : 0) {
    const id = `${bus.instance}-${calls.length}`
    const made = ending<Done>(bus.request(TOPIC, { id }, call))
    calls.push(made)
    void made.then(({ value }) => {
      if (value?.by === by) isAnswered = true
    })
    await pause(10)
    if (calls.length > 1_500) break
  }
  return Promise.all(calls)
}

story(
  'the active one is killed under load: the other takes over, and no patient call fails',
  async (world) => {
    const { x, y, bus } = await pair(world)
    const before = await ending<Done>(bus.request(TOPIC, { id: 'before' }))
    assert.equal(before.value?.by, 'x')
    const since = performance.now()
    let tookMs = 0
    const taken = until('Y is active', async () => (await roleOf(y)) === 'active', 10_000).then(
      () => {
        tookMs = performance.now() - since
      },
    )
    const load = callUntil(bus, 'y')
    await pause(50)
    await x.kill()
    const ended = await load
    await taken
    assert.deepEqual(tally(ended), { ok: ended.length })
    const by = ended.map(({ value }) => value!.by)
    assert.ok(by.lastIndexOf('x') < by.indexOf('y'), 'first the one, then the other')
    assert.ok(tookMs > LEASE_MS * 0.7 && tookMs < LEASE_MS + 1_000, `${tookMs} ms`)
    world.say(`taken over after ${Math.round(tookMs)} ms, ${ended.length} calls`)
  },
)

story(
  'the active one is frozen: when it wakes it stands by, and has started nothing since',
  async (world) => {
    const { x, y, bus } = await pair(world)
    await bus.request(TOPIC, { id: 'before' })
    x.freeze()
    const since = performance.now()
    const ended = await callUntil(bus, 'y')
    const tookMs = performance.now() - since
    assert.deepEqual(tally(ended), { ok: ended.length })
    assert.ok(tookMs < LEASE_MS + 2_000, `${tookMs} ms`)
    x.thaw()
    await until('X knows that it stands by', async () => (await roleOf(x)) === 'standby')
    assert.equal(await roleOf(y), 'active')
    assert.deepEqual([...(await x.ask<Map<string, number>>({ what: 'ledger' })).keys()], ['before'])
    const after = await ending<Done>(bus.request(TOPIC, { id: 'after' }))
    assert.equal(after.value?.by, 'y')
  },
)

/** Short leases, so that a story about something else need not wait for them. */
const quick = (world: World): Promise<Broker> => world.broker({ pingMs: 50, silenceMs: 150 })

story('the active one leaves in good order: the next one answers at once', async (world) => {
  const { url } = await quick(world)
  const [x, y, bus] = await Promise.all([1, 2, 3].map(() => world.connect(url, { group: 'g' })))
  const told: string[] = []
  const news = x!.status()
  const listening = (async () => {
    for await (const { kind } of news) if (kind.startsWith('standby')) told.push(kind)
  })()
  const answering = await x!.reply('a', () => 'x', { standby: true })
  await until('X is active', () => x!.snapshot().answering[0]!.role === 'active')
  await y!.reply('a', () => 'y', { standby: true })
  await y!.reply('b', () => 'y')
  const roles = y!.snapshot().answering.map(({ topic, role }) => ({ topic, role }))
  assert.deepEqual(roles, [
    { topic: 'a', role: 'standby' },
    { topic: 'b', role: 'all' },
  ])
  assert.equal(await bus!.request('a', 0), 'x')
  await answering.close()
  assert.equal(await bus!.request('a', 0), 'y')
  await x!.close()
  await listening
  assert.deepEqual(told, ['standby_active'])
})

story(
  'a body that is checked for so long that the instance stands by is not executed',
  async (world) => {
    const broker = await quick(world)
    const proxy = await world.proxy(broker.url)
    const x = await world.connect(proxy.url, { group: 'g', pingMs: 50, silenceMs: 150 })
    const bus = await world.connect(broker.url)
    let isRun = false
    let isAsked = false
    let release = (): void => {}
    const checked = new Promise<void>((resolve) => {
      release = resolve
    })
    const validate = async (value: unknown): Promise<{ value: unknown }> => {
      isAsked = true
      await checked
      return { value }
    }
    const run = (): void => {
      isRun = true
    }
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate } }
    await x.reply('a', run, { standby: true, schema })
    await until('X is active', () => x.snapshot().answering[0]!.role === 'active')
    const call = ending(bus.request('a', 1))
    await until('the body is being checked', () => isAsked)
    proxy.cut()
    await until('X stands by', () => x.snapshot().answering[0]!.role === 'standby')
    release()
    const { error } = await call
    assert.equal(error?.code, 'responder_lost')
    assert.equal(isRun, false)
  },
)

story('a broker that is listed by two urls has one vote', async (world) => {
  const { url } = await quick(world)
  const urls = [url, url.replace('127.0.0.1', 'localhost')]
  const x = await world.connect(urls, { group: 'g', pingMs: 50, silenceMs: 150 })
  await x.reply('a', () => 'x', { standby: true })
  await until('X is active', () => x.snapshot().answering[0]!.role === 'active')
  assert.equal(await x.request('a', 0), 'x')
})

story('what cannot be is refused, and said why', async (world) => {
  const broker = await quick(world)
  const { url } = await registry(world)
  await world.broker({ id: 'b1', registry: url })
  const learned = await world.connect({ registry: url })
  const standby = { standby: true }
  const list = await failure(
    learned.reply('a', () => 1, standby),
    'invalid_argument',
  )
  assert.equal(list.message, 'active/standby needs a fixed list of brokers: connect with urls')

  const x = await world.connect(broker.url, { name: 'x', group: 'g' })
  const bounded = x.reply('a', () => 1, { standby: true, queues: { max: 2 } })
  assert.match(
    (await failure(bounded, 'invalid_argument')).message,
    /queues must be left out with standby/,
  )

  await x.reply('alone', () => 1, standby)
  await x.reply('together', () => 1)
  const y = await world.connect(broker.url, { name: 'y', group: 'g' })
  const mixed = await failure(
    y.reply('alone', () => 2),
    'invalid_argument',
  )
  assert.match(
    mixed.message,
    /alone is answered as active\/standby .*standby: true.* by group g; .*standby: false/,
  )
  const other = await failure(
    y.reply('together', () => 2, standby),
    'invalid_argument',
  )
  assert.match(
    other.message,
    /together is answered as all instances active .*standby: false.* asks for active/,
  )

  const second = await world.connect(broker.url, { name: 'z', group: 'h' })
  const group = await failure(
    second.reply('alone', () => 2, standby),
    'forbidden',
  )
  assert.match(group.message, /answered by group g, not h/)

  // Down: it cannot answer first.
  const more = await world.broker()
  await more.close()
  const longer = await world.connect([broker.url, more.url], { name: 'w', group: 'g' })
  const lists = await failure(
    longer.reply('alone', () => 2, standby),
    'invalid_argument',
  )
  assert.match(lists.message, /this instance lists 2 brokers, x lists 1; all must list the same/)
})
