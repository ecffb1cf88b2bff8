/** What can be done to a test world, and that it means there what it means to real processes. */
import assert from 'node:assert/strict'
import type { BusError } from '../rr-client/index.ts'
import { type TestBus, testBus } from '../scenarios/testing/index.ts'
import { ending, failure, story, tally } from './support/world.ts'

const TOPIC = 'account.balance'

/** A responder that takes 20 ms, and counts what it began and what it ended. */
const responder = async (world: TestBus, name: string, idc = 'local') => {
  const bus = await world.connect({ name, group: 'accounts', idc })
  const began: string[] = []
  const ended: string[] = []
  await bus.reply(TOPIC, async ({ account }) => {
    began.push(account)
    await world.sleep(20)
    ended.push(account)
    return { account, by: name }
  })
  return { bus, began, ended }
}

story('a responder killed in the middle of a call: nobody knows, and the bus says so', async () => {
  await using world = testBus()
  await world.broker()
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  const call = app.request(TOPIC, { account: '7' })
  await world.until('the handler runs', () => accounts.began.length === 1)
  world.kill(accounts.bus)
  const error = await failure(call, 'responder_lost')
  assert.equal(error.outcome, 'unknown')
  await world.sleep(10_000)
  assert.deepEqual(accounts.ended, [], 'a dead process does not go on')
})

story('an idempotent call goes to another responder when the first one dies', async () => {
  await using world = testBus()
  await world.broker()
  const both = [await responder(world, 'a'), await responder(world, 'b')]
  const app = await world.connect({ name: 'app' })
  const call = app.request(TOPIC, { account: '7' }, { idempotent: true })
  await world.until('one of them runs it', () => both.some(({ began }) => began.length === 1))
  const [first, second] = both[0]!.began.length === 1 ? both : [...both].reverse()
  world.kill(first!.bus)
  await call
  assert.deepEqual([first!.ended, second!.ended], [[], ['7']])
})

story('a broker’s death costs the call nothing while its responder lives', async () => {
  await using world = testBus()
  const brokers = [await world.broker('b1'), await world.broker('b2')]
  const { bus, began } = await responder(world, 'accounts-1')
  await world.until('it owns a queue at both', () => bus.snapshot().answering[0]!.queues === 2)
  const app = await world.connect({ name: 'app' })
  for (const broker of brokers) {
    const call = app.request(TOPIC, { account: broker.id })
    await world.until('the handler runs', () => began.at(-1) === broker.id)
    world.kill(broker)
    assert.equal((await call).account, broker.id)
    world.restart(broker)
    await world.until('all are linked again', () =>
      [bus, app].every((end) => end.snapshot().links.every(({ state }) => state === 'up')),
    )
  }
  assert.deepEqual(began, ['b1', 'b2'], 'each was run once')
})

story('the only broker restarts under a call, and the call is answered all the same', async () => {
  await using world = testBus()
  const broker = await world.broker()
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  const call = app.request(TOPIC, { account: '7' })
  await world.until('the handler runs', () => accounts.began.length === 1)
  const { life } = app.snapshot().links[0]!
  world.restart(broker)
  assert.equal((await call).by, 'accounts-1')
  assert.deepEqual(accounts.began, ['7'])
  assert.notEqual(app.snapshot().links[0]!.life, life)
})

story('a frozen responder misses the deadline, and goes on where it was', async () => {
  await using world = testBus()
  await world.broker()
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  const call = app.request(TOPIC, { account: '7' }, { timeoutMs: 1_000 })
  await world.until('the handler runs', () => accounts.began.length === 1)
  world.freeze(accounts.bus, { forMs: 2_500 })
  const { outcome } = await failure(call, 'deadline_exceeded')
  assert.equal(outcome, 'unknown')
  assert.deepEqual(accounts.ended, [])
  await world.sleep(2_000)
  assert.deepEqual(accounts.ended, ['7'], 'its sleep ended when it was thawed')
  assert.equal((await app.request(TOPIC, { account: '8' })).account, '8')
})

story('a frozen broker is found by its silence, and calls go by the other', async () => {
  await using world = testBus()
  const brokers = [await world.broker('b1'), await world.broker('b2')]
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  await app.request(TOPIC, { account: 'first' })
  for (const broker of brokers) {
    world.freeze(broker, { forMs: 4_000 })
    for (let i = 0; i < 5; i++) await app.request(TOPIC, { account: `${broker.id} ${i}` })
    await world.sleep(5_000)
  }
  assert.deepEqual([accounts.began.length, new Set(accounts.began).size], [11, 11])
})

story('code that is a client’s own stands still and dies with it', async () => {
  await using world = testBus()
  await world.broker()
  const poller = await world.connect({ name: 'poller' })
  let beats = 0
  const poll = async (): Promise<never> => {
    for (;;) {
      await world.sleep(100)
      beats += 1
    }
  }
  void world.within(poller, poll)
  await world.sleep(1_050)
  assert.equal(beats, 10)
  world.freeze(poller, { forMs: 500 })
  await world.sleep(1_000)
  assert.equal(beats, 15)
  world.kill(poller)
  await world.sleep(1_000)
  assert.equal(beats, 15)
})

story('a slow responder is slow from its first line on', async () => {
  await using world = testBus()
  await world.broker()
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  world.slow(accounts.bus, { byMs: 800, forMs: 900 })
  const since = world.now
  await failure(app.request(TOPIC, { account: '7' }, { timeoutMs: 500 }), 'deadline_exceeded')
  assert.deepEqual(accounts.began, [])
  await world.sleep(500)
  await app.request(TOPIC, { account: '8' })
  assert.ok(world.now - since < 1_100, 'and quick again when its time is over')
})

story('a cut, a one-way cut, a reset and a parting are each got over', async () => {
  await using world = testBus()
  const broker = await world.broker()
  const accounts = await responder(world, 'accounts-1')
  const app = await world.connect({ name: 'app' })
  const patient = { timeoutMs: 20_000, waitForResponder: true }
  const harms: [string, () => void][] = [
    ['cut', () => world.cut(app, { from: broker, forMs: 4_000 })],
    ['one way', () => world.cut(app, { oneWay: true, forMs: 4_000 })],
    ['the other way', () => world.cut(broker, { from: app, oneWay: true, forMs: 4_000 })],
    ['reset', () => world.reset(app)],
    ['part', () => world.part(app, { forMs: 3_000 })],
  ]
  for (const [name, harm] of harms) {
    const lost = accounts.began.length
    const call = app.request(TOPIC, { account: name }, patient)
    await world.until(`${name}: the handler runs`, () => accounts.began.length > lost)
    harm()
    assert.equal((await call).account, name)
  }
  assert.equal(accounts.began.length, harms.length, 'no call was run twice')
  await app.request(TOPIC, { account: '6' })
  world.delay(app, { byMs: 150 })
  const since = world.now
  await app.request(TOPIC, { account: '7' })
  assert.equal(world.now - since, 2 * 150 + 4 + 20)
})

story('calls leave their data centre when it dies, and not before', async () => {
  await using world = testBus({ latencyMs: 1, awayMs: 30 })
  const [sz, sh] = [
    await world.broker('b1', { idc: 'sz' }),
    await world.broker('b2', { idc: 'sh' }),
  ]
  assert.deepEqual([sz.idc, sh.idc], ['sz', 'sh'])
  const home = await responder(world, 'home', 'sz')
  const away = await responder(world, 'away', 'sh')
  const app = await world.connect({ name: 'app', idc: 'sz' })
  for (let i = 0; i < 20; i++) await app.request(TOPIC, { account: `${i}` })
  assert.deepEqual([home.began.length, away.began.length], [20, 0])
  world.kill(sz)
  world.kill(home.bus)
  await world.sleep(10)
  const reply = await app.request(
    TOPIC,
    { account: 'x' },
    { timeoutMs: 10_000, waitForResponder: true },
  )
  assert.equal(reply.by, 'away')
})

story('under seeded faults every call settles, and none runs twice', async () => {
  const storm = async (seed: number): Promise<Record<string, number>> => {
    await using world = testBus({ seed })
    await world.broker('b1')
    await world.broker('b2')
    const all = [await responder(world, 'a'), await responder(world, 'b')]
    const app = await world.connect({ name: 'app' })
    await app.request(TOPIC, { account: 'first' })
    world.faults({ resets: 0.03, delays: 0.2, delayMs: 300 })
    const calls: ReturnType<typeof ending<{ by: string }>>[] = []
    for (let i = 0; i < 100; i++) {
      calls.push(ending(app.request(TOPIC, { account: `${i}` })))
      await world.sleep(10)
    }
    const endings = await Promise.all(calls)
    const began = all.flatMap((one) => one.began)
    assert.equal(new Set(began).size, began.length, 'no account was looked at twice')
    for (const [i, { error }] of endings.entries()) {
      const ran = began.includes(`${i}`)
      if (error === undefined) assert.ok(ran)
      else if ((error as BusError).outcome === 'not_executed') assert.ok(!ran, error.message)
    }
    return tally(endings)
  }
  const first = await storm(3)
  assert.deepEqual(await storm(3), first)
  assert.ok(first.ok! > 50, JSON.stringify(first))
})

story('what cannot be done is refused by name', async () => {
  await using world = testBus()
  await assert.rejects(world.connect(), /has no broker yet: call broker\(\) first/)
  await world.broker('b1')
  const [a, b] = [await world.connect({ name: 'a' }), await world.connect({ name: 'b' })]
  await using other = testBus()
  const stranger = await other.broker()
  assert.throws(() => world.cut(a, { from: b }), /finds no link of a from b: clients link to/)
  assert.throws(() => world.kill(stranger), /must be what broker\(\) of this world gave/)
  assert.throws(() => world.kill({ instance: 'x' }), /must be a client or a broker of this world/)
  assert.throws(() => world.freeze(a, { for: 3 } as never), /"for" is unknown.*forMs/)
  assert.throws(() => world.faults({ resets: 2 }), /faults option resets/)
  assert.throws(() => testBus({ sede: 1 } as never), /"sede" is unknown.*seed/)
  await assert.rejects(world.broker('b1'), /b1 is there already: restart/)
  const tls = { tls: { ca: '' } } as never
  await assert.rejects(world.connect(tls), /"tls" means nothing in a world without sockets/)
  await assert.rejects(world.connect({ brokers: [stranger] }), /must be what broker\(\)/)
  await assert.rejects(world.sleep(-1), /sleep must be milliseconds/)
  await assert.rejects(a.reply('x', 'no function' as never), /handler must be a function/)
  assert.throws(() => world.slow(a, { forMs: 3 } as never), /slow option byMs/)
})
