/** The end of a bus, of an answer, of a broker: what runs is finished, the rest handed back, all told. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type Broker, startBroker } from '../broker/index.ts'
import { type Bus, connect } from '../rr-client/index.ts'
import {
  AT_ONCE_MS,
  ending,
  failure,
  flood,
  story,
  strictLog,
  tally,
  until,
} from './support/world.ts'

const gate = (): { open: () => void; isOpen: Promise<void> } => {
  let open: () => void = () => {}
  const isOpen = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, isOpen }
}

story('close finishes what runs, hands back what waits, and says so', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'a', group: 'services' })
  const { open, isOpen } = gate()
  let started = 0
  const hold = async (): Promise<string> => {
    started += 1
    await isOpen
    return 'a'
  }
  await service.reply('work.one', hold, { concurrency: 4, prefetch: 4 })
  const bus = await world.connect(broker.url)
  const calls = Array.from({ length: 10 }, () => ending(bus.request('work.one', {})))
  await until('4 run, 4 are held, 2 wait', () => {
    const [queue] = broker.snapshot().topics[0]!.queues
    return started === 4 && queue!.unanswered === 8 && queue!.waiting === 2
  })
  const sibling = await world.connect(broker.url, { name: 'b', group: 'services' })
  await sibling.reply('work.one', () => 'b')
  const closing = service.close({ timeoutMs: 3_000 })
  assert.equal(service.close(), closing, 'a second close is the first')
  assert.equal(service.snapshot().state, 'draining')
  await failure(service.request('work.one', {}), 'draining')
  await failure(
    service.reply('work.two', () => 1),
    'draining',
  )
  await until('the sibling has taken over', () => bus.snapshot().inFlight === 4)
  open()
  assert.deepEqual(await closing, { finished: 4, handedBack: 4, abandoned: 0 })
  const endings = await Promise.all(calls)
  assert.deepEqual(tally(endings), { ok: 10 })
  const by = endings
    .map(({ value }) => value as string)
    .sort()
    .join('')
  assert.equal(by, 'aaaabbbbbb')
  const after = service.snapshot()
  assert.equal(after.state, 'closed')
  assert.ok(
    after.links.every(({ state }) => state === 'closed'),
    'a closed bus has no link up',
  )
})

story('after close every call is told so, at once', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  await bus.reply('work.one', () => 1)
  await bus.close()
  const error = await failure(bus.request('work.one', {}), 'not_connected')
  assert.equal(error.outcome, 'not_executed')
  assert.ok(error.ms < AT_ONCE_MS)
  await failure(
    bus.reply('work.two', () => 1),
    'not_connected',
  )
  const inspected = await failure(bus.inspect(), 'not_connected')
  assert.ok(inspected.ms < AT_ONCE_MS)
  let news = 0
  for await (const _ of bus.status()) news += 1
  assert.equal(news, 0, 'there is no news of a closed bus')
  assert.deepEqual(await bus.close({ timeoutMs: 1 }), { finished: 0, handedBack: 0, abandoned: 0 })
})

story('calls of ones own are waited for, and given up when time is up', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'service' })
  const { open, isOpen } = gate()
  let cancelled = 0
  await service.reply('work.slow', async (_body, { signal }) => {
    signal.addEventListener('abort', () => {
      cancelled += 1
    })
    await isOpen
    return 'done'
  })
  const first = await world.connect(broker.url)
  const one = ending(first.request('work.slow', {}))
  const second = await world.connect(broker.url)
  const two = failure(second.request('work.slow', {}, { timeoutMs: 20_000 }), 'cancelled')
  const three = failure(second.request('work.slow', {}, { timeoutMs: 20_000 }), 'cancelled')
  await until('all three run', () => service.snapshot().answering[0]!.running === 3)
  const report = await second.close({ timeoutMs: 100 })
  assert.deepEqual(report, { finished: 0, handedBack: 0, abandoned: 2 })
  for (const error of [await two, await three]) assert.equal(error.outcome, 'unknown')
  await until('their handlers were told', () => cancelled === 2)
  const closing = first.close({ timeoutMs: 5_000 })
  open()
  assert.deepEqual(await closing, { finished: 1, handedBack: 0, abandoned: 0 })
  assert.equal((await one).value, 'done')
})

story('a handler that will not end is abandoned: it is told, and counted', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url)
  let reason: unknown
  await service.reply('work.stuck', (_body, { signal }) => {
    return new Promise(() => {
      signal.addEventListener('abort', () => {
        reason = signal.reason
      })
    })
  })
  const bus = await world.connect(broker.url)
  const call = ending(bus.request('work.stuck', {}, { timeoutMs: 1_000 }))
  await until('it runs', () => service.snapshot().answering[0]!.running === 1)
  const since = performance.now()
  assert.deepEqual(await service.close({ timeoutMs: 50 }), {
    finished: 0,
    handedBack: 0,
    abandoned: 1,
  })
  assert.ok(performance.now() - since < AT_ONCE_MS)
  assert.match(String(reason), /closing/)
  const { error } = await call
  assert.ok(['responder_lost', 'deadline_exceeded'].includes(error!.code!), error!.code)
  assert.equal(error!.outcome, 'unknown')
})

story(
  'an answer that is closed under load hands back to a sibling without a failed call',
  async (world) => {
    const broker = await world.broker()
    const answer = async (): Promise<void> => {
      await pause(2)
    }
    const a = await world.connect(broker.url, { name: 'a', group: 'services' })
    const b = await world.connect(broker.url, { name: 'b', group: 'services' })
    await b.reply('work.one', answer, { concurrency: 16 })
    const bus = await world.connect(broker.url)
    let isOver = false
    const load = flood(3_000, 60, async (i) => {
      try {
        return await bus.request('work.one', i)
      } finally {
        if (i === 2_999) isOver = true
      }
    })
    let rounds = 0
    while (!isOver && rounds < 12) {
      const answering = await a.reply('work.one', answer, { concurrency: 4 })
      await until(
        'it takes part',
        () => isOver || a.snapshot().answering.some((x) => x.running > 0),
      )
      const { abandoned } = await answering.close()
      assert.equal(abandoned, 0)
      rounds += 1
    }
    assert.deepEqual(tally(await load), { ok: 3_000 })
    assert.ok(rounds >= 3, `only ${rounds} rounds`)
  },
)

story('await using closes everything, brokers included', async () => {
  let outside: { broker: Broker; bus: Bus } | undefined
  {
    await using broker = await startBroker({ listen: 'ws://127.0.0.1:0', logger: strictLog })
    await using bus = await connect(broker.url, { logger: strictLog })
    await using answering = await bus.reply('work.one', (body) => body)
    assert.equal(await bus.request('work.one', 1), 1)
    assert.equal(answering.queues, 1)
    outside = { broker, bus }
  }
  assert.equal(outside.bus.snapshot().state, 'closed')
  await failure(connect(outside.broker.url, { connectTimeoutMs: 100 }), 'not_connected')
})

story('a reply() that is under way when the bus closes is told', async (world) => {
  const broker = await world.broker()
  const proxy = await world.proxy(broker.url)
  const bus = await world.connect(proxy.url)
  proxy.cut()
  const answering = failure(
    bus.reply('work.one', () => 1),
    'not_connected',
  )
  const closing = bus.close({ timeoutMs: 50 })
  await answering
  assert.deepEqual(await closing, { finished: 0, handedBack: 0, abandoned: 0 })
  const other = await world.connect(broker.url)
  const race = ending(other.reply('work.one', () => 1))
  await other.close()
  const { error } = await race
  assert.equal(error?.code ?? 'not_connected', 'not_connected')
})

story(
  'after an answer was closed, the topic has no responder, and may be answered again',
  async (world) => {
    const broker = await world.broker()
    const bus = await world.connect(broker.url)
    const answering = await bus.reply('work.one', () => 1)
    assert.equal(await bus.request('work.one', {}), 1)
    assert.deepEqual(await answering.close(), { finished: 0, handedBack: 0, abandoned: 0 })
    assert.equal(answering.queues, 0)
    await until('the news is out', async () => {
      const { error } = await ending(bus.request('work.one', {}))
      return error?.code === 'no_responder'
    })
    const again = await bus.reply('work.one', () => 2)
    assert.equal(await bus.request('work.one', {}, { waitForResponder: true }), 2)
    await again.close()
  },
)

story('a group that was refused may ask again as soon as it is told', async (world) => {
  const broker = await world.broker()
  const owner = await world.connect(broker.url, { group: 'owners' })
  const owning = await owner.reply('work.one', () => 'owner')
  const bus = await world.connect(broker.url, { group: 'others' })
  const error = await failure(
    bus.reply('work.one', () => 'other'),
    'forbidden',
  )
  assert.match(error.message, /owners/)
  await failure(
    bus.reply('work.one', () => 'other'),
    'forbidden',
  )
  await owning.close()
  await bus.reply('work.one', () => 'other')
  assert.equal(await bus.request('work.one', {}), 'other')
})

story(
  'a broker that closes says goodbye: waiting calls are not executed, clients come back',
  async (world) => {
    const broker = await world.broker()
    const port = Number(new URL(broker.url).port)
    const service = await world.connect(broker.url, { name: 'service' })
    const { open, isOpen } = gate()
    let started = 0
    const hold = async (): Promise<string> => {
      started += 1
      await isOpen
      return 'done'
    }
    await service.reply('work.one', hold, { concurrency: 1, prefetch: 0 })
    const bus = await world.connect(broker.url)
    const news = bus.status()
    const calls = Array.from({ length: 3 }, () => ending(bus.request('work.one', {})))
    await until('one runs, two wait', () => broker.snapshot().topics[0]!.queues[0]!.waiting === 2)
    const closing = broker.close()
    assert.equal(broker.close(), closing)
    await closing
    for await (const { kind } of news) if (kind === 'link_down') break
    await world.broker({ listen: `ws://127.0.0.1:${port}` })
    open()
    assert.deepEqual(tally(await Promise.all(calls)), { ok: 3 })
    assert.equal(started, 3)
  },
)

story(
  'without a broker calls fail soon, not executed, and the bus comes back by itself',
  async (world) => {
    const broker = await world.broker()
    const port = Number(new URL(broker.url).port)
    const bus = await world.connect(broker.url)
    await bus.reply('work.one', (body) => body)
    await broker.close()
    await until('the link is down', () => bus.snapshot().links[0]!.state !== 'up')
    const error = await failure(bus.request('work.one', {}, { timeoutMs: 2_000 }), 'not_connected')
    assert.equal(error.outcome, 'not_executed')
    assert.ok(error.ms < 1_900, `${error.ms} ms`)
    const patient = ending(
      bus.request('work.one', 'x', { timeoutMs: 8_000, waitForResponder: true }),
    )
    await world.broker({ listen: `ws://127.0.0.1:${port}` })
    const { value, error: none } = await patient
    assert.deepEqual([value, none], ['x', undefined])
  },
)

story(
  'a broker closes though a client never says a word, and nobody closes its socket',
  async (world) => {
    const broker = await world.broker()
    const role = await world.role({
      role: 'requester',
      url: broker.url,
      topic: 'work.none',
      calls: 0,
    })
    role.freeze()
    const since = performance.now()
    await broker.close()
    assert.ok(performance.now() - since < 3_000)
    role.thaw()
  },
)

story('status tells of links and routes, and ends with the bus', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  const kinds: string[] = []
  const reading = (async () => {
    for await (const { kind } of bus.status()) kinds.push(kind)
  })()
  const left = bus.status()
  await bus.reply('work.one', (body) => body)
  await bus.request('work.one', 1)
  await left.return?.()
  assert.deepEqual(await left.next(), { done: true, value: undefined })
  await bus.close()
  await reading
  assert.ok(kinds.includes('routes'), kinds.join())
})

story('an embedded bus answers its first call in no time', async (world) => {
  const since = performance.now()
  const broker = await world.broker()
  const bus = await world.connect(broker)
  await bus.reply('work.one', (body) => body)
  assert.equal(await bus.request('work.one', 'hello'), 'hello')
  const ms = performance.now() - since
  assert.ok(ms < AT_ONCE_MS, `${ms} ms`)
})

story('an embedded broker that has closed is no broker', async (world) => {
  const broker = await world.broker()
  await broker.close()
  const since = performance.now()
  await failure(connect(broker, { connectTimeoutMs: 300 }), 'not_connected')
  assert.ok(performance.now() - since < 2_000)
})
