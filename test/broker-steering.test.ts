/** What a broker lets its admin side see and do, over real links. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { BrokerHost } from '../broker/broker.ts'
import type { BrokerOptions } from '../broker/index.ts'
import type { ClientIdentity, Steering, Watcher } from '../broker/steering.ts'
import type { Advisory } from '../bus/advisory.ts'
import { FieldReader, Frame } from '../bus/index.ts'
import { decodeObserve, decodeOrder, encodeOrder } from '../bus/observe-frames.ts'
import type { Order } from '../bus/order.ts'
import { frame, RawClient } from './support/raw.ts'
import {
  type Ending,
  ending,
  failure,
  flood,
  story,
  tally,
  until,
  type World,
} from './support/world.ts'

const TOPIC = 'account.balance'
const FORCE = { do: 'force', id: 'w1', topic: TOPIC, what: 'circuit', to: 'open' } as const
const ORDER: Order = { ...FORCE, reason: 'a test', forMs: 60_000 }

/** Hears all there is to hear. */
class Ear implements Watcher {
  readonly advisories: Advisory[] = []
  readonly reports: { from: string; json: string }[] = []
  readonly states: string[] = []

  advised(advisory: Advisory): void {
    this.advisories.push(advisory)
  }

  reported({ name }: ClientIdentity, json: Buffer): void {
    this.reports.push({ from: name, json: json.toString() })
  }

  clientIs(client: ClientIdentity, state: 'up' | 'lost' | 'gone'): void {
    this.states.push(`${client.name} ${state}`)
    // What is shown to people has no secrets in it.
    assert.deepEqual(Object.keys(client), ['instance', 'name', 'idc', 'label'])
  }

  heard(kind: Advisory['kind']): number {
    return this.advisories.filter((advisory) => advisory.kind === kind).length
  }
}

const start = async (world: World, options: BrokerOptions = {}) => {
  const broker = await world.broker(options)
  assert.ok(broker instanceof BrokerHost)
  const steering: Steering = broker.steering
  return { broker, steering, url: broker.url }
}

const readerOf = (payload: Buffer): FieldReader => new FieldReader(payload, 0, payload.length)
const ordersOf = (raw: RawClient) =>
  raw.frames
    .filter(({ type }) => type === Frame.order)
    .map(({ payload }) => {
      const { id, json } = decodeOrder(readerOf(payload))
      return { id, order: JSON.parse(json.toString()) as Order & { forMs?: number } }
    })
const answer = (raw: RawClient, id: number, what: unknown): void =>
  raw.batch(frame(Frame.ordered, encodeOrder({ id, json: Buffer.from(JSON.stringify(what)) })))

const hello = (name: string) => ({
  instance: `instance-${name}-1`,
  name,
  replyTopic: `to-${name}-1`,
})

describe('a broker that is watched', () => {
  story('asks its clients for reports, and tells who comes and goes', async (world) => {
    const { steering, url } = await start(world)
    const early = await RawClient.greeted(url, hello('early'))
    assert.equal(early.frames.filter(({ type }) => type === Frame.observe).length, 0)
    const ear = new Ear()
    steering.watch(ear)
    const { payload } = await early.got(Frame.observe)
    assert.deepEqual(decodeObserve(readerOf(payload)), { everyMs: 1_000, maxBytes: 65_536 })
    const late = await RawClient.greeted(url, hello('late'))
    await late.got(Frame.observe)
    late.batch(frame(Frame.report, Buffer.from('{"n":1}')))
    await until('the report is there', () => ear.reports.length === 1)
    assert.deepEqual(ear.reports, [{ from: 'late', json: '{"n":1}' }])
    assert.equal(steering.snapshot().counters.reports, 1)
    late.batch(frame(Frame.goodbye, Buffer.from([0, 0])))
    await late.end()
    early.close()
    await until('early is lost', () => ear.states.includes('early lost'))
    assert.deepEqual(ear.states, ['early up', 'late up', 'late gone', 'early lost'])
    assert.equal(ear.heard('session_ended'), 1)
    assert.throws(() => steering.watch(ear), { code: 'invalid_argument' })
  })

  story('is not hurt by a watcher that throws', async (world) => {
    const defects: unknown[] = []
    const silent = { debug: () => {}, info: () => {}, warn: () => {} }
    const logger = { ...silent, error: (about: unknown) => defects.push(about) }
    const { steering, url } = await start(world, { logger })
    steering.watch({
      advised: () => {
        throw new Error('no')
      },
      reported: () => {},
      clientIs: () => {},
    })
    const service = await world.connect(url)
    await service.reply(TOPIC, () => 'fine')
    assert.equal(await service.request(TOPIC, ''), 'fine')
    assert.ok(defects.length > 0)
  })
})

describe('orders to clients', () => {
  story('are answered, each under its number', async (world) => {
    const { steering, url } = await start(world)
    const one = await RawClient.greeted(url, hello('one'))
    const two = await RawClient.greeted(url, { ...hello('two'), secret: 'secret-of-two' })
    const asked = ['one', 'two'].map((name) => steering.order(hello(name).instance, ORDER, 5_000))
    await Promise.all([one.got(Frame.order), two.got(Frame.order)])
    const [first] = ordersOf(one)
    const [second] = ordersOf(two)
    assert.deepEqual(first!.order, ORDER)
    // Of another client's order nobody may settle the promise.
    answer(two, first!.id, { circuits: 9 })
    answer(two, second!.id, { circuits: 2 })
    assert.deepEqual(await asked[1], { circuits: 2 })
    answer(one, first!.id, { circuits: 1 })
    assert.deepEqual(await asked[0], { circuits: 1 })
    answer(one, first!.id, { circuits: 3 })
    const odd = steering.order(hello('one').instance, ORDER, 5_000)
    await until('asked again', () => ordersOf(one).length === 2)
    answer(one, ordersOf(one)[1]!.id, 7)
    assert.deepEqual(await odd, { error: 'its answer is not a JSON object' })
    assert.equal(steering.snapshot().counters.orders, 3)
    one.close()
    two.close()
  })

  story(
    'settle when nobody answers: not linked, lost meanwhile, too late, the broker closed',
    async (world) => {
      const { broker, steering, url } = await start(world)
      await failure(steering.order('nobody', ORDER, 1_000), 'not_connected')
      const raw = await RawClient.greeted(url, hello('mute'))
      const { instance } = hello('mute')
      const late = await failure(steering.order(instance, ORDER, 50), 'deadline_exceeded')
      assert.match(late.message, /instance-mute-1 has not answered/)
      const lost = ending(steering.order(instance, ORDER, 60_000))
      raw.close()
      const { error } = await lost
      assert.deepEqual([error?.code, error?.outcome], ['not_connected', 'unknown'])
      const again = await RawClient.greeted(url, hello('mute'))
      const closed = failure(steering.order(instance, ORDER, 60_000), 'not_connected')
      await broker.close()
      await closed
      again.close()
      await failure(steering.drain(1_000), 'not_connected')
    },
  )

  story(
    'that are kept reach clients that come later, with what is left of their time',
    async (world) => {
      const { steering, url } = await start(world)
      steering.keepOrder(ORDER, 'w1', steering.now() + 30_000)
      steering.keepOrder({ ...ORDER, id: 'w2' }, 'w2', steering.now() + 30_000)
      steering.keepOrder({ ...ORDER, id: 'w3' }, 'w3', steering.now() - 1)
      steering.dropOrder('w2')
      const raw = await RawClient.greeted(url, hello('late'))
      await raw.got(Frame.order)
      const told = ordersOf(raw)
      assert.equal(told.length, 1)
      const { forMs, ...order } = told[0]!.order
      assert.deepEqual(order, { ...FORCE, reason: 'a test' })
      assert.ok(forMs! > 20_000 && forMs! <= 30_000)
      answer(raw, told[0]!.id, { circuits: 1 })
      raw.close()
      for (let i = 0; i < 199; i++) steering.keepOrder(ORDER, `k${i}`, steering.now() + 9_000)
      assert.throws(() => steering.keepOrder(ORDER, 'one more', steering.now() + 9_000), {
        code: 'overloaded',
      })
      steering.keepOrder(ORDER, 'k0', steering.now() + 10_000)
      const reason = 'x'.repeat(70_000)
      assert.throws(() => steering.keepOrder({ ...ORDER, reason }, 'k0', 0), {
        code: 'invalid_argument',
      })
    },
  )
})

describe('a broker is steered', () => {
  /** Two brokers, two responders, one requester, and calls that never pause. */
  const town = async (world: World) => {
    const b1 = await start(world)
    const b2 = await start(world)
    const urls = [b1.url, b2.url]
    const services = []
    for (const name of ['Y1', 'Y2']) {
      const service = await world.connect(urls, { name, group: 'accounts' })
      await service.reply(TOPIC, (body) => body, { concurrency: 8 })
      services.push(service)
    }
    const bus = await world.connect(urls, { name: 'R' })
    const runs: Promise<Ending<unknown>[]>[] = []
    const calls = (count: number) => {
      const run = flood(count, 8, (i) => bus.request(TOPIC, { i }, { timeoutMs: 5_000 }))
      runs.push(run)
      return run
    }
    const instanceOf = (name: string): string =>
      b1.steering.sessions('', 1_000).find((session) => session.name === name)!.instance
    return { b1, b2, bus, calls, instanceOf, urls }
  }

  story('held and released, drained and resumed, kicked: no call fails', async (world) => {
    const { b1, b2, calls, instanceOf, urls } = await town(world)
    const ear = new Ear()
    b1.steering.watch(ear)
    await until('three are linked', () => b1.steering.sessions('', 9).length === 3)
    const y1 = instanceOf('Y1')
    const owners = () => b1.steering.snapshot().topics[0]?.queues.map(({ ownerName }) => ownerName)

    let load = calls(400)
    assert.equal(b1.steering.hold(TOPIC, y1, 'too hot', 60_000), true)
    assert.deepEqual(owners(), ['Y2'])
    assert.equal(b1.steering.hold('unheard.of', y1, 'too hot', 60_000), false)
    assert.deepEqual(tally(await load), { ok: 400 })
    assert.equal(b1.steering.release(TOPIC, y1), true)
    assert.equal(b1.steering.release(TOPIC, y1), false)
    await until('it has its queue again', () => owners()?.length === 2)

    load = calls(400)
    const drained = b1.steering.drain(10_000)
    assert.equal(b1.steering.snapshot().state, 'draining')
    assert.equal((await drained).abandoned, 0)
    assert.equal(b1.steering.snapshot().state, 'drained')
    assert.equal(b1.steering.snapshot().sessions, 0)
    assert.deepEqual(await b1.steering.drain(1_000), { handedBack: 0, abandoned: 0 })
    assert.deepEqual(tally(await load), { ok: 400 })
    const late = await world.connect(urls, { name: 'Late' })
    assert.equal(await late.request(TOPIC, 'hello'), 'hello')
    const refused = await failure(world.connect(b1.url, { connectTimeoutMs: 300 }), 'not_connected')
    assert.match(refused.message, /draining/)
    b1.steering.resume()
    await until('all are back', () => b1.steering.snapshot().sessions === 4, 10_000)
    await until('and answer', () => owners()?.length === 2)

    load = calls(400)
    assert.equal(b1.steering.kick(y1, 'too hot', 0), true)
    assert.equal(b1.steering.kick('nobody', 'too hot', 0), false)
    assert.deepEqual(tally(await load), { ok: 400 })
    await until('it is back', () => b1.steering.session(y1)?.state === 'up')
    for (const kind of [
      'queue_held',
      'queue_released',
      'draining',
      'drained',
      'resumed',
    ] as const) {
      assert.equal(ear.heard(kind), 1, kind)
    }
    assert.equal(ear.heard('session_kicked'), 1)
    assert.equal(b2.steering.snapshot().state, 'open')
  })

  story('a drain that is called off, or whose broker is closed, settles', async (world) => {
    const { broker, steering, url } = await start(world)
    const service = await world.connect(url)
    let finish = (_: string): void => {}
    await service.reply(TOPIC, () => new Promise((resolve) => (finish = resolve)))
    const call = service.request(TOPIC, '', { timeoutMs: 10_000 })
    await until('it runs', () => steering.snapshot().deliveries === 1)
    const first = steering.drain(30_000)
    assert.equal(steering.drain(20_000), first)
    steering.resume()
    assert.deepEqual(await first, { handedBack: 0, abandoned: 0 })
    assert.equal(steering.snapshot().state, 'open')
    const second = steering.drain(30_000)
    finish('done')
    assert.equal(await call, 'done')
    assert.deepEqual(await second, { handedBack: 0, abandoned: 0 })
    steering.resume()
    await until('it is back', () => steering.snapshot().sessions === 1, 10_000)
    await until('and answers', () => steering.snapshot().topics[0]?.queues[0]?.state === 'writable')
    const third = service.request(TOPIC, '', { timeoutMs: 10_000 })
    await until('it runs', () => steering.snapshot().deliveries === 1)
    const last = steering.drain(30_000)
    const ended = ending(third)
    await broker.close()
    assert.deepEqual(await last, { handedBack: 0, abandoned: 0 })
    finish('too late')
    await service.close({ timeoutMs: 0 })
    await ended
  })

  story('limits: only in their bounds; a trace tells a call from end to end', async (world) => {
    const { b1, bus } = await town(world)
    b1.steering.watch(new Ear())
    const { maxDepth, maxDepthBytes } = b1.steering.snapshot().topics[0]!
    assert.deepEqual(b1.steering.setLimits(TOPIC, { maxDepth: 5 }), {
      before: { maxDepth, maxDepthBytes },
      after: { maxDepth: 5, maxDepthBytes },
    })
    assert.equal(b1.steering.setLimits('unheard.of', { maxDepth: 5 }), undefined)
    for (const wrong of [{ maxDepth: 0 }, { maxDepth: 1_000_001 }, { maxDepthBytes: 1_023 }]) {
      assert.throws(() => b1.steering.setLimits(TOPIC, wrong), { code: 'invalid_argument' })
    }
    await flood(20, 2, () => bus.request(TOPIC, 'x'))
    const { instance } = b1.steering.sessions('', 9).find(({ name }) => name === 'R')!
    const stories = Array.from({ length: 30 }, (_, i) => b1.steering.trace(`${instance}-${i + 1}`))
    const told = stories.find((events) => events.length > 0)!
    assert.deepEqual(
      told.map(({ what }) => what),
      ['dispatched', 'replied'],
    )
    assert.ok(told.every(({ node, topic }) => node === b1.steering.id && topic === TOPIC))
  })

  story('without room for traces nothing is remembered, and all else goes on', async (world) => {
    const { steering, url } = await start(world, { traceEvents: 0 })
    steering.watch(new Ear())
    const service = await world.connect(url)
    await service.reply(TOPIC, () => 1)
    assert.equal(await service.request(TOPIC, ''), 1)
    const { instance } = steering.sessions('', 9)[0]!
    assert.deepEqual(steering.trace(`${instance}-1`), [])
    assert.equal(steering.snapshot().topics[0]!.queues[0]!.ends.ok, 1)
    await failure(world.broker({ traceEvents: 4_194_305 }), 'invalid_argument')
  })
})
