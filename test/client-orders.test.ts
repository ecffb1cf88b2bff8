/** What operators can have a client do, by a broker that passes their orders on. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { ForceOrder } from '../bus/order.ts'
import type { Bus } from '../rr-client/index.ts'
import { Onlooker } from './support/onlooker.ts'
import { ending, failure, story, until, type World } from './support/world.ts'

/** Two instances that say who they are, and a requester that takes orders. */
const twoInstances = async (world: World) => {
  const broker = await world.broker()
  const onlooker = await Onlooker.before(broker.url)
  world.later(() => onlooker.close())
  const answer = async (name: string): Promise<Bus> => {
    const bus = await world.connect(broker.url, { name, group: 'services' })
    await bus.reply('work.who', () => name)
    return bus
  }
  const [one, two] = [await answer('one'), await answer('two')]
  const bus = await world.connect(onlooker.url)
  await until('both routes', async () => {
    await bus.request('work.who', {})
    return bus.snapshot().topics[0]?.writable === 2
  })
  return { broker, onlooker, one, two, bus, answer }
}

const FORCE: ForceOrder = {
  do: 'force',
  id: 'word-1',
  topic: 'work.who',
  what: 'queues',
  to: 'open',
  reason: 'a bad disk',
  forMs: 60_000,
}

const whoAnswers = async (bus: Bus, topic = 'work.who'): Promise<string[]> => {
  const calls = Array.from({ length: 40 }, () => ending(bus.request(topic, {})))
  const who = (await Promise.all(calls)).map(({ value, error }) => String(value ?? error?.code))
  return [...new Set(who)].sort()
}

describe('an order about queues', () => {
  story('means those of one instance, and is taken back by its id', async (w) => {
    const { onlooker, bus, one } = await twoInstances(w)
    const order = { ...FORCE, instance: one.instance }
    assert.deepEqual(await onlooker.order(order), { circuits: 0, queues: 1 })
    assert.deepEqual(await whoAnswers(bus), ['two'])
    const route = bus.snapshot().topics[0]?.routes.find((r) => r.instance === one.instance)
    assert.deepEqual([route?.isolation, route?.forced?.reason], ['open', 'a bad disk'])
    await onlooker.order({ ...FORCE, to: 'auto', reason: 'a new disk' })
    assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
  })

  story('holds for queues that come later', async (w) => {
    const { onlooker, bus, answer } = await twoInstances(w)
    assert.equal((await onlooker.order({ ...FORCE, idc: 'local' })).queues, 2)
    const three = await answer('three')
    await three.reply('work.other', () => 'other')
    await until('it is known', () => bus.snapshot().topics[0]?.writable === 3)
    assert.deepEqual(await whoAnswers(bus), ['circuit_open'])
    assert.deepEqual(await whoAnswers(bus, 'work.other'), ['other'], 'it is about one topic')
    assert.equal((await onlooker.order({ ...FORCE, idc: 'local', to: 'auto' })).queues, 3)
    assert.deepEqual(await whoAnswers(bus), ['one', 'three', 'two'])
  })

  story('about every topic holds for those that are called later, too', async (w) => {
    const { onlooker, bus, two } = await twoInstances(w)
    await two.reply('work.later', () => 'later')
    const all = { ...FORCE, topic: '*', instance: two.instance, reason: 'two is sick' }
    assert.deepEqual(await onlooker.order(all), { circuits: 0, queues: 1 })
    const error = await failure(bus.request('work.later', {}), 'circuit_open')
    assert.match(error.message, /two is sick/)
    assert.equal(error.outcome, 'not_executed')
    assert.deepEqual(await whoAnswers(bus), ['one'])
    // By another broker it has another id; what it is about is the same.
    await onlooker.order({ ...all, id: 'word-9', to: 'auto' })
    assert.deepEqual(await whoAnswers(bus, 'work.later'), ['later'])
  })

  story('that came last holds; when its time is over the one before does', async (w) => {
    const { onlooker, bus, one } = await twoInstances(w)
    await onlooker.order({ ...FORCE, topic: '*', idc: 'local', reason: 'closed' })
    const but = { ...FORCE, id: 'word-2', instance: one.instance, to: 'closed' as const }
    await onlooker.order({ ...but, forMs: 400 })
    assert.deepEqual(await whoAnswers(bus), ['one'])
    await until('nobody again', async () => (await whoAnswers(bus)).join() === 'circuit_open')
  })

  story('lets one call look at queues that are closed off', async (w) => {
    const { onlooker, bus, one } = await twoInstances(w)
    const order = { ...FORCE, instance: one.instance }
    await onlooker.order(order)
    await onlooker.order({ ...order, to: 'probe', reason: 'is it back?' })
    await until('its calls return', async () => (await whoAnswers(bus)).includes('one'))
  })
})

describe('an order about a circuit', () => {
  story(
    'for one client goes before one for all, which holds again when that is over',
    async (w) => {
      const { onlooker, bus } = await twoInstances(w)
      const all = {
        ...FORCE,
        what: 'circuit',
        id: 'for-all',
        reason: 'the ledger is wrong',
      } as const
      const one = { ...all, id: 'for-one', to: 'closed', reason: 'this one repairs it' } as const
      await onlooker.order(all)
      assert.deepEqual(await whoAnswers(bus), ['circuit_open'])
      await onlooker.order(one)
      assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
      await onlooker.order({ ...one, to: 'auto' })
      assert.match((await failure(bus.request('work.who', {}), 'circuit_open')).message, /ledger/)
      await onlooker.order({ ...one, forMs: 30 })
      const isOpen = async () => (await whoAnswers(bus)).join() === 'circuit_open'
      await until('its time is over, and the other holds', isOpen)
      await onlooker.order({ ...all, to: 'auto' })
      assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
    },
  )

  story('opens it, also before the topic was called, and takes that back', async (w) => {
    const { onlooker, bus, two } = await twoInstances(w)
    await two.reply('work.later', () => 'later')
    const order = { ...FORCE, what: 'circuit', topic: 'work.later' } as const
    assert.deepEqual(await onlooker.order(order), { circuits: 1, queues: 0 })
    const error = await failure(bus.request('work.later', {}), 'circuit_open')
    assert.match(error.message, /a bad disk/)
    assert.deepEqual(await onlooker.order({ ...order, to: 'auto' }), { circuits: 1, queues: 0 })
    assert.deepEqual(await whoAnswers(bus, 'work.later'), ['later'])
  })

  story('under an id that is known is about the new topic only', async (w) => {
    const { onlooker, bus, two } = await twoInstances(w)
    await two.reply('work.later', () => 'later')
    const order = { ...FORCE, what: 'circuit' } as const
    await onlooker.order(order)
    await onlooker.order({ ...order, topic: 'work.later' })
    assert.deepEqual(await whoAnswers(bus, 'work.later'), ['circuit_open'])
    assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
  })
})

describe('what is no order', () => {
  story('is answered with what was wrong, and changes nothing', async (w) => {
    const { onlooker, bus } = await twoInstances(w)
    const texts: [string, RegExp][] = [
      ['', /JSON/],
      ['{"do":"force"', /JSON/],
      ['null', /force or trace/],
      ['[]', /force or trace/],
      ['{"do":"explode"}', /force or trace.*explode/],
      ['{"do":"trace"}', /correlationId/],
      ['{"do":"trace","correlationId":"nonsense"}', /correlationId.*nonsense/],
      [JSON.stringify({ ...FORCE, forMs: 0 }), /forMs/],
      [JSON.stringify({ ...FORCE, forMs: 86_400_001 }), /forMs/],
      [JSON.stringify({ ...FORCE, forMs: 'long' }), /forMs/],
      [JSON.stringify({ ...FORCE, reason: '' }), /reason/],
      [JSON.stringify({ ...FORCE, id: '' }), /id/],
      [JSON.stringify({ ...FORCE, id: 'x'.repeat(200) }), /id/],
      [JSON.stringify({ ...FORCE, topic: 'no topic' }), /topic/],
      [JSON.stringify({ ...FORCE, topic: { toString: 'x' } }), /topic/],
      [JSON.stringify({ ...FORCE, idc: '../etc' }), /idc/],
      [JSON.stringify({ ...FORCE, zone: 'sz' }), /zone.*unknown/],
      [JSON.stringify({ ...FORCE, what: 'circuit', topic: '*' }), /one topic/],
      [JSON.stringify({ ...FORCE, what: 'circuit', idc: 'sz' }), /queues/],
      ['['.repeat(60_000), /JSON/],
    ]
    for (const [text, error] of texts) {
      const answer = await onlooker.text(text)
      assert.match(answer.error ?? '', error, text.slice(0, 100))
      assert.ok(answer.error!.length <= 300)
    }
    assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
    assert.equal(bus.snapshot().links[0]?.state, 'up')
  })

  story('one word too many is refused, until one is over or taken back', async (w) => {
    const { onlooker, bus } = await twoInstances(w)
    for (const what of ['queues', 'circuit'] as const) {
      const word = (i: number) => ({ ...FORCE, what, id: `${what}-${i}`, topic: `none.${i}` })
      for (let i = 0; i < 100; i++) assert.equal((await onlooker.order(word(i))).error, undefined)
      assert.match((await onlooker.order(word(100))).error ?? '', /100 words/)
      assert.equal((await onlooker.order(word(50))).error, undefined, 'the same again')
      await onlooker.order({ ...word(7), to: 'auto' })
      assert.equal((await onlooker.order(word(100))).error, undefined)
    }
    assert.throws(
      () => bus.force('work.who', { what: 'queues', to: 'open', reason: 'one more' }),
      /100 words/,
    )
    assert.deepEqual(await whoAnswers(bus), ['one', 'two'])
  })
})

describe('an order to tell of a call', () => {
  story('is answered by its requester with what became of it', async (w) => {
    const { onlooker, bus } = await twoInstances(w)
    onlooker.observe(1_000)
    await until('it is looked at', async () => {
      await bus.request('work.who', {})
      return bus.snapshot().topics[0]?.p50Ms !== undefined
    })
    const { error } = await ending(bus.request('work.nobody', {}))
    const correlationId = String(error?.details?.correlationId)
    const { trace = [] } = await onlooker.order({ do: 'trace', correlationId })
    assert.deepEqual(
      trace.map(({ what, reason, node, role }) => [what, reason, node, role]),
      [
        ['accepted', undefined, bus.instance, 'requester'],
        ['settled', 'no_responder', bus.instance, 'requester'],
      ],
    )
    assert.deepEqual(await onlooker.order({ do: 'trace', correlationId: 'another-1' }), {
      trace: [],
    })
  })
})
