/** What handlers do wrong, and what their callers then hear. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { BusError, ServiceError } from '../rr-client/index.ts'
import { service } from './support/service.ts'
import { AT_ONCE_MS, ending, failure, flood, story, tally, until } from './support/world.ts'

const cycle = (): unknown => {
  const ring: Record<string, unknown> = { name: 'ring' }
  ring.self = ring
  return ring
}

const hostile = (): object =>
  Object.defineProperty({}, 'then', {
    get: () => {
      throw new Error('a then that throws')
    },
  })

const raise = (error: unknown) => (): never => {
  throw error
}

const BAD: Record<string, { handler: () => unknown; message: RegExp }> = {
  'throws at once': { handler: raise(new Error('boom')), message: /boom/ },
  rejects: { handler: () => Promise.reject(new Error('boom later')), message: /boom later/ },
  'throws a text': { handler: raise('just a text'), message: /just a text/ },
  'throws undefined': { handler: raise(undefined), message: /./ },
  'throws null': { handler: raise(null), message: /./ },
  'throws a symbol': { handler: raise(Symbol('odd')), message: /odd/ },
  'throws what cannot be made a text': { handler: raise(Object.create(null)), message: /./ },
  'rejects with what cannot be made a text': {
    handler: () => Promise.reject(Object.create(null)),
    message: /./,
  },
  'throws an error whose message is no text': {
    handler: raise(Object.defineProperty(new Error('x'), 'message', { value: 42 })),
    message: /./,
  },
  'throws a very long text': { handler: raise(new Error('x'.repeat(100_000))), message: /^x+$/ },
  'returns a ring': { handler: cycle, message: /cannot be encoded.*itself/ },
  'returns a bigint': { handler: () => ({ amount: 12n }), message: /body\.amount.*bigint/ },
  'returns a function': { handler: () => ({ f: () => 1 }), message: /body\.f.*function/ },
  'returns NaN': { handler: () => ({ n: [Number.NaN] }), message: /body\.n\[0\].*finite/ },
  'returns what throws when encoded': {
    handler: () => ({ toJSON: raise(new Error('no json')) }),
    message: /no json/,
  },
  'returns more than a body may have': {
    handler: () => 'x'.repeat(1_048_577),
    message: /1048579 bytes; at most 1048576/,
  },
  'returns more bytes than a body may have': {
    handler: () => new Uint8Array(1_048_577),
    message: /1048577 bytes; at most 1048576/,
  },
  'returns a thing with a then that throws when read': { handler: hostile, message: /then/ },
  'returns a thing with a then that throws when called': {
    // biome-ignore lint/suspicious/noThenProperty: the very thing that a handler may do wrong
    handler: () => ({ then: raise(new Error('bad then')) }),
    message: /bad then/,
  },
}

for (const [what, { handler, message }] of Object.entries(BAD)) {
  story(
    `a handler that ${what}: handler_failed, executed, and the service lives`,
    async (world) => {
      const { bus, answerer } = await service(world, handler)
      const error = await failure(bus.request('work.one', {}), 'handler_failed')
      assert.match(error.message, message)
      assert.ok(error.message.length < 10_000, 'a message is for people')
      assert.deepEqual([error.outcome, error.retryable], ['executed', false])
      assert.equal(error.details.stage, 'handler')
      assert.ok(error.ms < AT_ONCE_MS, `${error.ms} ms`)
      assert.equal(JSON.stringify(error).includes('.test.js'), false, 'no stack travels')
      assert.equal(await bus.request('work.fine', 'still'), 'still')
      await until('nothing runs', () => answerer.snapshot().answering.every((a) => a.running === 0))
    },
  )
}

story(
  'a thing that answers more than once is heard once, and holds no place twice',
  async (world) => {
    let running = 0
    let most = 0
    // biome-ignore lint/suspicious/noThenProperty: the very thing that a handler may do wrong
    const twice = { then: (resolve: (value: string) => void) => [resolve('a'), resolve('b')] }
    let calls = 0
    const { bus } = await service(
      world,
      async () => {
        running += 1
        most = Math.max(most, running)
        await pause(2)
        running -= 1
      },
      { concurrency: 2 },
    )
    const other = await world.connect(bus.snapshot().links[0]!.url, { group: 'services' })
    await other.reply(
      'work.twice',
      () => {
        calls += 1
        return twice
      },
      { concurrency: 1 },
    )
    assert.equal(await bus.request('work.twice', {}), 'a')
    assert.deepEqual(tally(await flood(50, 10, () => bus.request('work.twice', {}))), { ok: 50 })
    assert.equal(calls, 51)
    assert.deepEqual(tally(await flood(60, 30, () => bus.request('work.one', {}))), { ok: 60 })
    assert.ok(most <= 2)
  },
)

story('a handler that returns nothing is a success', async (world) => {
  const { bus } = await service(world, () => {})
  assert.equal(await bus.request('work.one', {}), undefined)
})

story('a service error travels with code, message and details, and no stack', async (world) => {
  const details = { balance: '12.00', list: [1, { two: 2 }] }
  const { bus } = await service(
    world,
    raise(new ServiceError('INSUFFICIENT_FUNDS', 'poor', details)),
  )
  const { error } = await ending(bus.request('work.one', {}))
  assert.ok(ServiceError.is(error))
  const { code, message, outcome, details: got } = error
  assert.deepEqual([code, message, outcome], ['INSUFFICIENT_FUNDS', 'poor', 'executed'])
  assert.deepEqual(got, details)
  assert.equal(JSON.stringify(error.toJSON()).includes('stack'), false)
})

story('a service error whose details cannot travel still says its code', async (world) => {
  const details = [cycle(), { n: 12n }, { text: 'x'.repeat(200_000) }]
  let turn = 0
  const { bus } = await service(world, () => {
    throw new ServiceError('LIMIT', 'no', details[turn++] as Record<string, unknown>)
  })
  for (const _ of details) {
    const { error } = await ending(bus.request('work.one', {}))
    assert.ok(ServiceError.is(error), String(error))
    assert.deepEqual([error.code, error.message], ['LIMIT', 'no'])
  }
})

story('a bus error that escapes a handler is its failure, not the callers', async (world) => {
  const { bus } = await service(world, (_body, ctx) => ctx.request('nobody.there', {}))
  const error = await failure(bus.request('work.one', {}), 'handler_failed')
  assert.equal(error.outcome, 'executed')
  const nested = error.details.nested as Record<string, unknown>
  assert.deepEqual([nested.code, nested.outcome], ['no_responder', 'not_executed'])
  const forged = await service(world, raise(new BusError('no_responder', 'not me')))
  await failure(forged.bus.request('work.one', {}), 'handler_failed')
})

for (const concurrency of [1, 8]) {
  story(`never more than ${concurrency} handlers at once, whatever waits`, async (world) => {
    let running = 0
    let most = 0
    const order: number[] = []
    const { bus, answerer } = await service(
      world,
      async ({ i }: { i: number }) => {
        order.push(i)
        running += 1
        most = Math.max(most, running)
        // Some end at once, some in this turn, some later: all ways out of a lane.
        if (i % 3 === 1) await pause(1)
        else if (i % 3 === 2) await Promise.resolve()
        running -= 1
      },
      { concurrency },
    )
    const calls = Array.from({ length: 600 }, (_, i) =>
      ending(bus.request('work.one', { i }, { timeoutMs: 20_000 })),
    )
    assert.deepEqual(tally(await Promise.all(calls)), { ok: 600 })
    assert.equal(most, concurrency)
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      'first come, first served',
    )
    assert.equal(answerer.snapshot().answering[0]!.running, 0)
  })
}

story('work that waited behind a slow call past its deadline is never started', async (world) => {
  const started: number[] = []
  const { bus, answerer, broker } = await service(
    world,
    async ({ i, ms }: { i: number; ms: number }) => {
      started.push(i)
      await pause(ms)
    },
    { concurrency: 1, prefetch: 16 },
  )
  const slow = bus.request('work.one', { i: -1, ms: 500 })
  await until('the slow one runs', () => started.length === 1)
  bus.circuit('work.one').disable()
  const calls = Array.from({ length: 50 }, (_, i) =>
    ending(bus.request('work.one', { i, ms: 0 }, { timeoutMs: 200 })),
  )
  const endings = await Promise.all(calls)
  for (const { error } of endings) {
    assert.ok(BusError.is(error))
    assert.ok(['deadline_exceeded', 'expired', 'overloaded'].includes(error.code), error.code)
  }
  await slow
  await until('nothing waits', () => answerer.snapshot().answering[0]!.waiting === 0)
  assert.deepEqual(started, [-1], 'an expired call must not run')
  const { counters } = broker.snapshot()
  assert.ok(counters.expired! + answerer.snapshot().counters.expired! > 0, 'and is counted')
})

story(
  'a handler that blocks its process for 2 s: its callers are told, nothing expired runs',
  async (world) => {
    const broker = await world.broker()
    const role = await world.role({ role: 'responder', url: broker.url })
    const bus = await world.connect(broker.url)
    bus.circuit('work.block').disable()
    const other = await world.connect(broker.url, { name: 'other' })
    await other.reply('work.other', (body) => body)
    const blocked = ending(
      bus.request('work.block', { id: 'long', ms: 2_000 }, { timeoutMs: 6_000 }),
    )
    await until('it has begun or is on its way', () => broker.snapshot().counters.requests! > 0)
    const calls = Array.from({ length: 20 }, (_, i) =>
      ending(bus.request('work.block', { id: `short-${i}`, ms: 0 }, { timeoutMs: 300 })),
    )
    const bystanders = await flood(200, 5, (i) => bus.request('work.other', i))
    assert.deepEqual(tally(bystanders), { ok: 200 }, 'nobody else notices')
    for (const { error, ms } of await Promise.all(calls)) {
      assert.ok(BusError.is(error), 'a blocked process cannot have answered')
      assert.ok(ms < 1_500, `told after ${ms} ms of 300`)
    }
    const { error, value } = await blocked
    const ledger = await role.ask<Map<string, number>>({ what: 'ledger' })
    assert.deepEqual([...ledger], [['long', 1]], 'expired work must never start, nothing twice')
    if (error === undefined) assert.deepEqual(value, { id: 'long', by: 'responder' })
    else assert.notEqual((error as BusError).outcome, 'not_executed')
    assert.deepEqual(await bus.request('work.echo', 'back', { waitForResponder: true }), 'back')
  },
)
