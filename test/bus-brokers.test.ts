import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Advisory, Bus } from '../rr-client/index.ts'
import { failure, story, until, type World } from './support/world.ts'

/** News of a bus, as they come. */
const newsOf = (bus: Bus): Advisory[] => {
  const news: Advisory[] = []
  void (async () => {
    for await (const advisory of bus.status()) news.push(advisory)
  })()
  return news
}

const echoAt = async (world: World, url: string | string[], idc = 'local'): Promise<Bus> => {
  const bus = await world.connect(url, { name: 'echo', idc })
  await bus.reply('work.echo', (body) => body)
  return bus
}

const linksUp = (bus: Bus): number => bus.snapshot().links.filter((l) => l.state === 'up').length

describe('brokers that are not what they seem', () => {
  story('one broker by two urls gets one link, and keeps it', async (world) => {
    const { url } = await world.broker()
    await echoAt(world, url)
    const bus = await world.connect([url, url.replace('127.0.0.1', 'localhost')])
    const states = (): string =>
      bus
        .snapshot()
        .links.map((link) => link.state)
        .sort()
        .join(' ')
    await until('one of the two links is left alone', () => states() === 'up waiting')
    const news = newsOf(bus)
    for (let i = 0; i < 200; i++) assert.equal(await bus.request('work.echo', i), i)
    assert.deepEqual(
      news.filter(({ kind }) => kind === 'link_down'),
      [],
    )
    assert.equal(linksUp(bus), 1)
  })

  story('of two brokers with one id the second is refused, and says why', async (world) => {
    const first = await world.broker({ id: 'sz-1' })
    const second = await world.broker({ id: 'sz-1' })
    await echoAt(world, first.url)
    const bus = await world.connect(first.url)
    const both = await world.connect([first.url, second.url])
    const news = newsOf(both)
    assert.equal(await bus.request('work.echo', 1), 1)
    await until('told', () => news.some(({ kind }) => kind === 'duplicate_broker'))
    const told = news.find((advisory) => advisory.kind === 'duplicate_broker')
    assert.match(told?.message ?? '', /two brokers with one id, sz-1/)
    assert.equal(linksUp(both), 1)
  })

  story(
    'a client whose data centre no broker stands in is served, and told once',
    async (world) => {
      const broker = await world.broker({ idc: 'sz' })
      const warnings: string[] = []
      const logger = {
        debug: () => {},
        info: () => {},
        error: () => {},
        warn: (about: unknown) => warnings.push((about as Advisory).kind),
      }
      await echoAt(world, broker.url, 'sz')
      const bus = await world.connect(broker.url, { idc: 'shenzhen', logger })
      for (let i = 0; i < 20; i++) assert.equal(await bus.request('work.echo', i), i)
      assert.deepEqual(warnings, ['unknown_idc'])
      assert.equal(bus.snapshot().links[0]?.isHome, true)
    },
  )

  story('queues: min above max is refused where it is written', async (world) => {
    const broker = await world.broker()
    const bus = await world.connect(broker.url)
    const asked = bus.reply('work.echo', (body) => body, { queues: { min: 3, max: 2 } })
    const error = await failure(asked, 'invalid_argument')
    assert.match(error.message, /min must not be above max/)
    const misspelt = { queues: { mni: 3 } } as object
    const unknown = await failure(
      bus.reply('work.echo', (body) => body, misspelt),
      'invalid_argument',
    )
    assert.match(unknown.message, /"mni" in queues is unknown.*min/)
  })
})
