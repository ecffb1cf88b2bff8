/** Refusals: nobody there, nobody may, no room, no more; each at once, and none of them executed. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bus, BusError, ServiceError } from '../rr-client/index.ts'
import {
  AT_ONCE_MS,
  type Ending,
  ending,
  failure,
  flood,
  story,
  tally,
  until,
} from './support/world.ts'

story(
  '100 calls to nobody fail in no time, and a handler started later gets none of them',
  async (world) => {
    const broker = await world.broker()
    const bus = await world.connect(broker.url)
    const calls = Array.from({ length: 100 }, () =>
      failure(bus.request('nobody.there', {}, { timeoutMs: 3_000 }), 'no_responder'),
    )
    const errors = await Promise.all(calls)
    for (const { outcome, retryable, details, ms } of errors) {
      assert.deepEqual([outcome, retryable, details.attempts], ['not_executed', true, 0])
      assert.ok(ms < AT_ONCE_MS, `${ms} ms`)
    }
    const service = await world.connect(broker.url, { name: 'late' })
    let got = 0
    await service.reply('nobody.there', () => {
      got += 1
    })
    await bus.request('nobody.there', {}, { waitForResponder: true })
    assert.equal(got, 1, 'only the call that was made afterwards')
  },
)

story('waitForResponder waits for one, and no longer than the deadline', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  const options = { waitForResponder: true, timeoutMs: 5_000 }
  const calls = Array.from({ length: 100 }, (_, i) => ending(bus.request('soon.there', i, options)))
  const vain = failure(
    bus.request('never.there', {}, { ...options, timeoutMs: 150 }),
    'deadline_exceeded',
  )
  const given = await vain
  assert.equal(given.outcome, 'not_executed', 'it was never sent')
  assert.ok(given.ms > 100 && given.ms < 150 + AT_ONCE_MS)
  const service = await world.connect(broker.url, { name: 'soon' })
  await service.reply('soon.there', (body) => body)
  const since = performance.now()
  const endings = await Promise.all(calls)
  assert.ok(performance.now() - since < AT_ONCE_MS)
  assert.deepEqual(tally(endings), { ok: 100 })
  assert.equal(service.snapshot().counters.received, 100)
})

story('the last responder goes: the next call is told at once', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'only' })
  await service.reply('only.one', () => 1)
  const bus = await world.connect(broker.url)
  assert.equal(await bus.request('only.one', {}), 1)
  await service.close()
  const error = await failure(bus.request('only.one', {}), 'no_responder')
  assert.ok(error.ms < AT_ONCE_MS, `${error.ms} ms`)
  assert.equal(error.outcome, 'not_executed')
})

story(
  'what a token does not allow is forbidden, at once, without a word to any handler',
  async (world) => {
    const broker = await world.broker({
      tokens: [
        { token: 'reader-reader-reader', request: ['account.*'] },
        { token: 'writer-writer-writer', request: ['*'], reply: ['*'] },
      ],
    })
    const service = await world.connect(broker.url, { token: 'writer-writer-writer' })
    let got = 0
    await service.reply('payments.transfer', () => {
      got += 1
    })
    const reader = await world.connect(broker.url, { token: 'reader-reader-reader' })
    const error = await failure(reader.request('payments.transfer', {}), 'forbidden')
    assert.deepEqual([error.outcome, error.retryable, got], ['not_executed', false, 0])
    assert.ok(error.ms < AT_ONCE_MS)
    await failure(reader.request('payments.transfer', {}, { waitForResponder: true }), 'forbidden')
    const answer = await failure(
      reader.reply('account.balance', () => 1),
      'forbidden',
    )
    assert.match(answer.message, /account\.balance/)
  },
)

story('a second group is refused, with the owners name', async (world) => {
  const broker = await world.broker()
  const first = await world.connect(broker.url, { group: 'accounts' })
  await first.reply('account.balance', () => 'first')
  const second = await world.connect(broker.url, { group: 'intruders' })
  const error = await failure(
    second.reply('account.balance', () => 'second'),
    'forbidden',
  )
  assert.match(error.message, /accounts/)
  assert.equal(await second.request('account.balance', {}), 'first')
})

/** Opens `count` calls that stay open until `open` is called. */
const hold = async (
  service: Bus,
  topic: string,
): Promise<{ open: () => void; running: () => number }> => {
  let open: () => void = () => {}
  let count = 0
  const isOpen = new Promise<void>((resolve) => {
    open = resolve
  })
  const wait = async (): Promise<string> => {
    count += 1
    await isOpen
    return 'done'
  }
  await service.reply(topic, wait, { concurrency: 5_000, prefetch: 0 })
  return { open, running: () => count }
}

story(
  'in-flight limit: the call too many is refused, a tenth is kept for nested calls',
  async (world) => {
    const broker = await world.broker()
    const service = await world.connect(broker.url, { name: 'holder' })
    const { open, running } = await hold(service, 'held.call')
    const bus = await world.connect(broker.url, { maxInFlight: 1_000 })
    // This bus answers as well: its handler makes a nested call of its own.
    await bus.reply('outer.call', (_body, ctx) => ctx.request('inner.call', {}))
    await service.reply('inner.call', () => 'nested')
    const calls = Array.from({ length: 900 }, () =>
      ending(bus.request('held.call', {}, { timeoutMs: 20_000 })),
    )
    await until('900 run', () => running() === 900)
    const error = await failure(bus.request('held.call', {}), 'too_many_inflight')
    assert.deepEqual(
      [error.outcome, error.details.limit, error.details.current],
      ['not_executed', 900, 900],
    )
    assert.ok(error.ms < AT_ONCE_MS)
    const other = await world.connect(broker.url)
    assert.equal(
      await other.request('outer.call', {}),
      'nested',
      'handlers still get their work done',
    )
    open()
    assert.deepEqual(tally(await Promise.all(calls)), { ok: 900 })
    assert.equal(await bus.request('held.call', {}), 'done')
  },
)

story(
  'depth limit: exactly that many are accepted, the others told at once with the numbers',
  async (world) => {
    const broker = await world.broker({ maxDepth: 100 })
    const service = await world.connect(broker.url, { name: 'slow' })
    let open: () => void = () => {}
    let ran = 0
    const isOpen = new Promise<void>((resolve) => {
      open = resolve
    })
    const run = async (): Promise<void> => {
      ran += 1
      await isOpen
    }
    await service.reply('deep.queue', run, { concurrency: 10, prefetch: 0 })
    const bus = await world.connect(broker.url, { timeoutMs: 20_000 })
    const endings: Ending<unknown>[] = []
    for (let i = 0; i < 400; i++) {
      void ending(bus.request('deep.queue', i)).then((end) => endings.push(end))
    }
    await until('300 are refused', () => endings.length >= 300)
    await until('100 are held', () => broker.snapshot().topics[0]!.queues[0]!.waiting === 90)
    assert.equal(endings.length, 300)
    for (const { error, ms } of endings) {
      assert.ok(BusError.is(error))
      assert.deepEqual([error.code, error.outcome], ['overloaded', 'not_executed'])
      assert.deepEqual([error.details.limit, error.details.stage], [100, 'queue'])
      assert.ok((error.details.current ?? 0) >= 100, `current ${error.details.current}`)
      assert.ok((error.retryAfterMs ?? 0) > 0, 'says when to try again')
      assert.ok(ms < AT_ONCE_MS, `${ms} ms`)
    }
    open()
    await until('all is over', () => endings.length === 400)
    assert.deepEqual(tally(endings), { overloaded: 300, ok: 100 })
    assert.equal(ran, 100)
    const since = performance.now()
    await until(
      'calls are accepted again',
      async () => (await ending(bus.request('deep.queue', {}))).error === undefined,
    )
    assert.ok(performance.now() - since < AT_ONCE_MS)
  },
)

story('a depth limit in bytes', async (world) => {
  const broker = await world.broker({ maxDepthBytes: 1_048_576 })
  const service = await world.connect(broker.url, { name: 'slow' })
  const { open } = await hold(service, 'deep.bytes')
  const bus = await world.connect(broker.url, { timeoutMs: 10_000 })
  const body = new Uint8Array(100_000)
  const calls = Array.from({ length: 30 }, () => ending(bus.request('deep.bytes', body)))
  await until('20 are refused', () => bus.snapshot().inFlight <= 10)
  open()
  const counts = tally(await Promise.all(calls))
  assert.deepEqual(counts, { ok: 10, overloaded: 20 })
})

story(
  'two full queues: a call is tried on few others, and retries cannot multiply load',
  async (world) => {
    const broker = await world.broker({ maxDepth: 5 })
    const gates: (() => void)[] = []
    for (const name of ['a', 'b', 'c']) {
      const service = await world.connect(broker.url, { name, group: 'full' })
      const { open } = await hold(service, 'full.topic')
      gates.push(open)
    }
    const bus = await world.connect(broker.url, { timeoutMs: 10_000 })
    await until('three queues are known', async () => {
      await ending(bus.request('full.topic', {}, { timeoutMs: 1 }))
      return bus.snapshot().topics[0]?.queues === 3
    })
    bus.circuit('full.topic').disable()
    const held = Array.from({ length: 40 }, () => ending(bus.request('full.topic', {})))
    await until('the queues are full', () => bus.snapshot().inFlight <= 15)
    const before = broker.snapshot().counters.requests!
    const endings = await flood(1_000, 20, () => bus.request('full.topic', {}))
    assert.deepEqual(tally(endings), { overloaded: 1_000 })
    const seen = broker.snapshot().counters.requests! - before
    assert.ok(seen <= 1_200, `the broker saw ${seen} requests for 1,000 calls`)
    for (const open of gates) open()
    const counts = tally(await Promise.all(held))
    assert.ok(counts.ok! >= 10 && counts.ok! <= 15, JSON.stringify(counts))
  },
)

story(
  'a circuit opens when a service is sick, fails fast, tries one call, and closes',
  async (world) => {
    const broker = await world.broker()
    const service = await world.connect(broker.url, { name: 'sick' })
    let isSick = true
    let ran = 0
    await service.reply('sick.topic', () => {
      ran += 1
      if (isSick) throw new Error('database is down')
      return 'well'
    })
    await service.reply('fine.topic', () => 'fine')
    const bus = await world.connect(broker.url)
    let calls = 0
    let error: BusError | undefined
    while (calls < 100 && error?.code !== 'circuit_open') {
      error = (await ending(bus.request('sick.topic', {}))).error as BusError
      calls += 1
    }
    assert.ok(ran >= 20 && ran <= 40, `opened after ${ran} failing calls`)
    const openedAt = performance.now()
    const refused = await flood(500, 1, () => bus.request('sick.topic', {}))
    assert.deepEqual(tally(refused), { circuit_open: 500 })
    const median = refused.map(({ ms }) => ms).sort((a, b) => a - b)[250]!
    assert.ok(median < 50, `${median} ms for a refusal`)
    for (const { error: open } of refused.slice(0, 3) as { error: BusError }[]) {
      assert.deepEqual([open.outcome, open.details.attempts], ['not_executed', 0])
      assert.ok(open.retryAfterMs! > 0 && open.retryAfterMs! <= 2_000)
    }
    assert.equal(bus.circuit('sick.topic').opened, true)
    assert.equal(await bus.request('fine.topic', {}), 'fine', 'other topics go on')
    const before = ran
    isSick = false
    await until('a trial call goes through', () => bus.circuit('sick.topic').halfOpen, 4_000)
    const waited = performance.now() - openedAt
    assert.ok(waited > 1_500 && waited < 2_000 + AT_ONCE_MS * 2, `half-open after ${waited} ms`)
    const trials = await Promise.all(
      Array.from({ length: 10 }, () => ending(bus.request('sick.topic', {}))),
    )
    assert.deepEqual(tally(trials), { ok: 1, circuit_open: 9 })
    assert.equal(ran - before, 1)
    assert.equal(bus.circuit('sick.topic').closed, true)
    assert.equal(await bus.request('sick.topic', {}), 'well')
  },
)

story('a trial that fails opens the circuit again', async (world) => {
  const broker = await world.broker()
  let ran = 0
  const bus = await world.connect(broker.url)
  await bus.reply('sick.topic', () => {
    ran += 1
    throw new Error('still down')
  })
  await flood(30, 1, () => bus.request('sick.topic', {}))
  assert.equal(bus.circuit('sick.topic').opened, true)
  await until('half-open', () => bus.circuit('sick.topic').halfOpen, 4_000)
  const before = ran
  await failure(bus.request('sick.topic', {}), 'handler_failed')
  assert.equal(bus.circuit('sick.topic').opened, true)
  await failure(bus.request('sick.topic', {}), 'circuit_open')
  assert.equal(ran - before, 1)
})

story('1,000 business errors are no sickness', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  await bus.reply('business.no', () => {
    throw new ServiceError('INSUFFICIENT_FUNDS')
  })
  const circuit = bus.circuit('business.no')
  const endings = await flood(1_000, 50, () => bus.request('business.no', {}))
  assert.deepEqual(tally(endings), { INSUFFICIENT_FUNDS: 1_000 })
  assert.equal(circuit.closed, true)
})

story('an operator forces a circuit open, and closed', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  await bus.reply('forced.topic', () => 'there')
  bus.circuit('forced.topic').open()
  const error = await failure(bus.request('forced.topic', {}), 'circuit_open')
  assert.ok(error.ms < AT_ONCE_MS)
  bus.circuit('forced.topic').close()
  assert.equal(await bus.request('forced.topic', {}), 'there')
  bus.circuit('forced.topic').disable()
  assert.equal(await bus.request('forced.topic', {}), 'there')
})

story('a call that comes back to its own topic cannot choke it', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'ring' })
  const again = async (depth: number, ctx: { request: Bus['request'] }): Promise<string> => {
    await pause(1)
    return depth === 0 ? 'bottom' : ctx.request('ring.topic', depth - 1)
  }
  await service.reply('ring.topic', again as never, { concurrency: 2, prefetch: 8 })
  const bus = await world.connect(broker.url)
  for (const one of [bus, service]) one.circuit('ring.topic').disable()
  assert.equal(await bus.request('ring.topic', 1), 'bottom')
  const endings = await flood(40, 20, () => bus.request('ring.topic', 3, { timeoutMs: 2_000 }))
  for (const { error, ms } of endings) {
    assert.ok(ms < 3_000)
    if (error !== undefined) assert.ok(BusError.is(error), error.stack)
  }
  assert.equal(await bus.request('ring.topic', 0), 'bottom', 'and lives')
})
