/** Brokers and services that die, freeze and lose their links: no call twice, no caller misled. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Broker } from '../../broker/index.ts'
import { type Bus, BusError } from '../../rr-client/index.ts'
import type { FaultProxy } from '../../scenarios/live/fault-proxy.ts'
import {
  AT_ONCE_MS,
  type Ending,
  ending,
  flood,
  story,
  tally,
  until,
  type World,
} from '../support/world.ts'

type Ledger = Map<string, number>

const transfers = (
  bus: Bus,
  count: number,
  delayMs: number,
  options = {},
): Promise<Ending<unknown>>[] =>
  Array.from({ length: count }, (_, i) =>
    ending(
      bus.request('work.transfer', { id: `t-${i}`, delayMs }, { timeoutMs: 8_000, ...options }),
    ),
  )

const once = (ledger: Ledger): void => {
  for (const [id, count] of ledger) assert.equal(count, 1, `${id} was executed ${count} times`)
}

/** The topic's routes are known, so that what follows is about the calls alone. */
const ready = (bus: Bus): Promise<unknown> =>
  bus.request('work.echo', 'ready', { waitForResponder: true, timeoutMs: 8_000 })

story(
  'a broker is killed with calls in flight and restarted: all succeed, none twice',
  async (world) => {
    const broker = await world.role({ role: 'broker', listen: 'ws://127.0.0.1:0' })
    const service = await world.role({ role: 'responder', url: broker.url, concurrency: 100 })
    const bus = await world.connect(broker.url)
    await ready(bus)
    const calls = transfers(bus, 200, 300)
    await until('some run', async () => (await service.ask<Ledger>({ what: 'ledger' })).size >= 100)
    await broker.kill()
    await world.role({ role: 'broker', listen: broker.url })
    const endings = await Promise.all(calls)
    assert.deepEqual(tally(endings), { ok: 200 })
    const ledger = await service.ask<Ledger>({ what: 'ledger' })
    assert.equal(ledger.size, 200)
    once(ledger)
  },
)

story(
  'a broker is killed and stays away: calls end by their deadline, and say what is known',
  async (world) => {
    const broker = await world.role({ role: 'broker', listen: 'ws://127.0.0.1:0' })
    const service = await world.role({ role: 'responder', url: broker.url })
    const bus = await world.connect(broker.url)
    await ready(bus)
    const calls = transfers(bus, 10, 600, { timeoutMs: 1_000 })
    await until('they run', async () => (await service.ask<Ledger>({ what: 'ledger' })).size === 10)
    await broker.kill()
    for (const { error, ms } of await Promise.all(calls)) {
      assert.ok(BusError.is(error))
      assert.deepEqual([error.code, error.outcome], ['broker_lost', 'unknown'])
      assert.ok((error.details.mayStartForMs ?? 0) > 0)
      assert.ok(ms < 1_000 + AT_ONCE_MS)
    }
  },
)

story(
  'a responder is killed holding 100 calls: told within half a second; idempotent ones go on',
  async (world) => {
    const broker = await world.broker()
    const doomed = await world.role({ role: 'responder', url: broker.url, concurrency: 200 })
    const bus = await world.connect(broker.url)
    await ready(bus)
    const hold = (i: number, idempotent: boolean) => {
      const id = `${idempotent ? 'again' : 'once'}-${i}`
      return ending(bus.request('work.hold', { id }, { timeoutMs: 15_000, idempotent }))
    }
    const once100 = Array.from({ length: 100 }, (_, i) => hold(i, false))
    const again50 = Array.from({ length: 50 }, (_, i) => hold(i, true))
    await until(
      '150 are held',
      async () => (await doomed.ask<Ledger>({ what: 'ledger' })).size === 150,
    )
    const other = await world.connect(broker.url, { name: 'other', group: 'services' })
    const taken = new Set<string>()
    await other.reply('work.hold', ({ id }: { id: string }) => {
      taken.add(id)
      return { id, by: 'other' }
    })
    const since = performance.now()
    await doomed.kill()
    const lost = await Promise.all(once100)
    const ms = performance.now() - since
    assert.deepEqual(tally(lost), { responder_lost: 100 })
    for (const { error } of lost) assert.equal(error!.outcome, 'unknown')
    assert.ok(ms < AT_ONCE_MS, `told after ${ms} ms`)
    assert.deepEqual(tally(await Promise.all(again50)), { ok: 50 })
    assert.equal(taken.size, 50)
    assert.ok(
      [...taken].every((id) => id.startsWith('again')),
      'a call that may have run is not moved',
    )
  },
)

/** One broker, a service and a caller, and the calls that are under way when `hurt` is done. */
const cutWhileRunning = async (
  world: World,
  who: 'responder' | 'requester',
  hurt: (proxy: FaultProxy, broker: Broker) => Promise<void> | void,
): Promise<{ endings: Ending<unknown>[]; ledger: Ledger }> => {
  const broker = await world.broker()
  const proxy = await world.proxy(broker.url)
  const url = who === 'responder' ? proxy.url : broker.url
  const service = await world.role({ role: 'responder', url, concurrency: 200 })
  const bus = await world.connect(who === 'requester' ? proxy.url : broker.url)
  await ready(bus)
  const calls = transfers(bus, 100, 400, { timeoutMs: 4_000 })
  await until('they run', async () => (await service.ask<Ledger>({ what: 'ledger' })).size === 100)
  await hurt(proxy, broker)
  const endings = await Promise.all(calls)
  const ledger = await service.ask<Ledger>({ what: 'ledger' })
  once(ledger)
  assert.deepEqual(told(endings, ledger), [])
  return { endings, ledger }
}

story(
  'a requester is cut off for 300 ms while 100 calls run: all succeed, none twice',
  async (world) => {
    const { endings } = await cutWhileRunning(world, 'requester', async (proxy) => {
      proxy.part()
      await pause(300)
      proxy.heal()
    })
    assert.deepEqual(tally(endings), { ok: 100 })
  },
)

story('a responder loses its link and is back at once: all succeed, none twice', async (world) => {
  // On a busy machine it may be away for longer than callers wait for it; then it is tried again.
  for (let round = 0; round < 5; round++) {
    let awayMs = 0
    const { endings } = await cutWhileRunning(world, 'responder', async (proxy, broker) => {
      const { count } = proxy
      const since = performance.now()
      proxy.reset()
      await until('it is back', () => proxy.count > count && broker.snapshot().links === 2)
      awayMs = performance.now() - since
    })
    if (awayMs > 100) continue
    assert.deepEqual(tally(endings), { ok: 100 }, `away for ${awayMs} ms`)
    return
  }
  assert.fail('not once back within 100 ms')
})

story(
  'a responder is away for 300 ms: its callers may be told it is lost, but never a lie',
  async (world) => {
    const { endings, ledger } = await cutWhileRunning(world, 'responder', async (proxy) => {
      proxy.part()
      await pause(300)
      proxy.heal()
    })
    assert.equal(ledger.size, 100)
    for (const { error } of endings) {
      if (error !== undefined)
        assert.deepEqual([error.code, error.outcome], ['responder_lost', 'unknown'])
    }
  },
)

/** Callers that were misled: what they heard against what the ledger has. */
const told = (endings: readonly Ending<unknown>[], ledger: Ledger, name = 't'): string[] => {
  const misled: string[] = []
  for (const [i, { error }] of endings.entries()) {
    const count = ledger.get(`${name}-${i}`) ?? 0
    const outcome = error === undefined ? 'executed' : error.outcome
    if (count > 1) misled.push(`${name}-${i} executed ${count} times`)
    if (outcome === 'executed' && count !== 1) misled.push(`${name}-${i} executed? ${count}`)
    if (outcome === 'not_executed' && count !== 0)
      misled.push(`${name}-${i} ${error!.code}: was executed`)
    if (outcome === undefined) misled.push(`${name}-${i}: ${error!.stack}`)
  }
  return misled
}

story(
  'a broker is frozen for 1.5 s: callers are told the truth, and everything goes on',
  async (world) => {
    const broker = await world.role({ role: 'broker', listen: 'ws://127.0.0.1:0' })
    const service = await world.role({ role: 'responder', url: broker.url, concurrency: 100 })
    const bus = await world.connect(broker.url)
    await ready(bus)
    const calls = transfers(bus, 100, 200, { timeoutMs: 6_000 })
    await until('they run', async () => (await service.ask<Ledger>({ what: 'ledger' })).size >= 50)
    broker.freeze()
    await pause(1_500)
    broker.thaw()
    const endings = await Promise.all(calls)
    const ledger = await service.ask<Ledger>({ what: 'ledger' })
    assert.deepEqual(told(endings, ledger), [])
    assert.deepEqual(tally(endings), { ok: 100 })
    await ready(bus)
  },
)

story('a responder is frozen for 1.5 s, and its sibling goes on answering', async (world) => {
  const broker = await world.broker()
  const frozen = await world.role({ role: 'responder', url: broker.url, name: 'frozen' })
  const sibling = await world.role({ role: 'responder', url: broker.url, name: 'sibling' })
  const bus = await world.connect(broker.url)
  await ready(bus)
  await flood(100, 10, (i) => bus.request('work.transfer', { id: `before-${i}`, delayMs: 0 }))
  bus.circuit('work.transfer').disable()
  frozen.freeze()
  const endings = await flood(2_000, 10, (i) =>
    bus.request('work.transfer', { id: `t-${i}`, delayMs: 2 }, { timeoutMs: 500 }),
  )
  frozen.thaw()
  const { ok = 0 } = tally(endings)
  assert.ok(ok >= 1_900, JSON.stringify(tally(endings)))
  const ledgers = [frozen, sibling].map((role) => role.ask<Ledger>({ what: 'ledger' }))
  const both: Ledger = new Map()
  for (const ledger of await Promise.all(ledgers)) {
    for (const [id, count] of ledger) both.set(id, (both.get(id) ?? 0) + count)
  }
  assert.deepEqual(told(endings, both), [])
})

/** Cuts a link at random moments until told to stop. */
const cutting = (proxies: { reset(): void }[], isOver: () => boolean): Promise<number> => {
  let cuts = 0
  return (async () => {
    while (!isOver()) {
      await pause(30 + Math.random() * 120)
      proxies[Math.floor(Math.random() * proxies.length)]!.reset()
      cuts += 1
    }
    return cuts
  })()
}

story(
  'links cut at random during 5,000 transfers: at most once each, and every caller told the truth',
  async (world) => {
    const broker = await world.broker()
    const near = await world.proxy(broker.url)
    const far = await world.proxy(broker.url)
    const service = await world.role({ role: 'responder', url: far.url, concurrency: 50 })
    const bus = await world.connect(near.url)
    await ready(bus)
    bus.circuit('work.transfer').disable()
    let isOver = false
    const cuts = cutting([near, far], () => isOver)
    // A responder that is away for a moment is waited for, or a flood would burn all its calls.
    const options = { timeoutMs: 3_000, waitForResponder: true }
    const endings = await flood(5_000, 64, (i) => {
      const delayMs = i % 10 === 0 ? 60 : 2
      return bus.request('work.transfer', { id: `t-${i}`, delayMs }, options)
    })
    isOver = true
    const count = await cuts
    assert.ok(count > 5, `only ${count} cuts`)
    const ledger = await service.ask<Ledger>({ what: 'ledger' })
    assert.deepEqual(told(endings, ledger), [], JSON.stringify(tally(endings)))
    const { ok = 0 } = tally(endings)
    assert.ok(ok >= 4_500, `only ${ok} of 5,000 succeeded: ${JSON.stringify(tally(endings))}`)
    const { inFlight, links } = bus.snapshot()
    assert.deepEqual([inFlight, links[0]!.inFlight], [0, 0])
    await ready(bus)
    assert.equal(
      broker
        .snapshot()
        .topics.flatMap(({ queues }) => queues)
        .every(isEmpty),
      true,
    )
  },
  40_000,
)

const isEmpty = ({ waiting, unanswered }: { waiting: number; unanswered: number }): boolean =>
  waiting + unanswered === 0

story(
  'a network that swallows everything for a while: calls settle, and the truth is told',
  async (world) => {
    const broker = await world.broker()
    const proxy = await world.proxy(broker.url)
    const service = await world.role({ role: 'responder', url: broker.url })
    const bus = await world.connect(proxy.url)
    await ready(bus)
    const calls = transfers(bus, 50, 100, { timeoutMs: 6_000 })
    await until('they run', async () => (await service.ask<Ledger>({ what: 'ledger' })).size === 50)
    proxy.cut()
    await until('the link is given up', () => bus.snapshot().links[0]!.state !== 'up', 4_000)
    proxy.heal()
    const endings = await Promise.all(calls)
    assert.deepEqual(tally(endings), { ok: 50 })
    assert.deepEqual(told(endings, await service.ask<Ledger>({ what: 'ledger' })), [])
  },
)

story(
  '12 requesters freeze with replies due: nobody else is slower, and nothing piles up',
  async (world) => {
    const broker = await world.broker()
    const service = await world.role({ role: 'responder', url: broker.url, concurrency: 5_000 })
    const bus = await world.connect(broker.url)
    await ready(bus)
    const frozen = await Promise.all(
      Array.from({ length: 12 }, () =>
        world.role({ role: 'requester', url: broker.url, topic: 'work.hold', calls: 100 }),
      ),
    )
    await until(
      '1,200 replies are due',
      async () => {
        return (await service.ask<Ledger>({ what: 'ledger' })).size === 1_200
      },
      10_000,
    )
    for (const role of frozen) role.freeze()
    const before = process.memoryUsage().heapUsed
    await service.ask({ what: 'release' })
    const endings = await flood(2_000, 10, (i) => bus.request('work.echo', i))
    assert.deepEqual(tally(endings), { ok: 2_000 })
    const times = endings.map(({ ms }) => ms).sort((a, b) => a - b)
    assert.ok(times[1_980]! < AT_ONCE_MS, `p99 ${times[1_980]} ms`)
    await until('the frozen are given up', () => broker.snapshot().links <= 2, 8_000)
    const grown = process.memoryUsage().heapUsed - before
    assert.ok(grown < 64 * 1_048_576, `${grown} bytes more`)
    for (const role of frozen) role.thaw()
  },
  60_000,
)

const lives = async (world: World): Promise<void> => {
  const broker = await world.broker()
  const proxy = await world.proxy(broker.url)
  const bus = await world.connect(proxy.url)
  const service = await world.connect(proxy.url, { name: 'service' })
  await service.reply('work.echo', (body) => body)
  for (let i = 0; i < 20; i++) {
    proxy.reset()
    const { value, error } = await ending(
      bus.request('work.echo', i, { timeoutMs: 5_000, waitForResponder: true }),
    )
    assert.deepEqual([value, error], [i, undefined])
  }
  assert.equal(service.snapshot().answering.length, 1)
  const { sessions, links, topics } = broker.snapshot()
  assert.deepEqual([sessions, links, topics[0]!.queues.length], [2, 2, 1])
}

story('twenty cuts in a row: always back, with one session and one queue', lives)
