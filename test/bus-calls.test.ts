/** Calls that go well, and the ways in which they may go wrong that a caller must be told about. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { Codec } from '../rr-client/index.ts'
import { BusError, ServiceError } from '../rr-client/index.ts'
import { certificates } from './support/certificates.ts'
import {
  AT_ONCE_MS,
  ending,
  failure,
  flood,
  story,
  tally,
  until,
  type World,
} from './support/world.ts'

const echo = (body: unknown): unknown => body

const BODIES: unknown[] = [
  { account: '7', nested: { list: [1, 'two', null, true] } },
  'text with ünïcödé and \u0000 and 💶',
  '',
  0,
  -1.5,
  false,
  true,
  null,
  undefined,
  [],
  {},
  new Uint8Array([0, 1, 2, 255]),
  new Uint8Array(0),
  new Uint8Array(300_000).fill(7),
]

const same = (got: unknown, sent: unknown): void => {
  if (sent instanceof Uint8Array) {
    assert.ok(got instanceof Uint8Array, `bytes came back as ${typeof got}`)
    assert.deepEqual([...got], [...sent])
  } else assert.deepEqual(got, sent)
}

/** Every kind of body goes there and comes back over one transport. */
const roundTrips = async (world: World, target: Parameters<World['connect']>[0], options = {}) => {
  const service = await world.connect(target, { name: 'echo-1', group: 'echo', ...options })
  const seen: unknown[] = []
  const answering = await service.reply('first.echo', (body, ctx) => {
    seen.push(body)
    assert.equal(ctx.topic, 'first.echo')
    return body
  })
  assert.deepEqual([answering.topic, answering.group, answering.queues], ['first.echo', 'echo', 1])
  const bus = await world.connect(target, options)
  for (const body of BODIES) same(await bus.request('first.echo', body), body)
  assert.equal(seen.length, BODIES.length)
  for (const [i, body] of BODIES.entries()) same(seen[i], body)
  assert.equal(bus.snapshot().inFlight, 0)
}

story('a first call goes over ws, with every kind of body in both directions', async (world) => {
  const broker = await world.broker()
  await roundTrips(world, broker.url)
})

story('the same over a unix socket', async (world) => {
  const folder = mkdtempSync(join(tmpdir(), 'finbus-'))
  world.later(() => rmSync(folder, { recursive: true }))
  const broker = await world.broker({ listen: `unix:${folder}/bus.sock` })
  assert.equal(broker.url, `unix:${folder}/bus.sock`)
  await roundTrips(world, broker.url)
})

story('the same inside one process, without any socket', async (world) => {
  const broker = await world.broker()
  await roundTrips(world, broker)
})

story('the same over wss: own authority, client certificates, token', async (world) => {
  const { ca, server, client } = await certificates()
  const broker = await world.broker({
    listen: 'wss://127.0.0.1:0',
    tls: { ...server, clientCa: ca },
    tokens: [{ token: 'a-token-of-16-characters', request: ['*'], reply: ['first.*'] }],
  })
  assert.match(broker.url, /^wss:/)
  const token = 'a-token-of-16-characters'
  await roundTrips(world, broker.url, { tls: { ca, ...client }, token })

  const quick = { connectTimeoutMs: 300 }
  const isStranger = failure(
    world.connect(broker.url, { ...quick, token, tls: client }),
    'not_connected',
  )
  assert.match((await isStranger).message, /certificate/)
  await failure(world.connect(broker.url, { ...quick, token, tls: { ca } }), 'not_connected')
  const wrong = { tls: { ca, ...client }, token: 'another-token-16-characters' }
  await failure(world.connect(broker.url, wrong), 'unauthenticated')
  await failure(world.connect(broker.url, { tls: { ca, ...client } }), 'unauthenticated')
})

story('two services of different tokens: each topic for those who may', async (world) => {
  const broker = await world.broker({
    tokens: [
      { token: 'service-service-service', reply: ['account.*'] },
      { token: 'teller-teller-teller', request: ['account.balance'] },
    ],
  })
  const service = await world.connect(broker.url, { token: 'service-service-service' })
  await service.reply('account.balance', () => 'yours')
  await service.reply('account.close', () => 'closed')
  await failure(service.reply('payments.transfer', echo), 'forbidden')
  const teller = await world.connect(broker.url, { token: 'teller-teller-teller' })
  assert.equal(await teller.request('account.balance', {}), 'yours')
  const error = await failure(teller.request('account.close', {}), 'forbidden')
  assert.equal(error.outcome, 'not_executed')
  await failure(teller.reply('account.balance', echo), 'forbidden')
})

story('headers travel, and a reply is not confused by them', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  await bus.reply('first.headers', (_body, ctx) => ({ ...ctx.headers }))
  const headers = { traceparent: '00-abc-def-01', 'x-teller': 'Zoë\n☎', empty: '' }
  assert.deepEqual(await bus.request('first.headers', {}, { headers }), headers)
  assert.deepEqual(await bus.request('first.headers', {}), {})
})

story('calls with one key go to one instance, and move when it goes', async (world) => {
  const broker = await world.broker()
  for (const name of ['a', 'b', 'c', 'd']) {
    const service = await world.connect(broker.url, { name, group: 'keyed' })
    await service.reply('first.keyed', () => name)
  }
  const bus = await world.connect(broker.url)
  const homes = new Map<string, string>()
  for (let i = 0; i < 200; i++) {
    const key = `account-${i}`
    homes.set(key, await bus.request('first.keyed', {}, { key }))
  }
  assert.equal(new Set(homes.values()).size, 4, 'keys must spread over the instances')
  for (const [key, home] of homes) {
    assert.equal(await bus.request('first.keyed', {}, { key }), home)
  }
})

story('several responders of one group share the calls of a topic', async (world) => {
  const broker = await world.broker()
  const shares = new Map<string, number>()
  for (const name of ['a', 'b', 'c']) {
    const service = await world.connect(broker.url, { name, group: 'shared' })
    await service.reply('first.shared', async () => {
      shares.set(name, (shares.get(name) ?? 0) + 1)
      await pause(1)
    })
  }
  const bus = await world.connect(broker.url)
  await until('three queues', () => bus.snapshot().topics[0]?.queues === 3 || warm(bus))
  assert.deepEqual(tally(await flood(900, 30, () => bus.request('first.shared', {}))), { ok: 900 })
  for (const [name, share] of shares) assert.ok(share > 150, `${name} got only ${share} of 900`)
  assert.equal(shares.size, 3)
})

const warm = (bus: { request(topic: string, body: unknown): Promise<unknown> }): Promise<boolean> =>
  bus.request('first.shared', {}).then(() => false)

story(
  '10,000 calls by 200 at once to 4 handlers: every caller gets its own answer',
  async (world) => {
    const broker = await world.broker()
    for (let i = 0; i < 4; i++) {
      const service = await world.connect(broker.url, { name: `echo-${i}`, group: 'echo' })
      const answer = async (body: unknown): Promise<unknown> => {
        await pause(Math.random() * 20)
        return body
      }
      await service.reply('check.echo', answer, { concurrency: 100 })
    }
    const bus = await world.connect(broker.url, { timeoutMs: 10_000 })
    const endings = await flood(10_000, 200, (i) =>
      bus.request('check.echo', { i, unique: `call-${i}` }),
    )
    assert.deepEqual(tally(endings), { ok: 10_000 })
    for (const [i, { value }] of endings.entries()) {
      assert.deepEqual(value, { i, unique: `call-${i}` })
    }
    const { inFlight, links, counters } = bus.snapshot()
    assert.deepEqual([inFlight, links[0]!.inFlight, counters.lateReplies], [0, 0, 0])
    const { queues } = broker.snapshot().topics[0]!
    await until('the broker holds nothing', () =>
      broker.snapshot().topics[0]!.queues.every((queue) => queue.waiting + queue.unanswered === 0),
    )
    assert.equal(queues.length, 4)
  },
)

story(
  'handlers slower and faster than the timeout: each call settles once, late replies are counted',
  async (world) => {
    const broker = await world.broker()
    const service = await world.connect(broker.url, { name: 'slow' })
    let replies = 0
    const slow = async (): Promise<void> => {
      await pause(150 + Math.random() * 100)
      replies += 1
    }
    await service.reply('check.slow', slow, { concurrency: 2_000 })
    const bus = await world.connect(broker.url)
    bus.circuit('check.slow').disable()
    const endings = await flood(2_000, 500, () => bus.request('check.slow', {}, { timeoutMs: 200 }))
    const counts = tally(endings)
    const ok = counts.ok ?? 0
    assert.equal(ok + (counts.deadline_exceeded ?? 0), 2_000, JSON.stringify(counts))
    assert.ok(ok > 0 && ok < 2_000, 'both kinds of ending are wanted')
    for (const { error, ms } of endings) {
      assert.ok(ms < 200 + AT_ONCE_MS, `a call of 200 ms settled after ${ms} ms`)
      if (error !== undefined) assert.ok(ms > 198, `a call of 200 ms gave up after ${ms} ms`)
      if (error !== undefined) assert.equal(error.outcome, 'unknown')
    }
    await until('no handler runs', () => {
      const { running, waiting } = service.snapshot().answering[0]!
      return running + waiting === 0
    })
    await until(
      'all late replies are in',
      () => bus.snapshot().counters.lateReplies === replies - ok,
    )
  },
)

story('a handler that never answers costs its caller exactly the timeout', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'mute' })
  await service.reply('check.mute', () => new Promise(() => {}), { concurrency: 1_000 })
  const bus = await world.connect(broker.url)
  bus.circuit('check.mute').disable()
  const late: number[] = []
  const one = async (timeoutMs: number): Promise<void> => {
    const since = performance.now()
    const error = await failure(bus.request('check.mute', {}, { timeoutMs }), 'deadline_exceeded')
    late.push(performance.now() - since - timeoutMs)
    assert.equal(error.outcome, 'unknown')
    assert.ok((error.details.mayStartForMs ?? 0) > 0, 'says when reconciling is safe')
  }
  const calls = [50, 250, 1_000].flatMap((ms) => Array.from({ length: 100 }, () => one(ms)))
  await Promise.all(calls)
  late.sort((a, b) => a - b)
  assert.ok(late[0]! > -2, `settled ${-late[0]!} ms early`)
  assert.ok(late[Math.floor(late.length * 0.9)]! < AT_ONCE_MS, `p90 late by ${late[270]} ms`)
})

story('errors are typed: the service speaks for itself, the bus for the rest', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'ledger' })
  let runs = 0
  await service.reply('account.debit', () => {
    runs += 1
    throw new ServiceError('INSUFFICIENT_FUNDS', 'balance is 12.00', { balance: '12.00' })
  })
  const bus = await world.connect(broker.url)
  const { error, ms } = await ending(bus.request('account.debit', { amount: '50.00' }))
  assert.ok(ServiceError.is(error) && !BusError.is(error))
  const { code, message, outcome, retryable, details } = error
  assert.deepEqual(
    [code, message, outcome, retryable],
    ['INSUFFICIENT_FUNDS', 'balance is 12.00', 'executed', false],
  )
  assert.deepEqual(details, { balance: '12.00' })
  assert.equal(JSON.stringify(error).includes('.test.js'), false, 'no stack travels')
  assert.ok(ms < AT_ONCE_MS)
  assert.equal(runs, 1)
})

story('a body that does not fit the schema is refused before the handler', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'typed' })
  let runs = 0
  const schema = z.object({ account: z.string(), amount: z.object({ value: z.string() }) })
  const take = (body: unknown): unknown => {
    runs += 1
    return body
  }
  await service.reply('typed.sync', take, { schema })
  const later = schema.refine(async ({ account }) => account !== 'closed', 'is closed')
  await service.reply('typed.async', take, { schema: later })
  const bus = await world.connect(broker.url)
  const good = { account: '7', amount: { value: '12.00' } }
  for (const topic of ['typed.sync', 'typed.async']) {
    assert.deepEqual(await bus.request(topic, good), good)
    const bad = { account: '7', amount: { value: 12 } }
    const error = await failure(bus.request(topic, bad), 'invalid_argument')
    assert.match(error.message, /amount\.value/)
    assert.deepEqual([error.outcome, error.retryable], ['not_executed', false])
  }
  await failure(bus.request('typed.async', { ...good, account: 'closed' }), 'invalid_argument')
  assert.equal(runs, 2)
})

story('a schema that takes longer than the caller waits starts no handler', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'typed' })
  let checked = 0
  let runs = 0
  const schema = z.unknown().refine(async () => {
    await pause(150)
    checked += 1
    return true
  })
  const run = (): void => {
    runs += 1
  }
  await service.reply('typed.slow', run, { schema })
  const bus = await world.connect(broker.url)
  await failure(bus.request('typed.slow', {}, { timeoutMs: 50 }), 'deadline_exceeded')
  const abort = new AbortController()
  const call = failure(bus.request('typed.slow', {}, { signal: abort.signal }), 'cancelled')
  await until('it is being checked', () => service.snapshot().answering[0]!.running > 0)
  abort.abort()
  await call
  await until('both are checked', () => checked === 2)
  await until('nothing runs', () => service.snapshot().answering[0]!.running === 0)
  assert.equal(runs, 0, 'nobody waits for it any more')
})

story('a codec of the users own', async (world) => {
  const broker = await world.broker()
  const codec: Codec = {
    name: 'reversed',
    encode: (body) => Buffer.from(JSON.stringify(body ?? null)).reverse(),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).reverse().toString()) as unknown,
  }
  const service = await world.connect(broker.url, { name: 'odd', codec })
  await service.reply('first.codec', (body) => ({ got: body }))
  const bus = await world.connect(broker.url, { codec })
  assert.deepEqual(await bus.request('first.codec', { a: 1 }), { got: { a: 1 } })
  const bytes = new Uint8Array([1, 2, 3])
  await service.reply('first.bytes', echo)
  same(await bus.request('first.bytes', bytes), bytes)

  const plain = await world.connect(broker.url)
  const error = await failure(plain.request('first.codec', { a: 1 }), 'invalid_argument')
  assert.equal(error.outcome, 'not_executed')
})

story('bodies larger than the usual limit, where the broker allows them', async (world) => {
  const broker = await world.broker({ maxBodyBytes: 4 * 1_048_576 })
  const service = await world.connect(broker.url, { name: 'large' })
  await service.reply('first.large', echo)
  const bus = await world.connect(broker.url)
  const body = new Uint8Array(3 * 1_048_576).fill(3)
  const lost: unknown[] = []
  for (const one of [service, bus]) void collect(one.status(), 'link_down', lost)
  const { value, error } = await ending(bus.request<'first.large'>('first.large', body))
  assert.equal(error, undefined)
  assert.equal(Buffer.compare(value as Uint8Array, body), 0)
  assert.deepEqual(lost, [], 'no link may break over it')
  await failure(bus.request('first.large', new Uint8Array(4 * 1_048_576 + 1)), 'too_large')
})

const collect = async (
  news: AsyncIterable<{ kind: string }>,
  kind: string,
  into: unknown[],
): Promise<void> => {
  for await (const one of news) if (one.kind === kind) into.push(one)
}

story('one signal for many calls, and a reply before the abort', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  await bus.reply('first.echo', echo)
  const { signal } = new AbortController()
  const calls = Array.from({ length: 50 }, (_, i) => bus.request('first.echo', i, { signal }))
  assert.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 50 }, (_, i) => i),
  )
})
