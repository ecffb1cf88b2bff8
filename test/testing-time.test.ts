/** Time in a test world: it moves while somebody waits, goes nowhere else, and is the same each time. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type TestBus, testBus } from '../scenarios/testing/index.ts'
import { ending, failure, story } from './support/world.ts'

/** A broker, a responder that takes 20 ms, and a requester. */
const town = async (world: TestBus) => {
  const broker = await world.broker()
  const accounts = await world.connect({ name: 'accounts-1', group: 'accounts' })
  await accounts.reply('account.balance', async ({ account }) => {
    await world.sleep(20)
    return { account, amount: '12.00' }
  })
  const app = await world.connect({ name: 'app' })
  return { broker, accounts, app }
}

story('a call takes what its ways and its handler take, to the millisecond', async () => {
  await using world = testBus({ latencyMs: 3 })
  const { app } = await town(world)
  await app.request('account.balance', { account: '7' })
  const since = world.now
  const reply = await app.request('account.balance', { account: '8' })
  assert.deepEqual(reply, { account: '8', amount: '12.00' })
  assert.equal(world.now - since, 4 * 3 + 20)
})

story('a timeout of 30 s is found at 30 s, and costs the test next to nothing', async () => {
  await using world = testBus()
  const { app, accounts } = await town(world)
  let why: unknown
  await accounts.reply('report.build', async (_, ctx) => {
    await world.sleep(600_000, { signal: ctx.signal }).catch((error: Error) => {
      why = error.message
    })
    await world.sleep(1_000)
  })
  const since = world.now
  const began = performance.now()
  const error = await failure(
    app.request('report.build', {}, { timeoutMs: 30_000 }),
    'deadline_exceeded',
  )
  const realMs = performance.now() - began
  assert.equal(error.outcome, 'unknown')
  assert.equal(why, 'the caller has given up: its time is over')
  const tookMs = world.now - since
  assert.ok(tookMs >= 30_000 && tookMs <= 30_010, `${tookMs} ms in the world`)
  assert.ok(realMs < 10_000, `${realMs} ms of the test`)
})

story('the same seed and the same acts have the same history', async () => {
  const told = async (seed: number): Promise<readonly string[]> => {
    await using world = testBus({ seed })
    const { accounts, app } = await town(world)
    world.faults({ resets: 0.05, delays: 0.3, delayMs: 40, forMs: 3_000 })
    for (let i = 0; i < 20; i++) await ending(app.request('account.balance', { account: `${i}` }))
    world.freeze(accounts, { forMs: 500 })
    await ending(app.request('account.balance', { account: 'x' }, { timeoutMs: 300 }))
    await world.close()
    return world.history
  }
  const first = await told(7)
  assert.ok(first.length > 60, first.join('\n'))
  assert.deepEqual(await told(7), first)
  assert.notDeepEqual(await told(8), first)
})

story('while nobody waits for the world its time stands still', async () => {
  await using world = testBus()
  await town(world)
  const { now } = world
  await pause(30)
  assert.equal(world.now, now)
  await world.sleep(30)
  assert.equal(world.now, now + 30)
})

story('work outside is waited for; what is not told of costs the call its deadline', async () => {
  await using world = testBus()
  const { accounts, app } = await town(world)
  await accounts.reply('told', () => world.outside(() => pause(40, 'written')))
  await accounts.reply('untold', () => pause(40, 'written'))
  assert.equal(await app.request('told', {}, { timeoutMs: 10 }), 'written')
  await failure(app.request('untold', {}, { timeoutMs: 10 }), 'deadline_exceeded')
  await world.outside(pause(60))
})

story('a fact is waited for with until, and missed by its name', async () => {
  await using world = testBus()
  const { accounts, app } = await town(world)
  const call = app.request('account.balance', { account: '7' })
  await world.until('the handler runs', () => accounts.snapshot().answering[0]!.running === 1)
  assert.equal(app.snapshot().inFlight, 1)
  await call
  await assert.rejects(
    world.until('pigs fly', () => false, 500),
    /not within 500 ms: pigs fly/,
  )
  const oops = (): boolean => {
    if (world.now % 2 === 0) throw new Error('a look that fails')
    return false
  }
  await assert.rejects(world.until('all is well', oops), /a look that fails/)
})

story('a signal aborts in the world’s time, and so does a sleep', async () => {
  await using world = testBus()
  const { app } = await town(world)
  await app.request('account.balance', { account: '7' })
  const since = world.now
  const error = await failure(
    app.request('account.balance', { account: '7' }, { signal: world.abortAfter(10) }),
    'cancelled',
  )
  assert.equal(world.now - since, 10)
  assert.equal((error.cause as Error).name, 'TimeoutError')
  await assert.rejects(world.sleep(5_000, { signal: world.abortAfter(7) }), /7 ms are over/)
  assert.equal(world.now - since, 17)
})

story('a lane of one runs its calls one after the other', async () => {
  await using world = testBus()
  const { accounts, app } = await town(world)
  await accounts.reply('work', () => world.sleep(20), { concurrency: 1 })
  await app.request('work', {})
  const since = world.now
  await Promise.all(Array.from({ length: 5 }, () => app.request('work', {})))
  assert.equal(world.now - since, 4 + 5 * 20)
})

story('a handler’s own calls share its deadline', async () => {
  await using world = testBus()
  const { accounts, app } = await town(world)
  const seen: number[] = []
  await accounts.reply('payment.check', async (_, ctx) => {
    await world.sleep(100)
    seen.push(ctx.remainingMs())
    return ctx.request('account.balance', { account: '7' })
  })
  const reply = await app.request('payment.check', {}, { timeoutMs: 500 })
  assert.equal(reply.amount, '12.00')
  const late = app.request('payment.check', {}, { timeoutMs: 110 })
  await failure(late, 'deadline_exceeded')
  // Of 500, less the handler's 100, and what the request may at most have spent on its ways.
  assert.ok(seen[0]! > 380 && seen[0]! <= 400, `${seen[0]} ms left`)
})

story('a circuit opens, is tried and closes in the world’s time', async () => {
  await using world = testBus()
  const { app, accounts } = await town(world)
  const given = globalThis.setTimeout
  let isSick = true
  await accounts.reply('rates.today', () => {
    if (isSick) throw new Error('no rates')
    return '1.08'
  })
  const circuit = app.circuit('rates.today')
  for (let i = 0; i < 25; i++) await ending(app.request('rates.today', {}))
  assert.ok(circuit.opened, 'open')
  assert.equal(globalThis.setTimeout, given)
  const error = await failure(app.request('rates.today', {}), 'circuit_open')
  assert.equal(error.outcome, 'not_executed')
  isSick = false
  await world.sleep(1_900)
  await failure(app.request('rates.today', {}), 'circuit_open')
  await world.sleep(150)
  assert.ok(circuit.halfOpen, 'half open')
  assert.equal(await app.request('rates.today', {}), '1.08')
  assert.ok(circuit.closed, 'closed')
  // Opened by hand and closed at once: no trial of the first opening may come up later.
  circuit.open()
  circuit.close()
  await world.sleep(10_000)
  assert.ok(circuit.closed, 'still closed')
})

story('timers that a test has replaced are not the world’s', async () => {
  const { setTimeout, setInterval, setImmediate } = globalThis
  const { now } = Date
  const never = (() => ({})) as never
  Object.assign(globalThis, { setTimeout: never, setInterval: never, setImmediate: never })
  Date.now = () => 0
  try {
    await using world = testBus()
    const { app } = await town(world)
    await world.sleep(1_000)
    assert.equal((await app.request('account.balance', { account: '7' })).account, '7')
  } finally {
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate })
    Date.now = now
  }
})
