/** Brokers announce themselves, clients find them, and the loss of registries changes nothing. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { startBroker } from '../broker/index.ts'
import type { Bus, BusSnapshot } from '../rr-client/index.ts'
import { announce, ask, impostor, listener, registry } from './support/registry.ts'
import { failure, flood, story, tally, until, type World } from './support/world.ts'

const up = (bus: Bus): string[] =>
  bus
    .snapshot()
    .links.filter(({ state }) => state === 'up')
    .map(({ broker }) => broker)
    .sort()

const states = (bus: Bus): BusSnapshot['registries'][number]['state'][] =>
  bus.snapshot().registries.map(({ state }) => state)

const linkedTo = (bus: Bus, brokers: string[]): Promise<void> =>
  until(`links to ${brokers}, not ${up(bus)}`, () => `${up(bus)}` === `${brokers}`)

/** A service that answers one topic, found as any client finds its brokers. */
const service = async (world: World, urls: string | string[]): Promise<Bus> => {
  const bus = await world.connect({ registry: urls }, { name: 'service', group: 'services' })
  await bus.reply('work.echo', (body) => body)
  return bus
}

/** A port that was free a moment ago. */
const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

story(
  'a client that knows a registry only finds all brokers, and those that come',
  async (world) => {
    const { url, snapshot } = await registry(world).then((r) => ({
      url: r.url,
      snapshot: () => r.snapshot(),
    }))
    await world.broker({ id: 'b1', idc: 'sz', registry: url })
    await world.broker({ id: 'b2', idc: 'sh', registry: [`${url}/`] })
    assert.deepEqual(
      snapshot().brokers.map(({ id, idc }) => [id, idc]),
      [
        ['b1', 'sz'],
        ['b2', 'sh'],
      ],
    )
    const { told, logger } = listener()
    const bus = await world.connect({ registry: url }, { logger, idc: 'sz' })
    await linkedTo(bus, ['b1', 'b2'])
    await service(world, url)
    assert.equal(await bus.request('work.echo', 7, { waitForResponder: true }), 7)

    await until('the client waits for a change', () => snapshot().waiters === 2)
    const third = await world.broker({ id: 'b3', idc: 'sz', registry: url })
    await linkedTo(bus, ['b1', 'b2', 'b3'])
    const found = told.flatMap((fact) => (fact.kind === 'broker_found' ? [fact] : []))
    assert.deepEqual(found.at(-1), { kind: 'broker_found', id: 'b3', idc: 'sz', url: third.url })

    // A broker that closes says so; one that was found is not forgotten by its clients.
    await third.close()
    assert.deepEqual(
      snapshot().brokers.map(({ id }) => id),
      ['b1', 'b2'],
    )
    await until('the link is down', () => up(bus).length === 2)
    assert.equal(bus.snapshot().links.length, 3)
  },
)

story('all registries lost: not one call fails, and they are found again', async (world) => {
  const first = await registry(world)
  const second = await registry(world)
  const urls = [first.url, second.url]
  for (const id of ['b1', 'b2']) await world.broker({ id, registry: urls })
  await service(world, urls)
  const { told, logger } = listener()
  const bus = await world.connect({ registry: urls }, { logger })
  await linkedTo(bus, ['b1', 'b2'])
  await bus.request('work.echo', 0, { waitForResponder: true })

  const calling = flood(500, 8, (i) => bus.request('work.echo', i))
  await Promise.all([first.close(), second.close()])
  assert.deepEqual(tally(await calling), { ok: 500 })
  await until('the loss is known', () => `${states(bus)}` === 'lost,lost')
  assert.deepEqual(tally(await flood(100, 8, (i) => bus.request('work.echo', i))), { ok: 100 })
  assert.deepEqual(up(bus), ['b1', 'b2'])
  for (const url of urls) {
    const lost = told.filter((fact) => fact.kind === 'registry_lost' && fact.url === url)
    assert.equal(lost.length, 1, 'one loss is told once, however often it is tried')
  }

  const again = await registry(world, { listen: first.url })
  await until('the brokers announce themselves', () => again.snapshot().brokers.length === 2)
  await until('the client is back', () => states(bus)[0] === 'known')
  await world.broker({ id: 'b3', registry: first.url })
  await linkedTo(bus, ['b1', 'b2', 'b3'])
})

story('a copy that has just started and knows nobody takes nobody away', async (world) => {
  const full = await registry(world)
  const first = await registry(world)
  const urls = [first.url, full.url]
  await world.broker({ id: 'b1', registry: full.url })
  const bus = await world.connect({ registry: urls })
  await until('both have answered', () => `${states(bus)}` === 'known,known')
  await first.close()
  const empty = await registry(world, { listen: first.url })
  await until('the empty one has answered', () => {
    return bus.snapshot().registries[0]?.copy === empty.snapshot().copy
  })
  assert.deepEqual(
    bus.snapshot().registries.map(({ brokers }) => brokers),
    [0, 1],
  )
  assert.deepEqual(up(bus), ['b1'])
  assert.equal(bus.snapshot().links.length, 1)
  // Nor does one that loses its brokers: it forgets those it does not hear of.
  await world.broker({ id: 'b2', registry: empty.url })
  await linkedTo(bus, ['b1', 'b2'])
})

story('answers that are older than one before, or none, are not taken', async (world) => {
  const good = await world.broker({ id: 'good' })
  const entry = { life: 1, idc: 'local', ageMs: 0 }
  const list = (version: number, ...urls: string[]): string => {
    const brokers = urls.map((url, i) => ({ ...entry, id: `b${i}`, urls: [url] }))
    return JSON.stringify({ copy: 'one-copy', version, brokers })
  }
  const trap = await freePort()
  const answers = [
    list(5, good.url),
    list(4, good.url, `ws://127.0.0.1:${trap}`),
    'no JSON',
    '{"copy":"one-copy","version":"six","brokers":[]}',
    `{"copy":"one-copy","version":6,"brokers":{"0":"${good.url}"}}`,
    list(6),
    JSON.stringify({ copy: 'one-copy', version: 7, brokers: [{ id: 7 }, { ...entry, urls: [] }] }),
  ]
  let asked = 0
  const url = await impostor(world, () => {
    const text = answers[Math.min(asked, answers.length - 1)]!
    asked += 1
    return { text }
  })
  const { told, logger } = listener()
  const bus = await world.connect({ registry: url }, { logger })
  await until('all were answered', () => bus.snapshot().registries[0]?.version === 7)
  assert.equal(bus.snapshot().links.length, 1, 'the older answer named a second broker')
  assert.deepEqual(up(bus), ['good'])
  const reasons = told.flatMap((fact) => (fact.kind === 'registry_lost' ? [fact.reason] : []))
  assert.match(reasons[0] ?? '', /one-copy\.4 is older than one before, and ignored/)
  assert.match(reasons[1] ?? '', /no list of brokers/)
  const refused = told.flatMap((fact) => (fact.kind === 'registry_refused' ? [fact.message] : []))
  assert.match(`${refused}`, /^2 of its brokers make no sense/)
})

story(
  'two brokers with one id: the second does not start, and is not left behind',
  async (world) => {
    const { url } = await registry(world)
    const first = await world.broker({ id: 'sz-1', registry: url })
    const port = await freePort()
    const second = { id: 'sz-1', registry: url, listen: `ws://127.0.0.1:${port}` }
    const error = await failure(startBroker(second), 'invalid_argument')
    assert.match(error.message, /registry http:\S+ refused this broker: broker id sz-1 is taken by/)
    assert.ok(error.message.includes(first.url), error.message)
    const { body } = await ask(url, 'GET', '/v1/brokers')
    assert.deepEqual((body.brokers as { urls: string[] }[])[0]?.urls, [first.url])
    // Nothing listens there any more: another one may.
    await world.broker({ ...second, id: 'sz-2' })
  },
)

story('a broker that one of two copies refuses is taken back from the other', async (world) => {
  const first = await registry(world)
  const second = await registry(world)
  await world.broker({ id: 'b1', registry: first.url })
  const both = { id: 'b1', listen: 'ws://127.0.0.1:0', registry: [second.url, first.url] }
  await failure(startBroker(both), 'invalid_argument')
  assert.deepEqual(second.snapshot().brokers, [])
})

story(
  'a broker that comes back in another data centre is refused until it is clear',
  async (world) => {
    const { url } = await registry(world, { leaseMs: 300 })
    const listen = `ws://127.0.0.1:${await freePort()}`
    // It was killed: nobody took its announcement back.
    await announce(url, { id: 'b1', life: 1, idc: 'sz', urls: [listen] })
    const error = await failure(
      startBroker({ id: 'b1', idc: 'sh', listen, registry: url }),
      'invalid_argument',
    )
    assert.match(error.message, /announced IDC sz as broker b1, and now IDC sh/)
    const gone = async (): Promise<boolean> => {
      const { body } = await ask(url, 'GET', '/v1/brokers')
      return (body.brokers as unknown[]).length === 0
    }
    await until('the lease is over', gone)
    await world.broker({ id: 'b1', idc: 'sh', listen, registry: url })
  },
)

story('a broker that is refused later on says so once, and goes on serving', async (world) => {
  let asked = 0
  const refusal = { error: { code: 'url_taken', message: 'taken over by broker b2' } }
  const url = await impostor(world, () => {
    asked += 1
    // A short lease has it announced often.
    if (asked === 1) return { text: '{"leaseMs":300}' }
    return { status: 409, text: JSON.stringify(refusal) }
  })
  const { told, logger } = listener()
  const broker = await world.broker({ id: 'b1', registry: url, logger })
  await until('it has tried again and again', () => asked > 5)
  const refusals = told.filter(({ kind }) => kind === 'registry_refused')
  assert.deepEqual(refusals, [{ kind: 'registry_refused', url, ...refusal.error }])
  const bus = await world.connect(broker.url)
  await bus.reply('work.echo', (body) => body)
  assert.equal(await bus.request('work.echo', 1), 1)
})

story('a registry that is not there, or hangs, hinders no broker', async (world) => {
  const hanging = await impostor(world, () => undefined)
  const missing = `http://127.0.0.1:${await freePort()}`
  const odd = await impostor(world, () => ({ status: 404, text: 'not here' }))
  const live = await registry(world)
  const { told, logger } = listener()
  const urls = [hanging, missing, odd, live.url]
  const broker = await world.broker({ id: 'b1', registry: urls, logger })
  assert.equal(live.snapshot().brokers[0]?.urls[0], broker.url)
  const lost = told.flatMap((fact) => (fact.kind === 'registry_lost' ? [fact.url] : []))
  assert.deepEqual(lost.sort(), [hanging, missing, odd].sort())
  await registry(world, { listen: missing })
  await until('it is told as soon as it is there', async () => {
    const { body } = await ask(missing, 'GET', '/v1/brokers')
    return (body.brokers as unknown[]).length === 1
  })
})

story('a broker that moves is followed with the link it had', async (world) => {
  const { url } = await registry(world)
  const before = await world.broker({ id: 'b1', registry: url })
  const bus = await world.connect({ registry: url })
  await before.close()
  await until('it is gone', () => up(bus).length === 0)
  const after = await world.broker({ id: 'b1', registry: url })
  await linkedTo(bus, ['b1'])
  assert.deepEqual(
    bus.snapshot().links.map((link) => link.url),
    [after.url],
  )
})

story('of several addresses of a broker the first that answers is used', async (world) => {
  const { url } = await registry(world)
  const dead = `ws://127.0.0.1:${await freePort()}`
  const port = await freePort()
  const live = `ws://127.0.0.1:${port}`
  await world.broker({ id: 'b1', listen: live, advertise: [dead, `${live}/`], registry: url })
  const bus = await world.connect({ registry: url })
  assert.deepEqual(
    bus.snapshot().links.map((link) => link.url),
    [live],
  )
})

story(
  'connect says which step failed: no registry, no broker in it, none that answers',
  async (world) => {
    const options = { connectTimeoutMs: 300 }
    const missing = `http://127.0.0.1:${await freePort()}`
    const nobody = await failure(world.connect({ registry: [missing] }, options), 'not_connected')
    assert.match(nobody.message, /no registry answered within 300 ms \(http:\S+: .*ECONNREFUSED/)
    const { url } = await registry(world)
    const empty = await failure(
      world.connect({ registry: [missing, url] }, options),
      'not_connected',
    )
    assert.ok(empty.message.startsWith(`registry ${url} knows no broker`), empty.message)
    const dead = `ws://127.0.0.1:${await freePort()}`
    await announce(url, { id: 'b1', life: 1, idc: 'local', urls: [dead] })
    const silent = await failure(world.connect({ registry: url }, options), 'not_connected')
    assert.match(silent.message, /no broker accepted within 300 ms \(ws:\S+: .*ECONNREFUSED/)
    assert.deepEqual(silent.details, { stage: 'requester', limit: 300 })
  },
)

story('a broker that drains is listed no more, and again when it resumes', async (world) => {
  const { url } = await registry(world)
  const admin = 'http://127.0.0.1:0'
  const broker = await world.broker({ id: 'b1', registry: url, admin })
  await world.broker({ id: 'b2', registry: url })
  const listed = async (): Promise<string> => {
    const { body } = await ask(url, 'GET', '/v1/brokers')
    return (body.brokers as { id: string }[]).map(({ id }) => id).join()
  }
  assert.equal(await listed(), 'b1,b2')
  const act = (what: string) =>
    ask(
      broker.adminUrl!,
      'POST',
      `/v1/brokers/b1/${what}`,
      { reason: 'new kernel' },
      { 'content-type': 'application/json' },
    )
  assert.equal((await act('drain')).status, 200)
  await until('it is taken back', async () => (await listed()) === 'b2')
  // Again and again, as fast as it goes: the last word counts.
  for (let i = 0; i < 5; i++) {
    await act('resume')
    await act('drain')
  }
  await act('resume')
  await until('it is there again', async () => (await listed()) === 'b1,b2')
  await act('drain')
  await until('it is taken back', async () => (await listed()) === 'b2')
})
