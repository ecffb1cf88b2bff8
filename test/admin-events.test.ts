/** The timeline as it grows: what is kept, what is folded, who hears it, and who is let go. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { advisoryText } from '../broker/admin/advisory-text.ts'
import type { TimelineEntry } from '../broker/admin/api.ts'
import { EventStreams } from '../broker/admin/events.ts'
import { Feed, positionsIn } from '../broker/admin/feed.ts'
import { Timeline } from '../broker/admin/timeline.ts'
import type { Advisory } from '../bus/advisory.ts'
import { listen } from './support/sse.ts'
import { admin, FakeSteering, say } from './support/steering.ts'
import { story, until } from './support/world.ts'

const full = (queue: number): Advisory => ({
  ...{ kind: 'queue_full', topic: 'account.balance', queue, depth: 10, limit: 10 },
})
/** One of a kind of its own each, so that none of them is folded. */
const KINDS: Advisory[] = [
  full(1),
  { kind: 'resumed' },
  { kind: 'draining', deliveries: 1 },
  { kind: 'registry_found', url: 'http://a:1' },
]

story(
  'a listener hears what happens from now on, and after a break what it missed',
  async (world) => {
    const steering = new FakeSteering('b1', 'sz', 77)
    const { url } = await admin(world, steering)
    const tell = (index: number): void => steering.watcher!.advised(KINDS[index]!)
    tell(0)
    const first = await listen(world, url)
    assert.equal(first.status, 200)
    await until('it has begun', () => first.events.length === 1)
    assert.deepEqual([first.events[0]!.event, first.events[0]!.id], ['start', '77-1'])
    tell(1)
    await until('it heard', () => first.entries().length === 1)
    assert.deepEqual(
      first.entries().map(({ id, kind }) => [id, kind]),
      [['77-2', 'resumed']],
    )
    first.stop()
    tell(2)
    tell(3)
    const again = await listen(world, url, '77-2')
    await until('it heard the rest', () => again.entries().length === 2)
    assert.deepEqual(
      again.entries().map(({ id }) => id),
      ['77-3', '77-4'],
    )
    // Of another life of this broker: everything there is.
    const older = await listen(world, url, '5-400')
    await until('it heard all', () => older.entries().length === 4)
    const wrong = await say(url, 'GET', '/v1/advisories', undefined, { 'last-event-id': '<b>' })
    assert.equal(wrong.status, 400)
  },
)

story('one listener hears all brokers, and misses nothing over a break', async (world) => {
  const far = new FakeSteering('b2', 'sh', 22)
  const other = await admin(world, far)
  const near = new FakeSteering('b1', 'sz', 11)
  const one = await admin(world, near, { options: { peers: [other.url] } })
  const scope = 'cluster'
  const first = await listen(world, one.url, '', { scope })
  await until('the peer is followed', () => other.server.figures().listeners === 1)
  far.watcher!.advised(KINDS[1]!)
  await until('it heard', () => first.entries().length === 1)
  near.watcher!.advised(KINDS[2]!)
  await until('it heard both', () => first.entries().length === 2)
  assert.deepEqual(
    first.entries().map(({ broker }) => broker),
    ['b2', 'b1'],
  )
  const { id } = first.entries()[1]!
  assert.deepEqual([...positionsIn(id)!].sort(), [
    [11, 1],
    [22, 1],
  ])
  first.stop()
  await until('it is gone', () => one.server.figures().listeners === 0)
  far.watcher!.advised(KINDS[3]!)
  const again = await listen(world, one.url, id, { scope })
  await until('it heard what it missed', () => again.entries().length === 1)
  assert.deepEqual(
    again.entries().map(({ broker, n }) => [broker, n]),
    [['b2', 2]],
  )

  // The peer goes and comes back: its listeners find it by themselves.
  await other.server.close()
  const back = await admin(world, new FakeSteering('b2', 'sh', 23), {
    options: { listen: other.url },
  })
  await until('it is followed again', () => back.server.figures().listeners === 1, 12_000)
  back.steering.watcher!.advised(KINDS[1]!)
  await until('it heard the new life', () => again.entries().length === 2)
  assert.match(again.entries()[1]!.id, /23-1$/)
})

const entry = (n: number): TimelineEntry => ({
  ...{ n, at: n, broker: 'b1', source: 'broker', node: 'b1', level: 'info', kind: 'resumed' },
  ...{ text: 'x'.repeat(400), topic: null, idc: null, advisory: null, audit: null },
})

story('a listener that takes nothing is let go, and nobody else waits for it', async (world) => {
  const feed = new Feed(5_000)
  const streams = new EventStreams()
  const server = createServer((_, response) => {
    streams.open(response, {}, { feed, startId: '7-0', after: undefined }, () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  world.later(async () => {
    streams.close()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const deaf = await listen(world, url, '', { isReading: false })
  const quick = await listen(world, url)
  await until('two listen', () => streams.size === 2)
  let n = 0
  // Until the systems of both ends have taken all they take.
  while (streams.counters.listenersDropped === 0 && n < 200_000) {
    for (let i = 0; i < 100; i++) {
      n += 1
      feed.push({ entry: entry(n), id: `7-${n}` })
    }
    await until('the quick one hears', () => quick.events.at(-1)?.id === `7-${n}`)
    quick.events.length = 0
  }
  assert.deepEqual([streams.counters.listenersDropped, streams.size], [1, 1])
  deaf.response.resume()
  await until('it was cut', () => deaf.isOver)
  assert.equal(quick.isOver, false)
})

story('there are at most a hundred listeners', async (world) => {
  const { url, server } = await admin(world, new FakeSteering('b1'))
  await Promise.all(Array.from({ length: 100 }, () => listen(world, url)))
  const { status, body } = await say(url, 'GET', '/v1/advisories')
  assert.deepEqual([status, body.error.code], [429, 'too_many'])
  assert.equal(server.figures().counters.listenersRefused, 1)
})

story('what is below info is not kept, floods are folded, and the oldest goes first', async () => {
  let now = 1_000_000
  const timeline = new Timeline({ broker: 'b1', idc: 'sz', life: 1, most: 100 }, () => now)
  timeline.advised({ kind: 'routes', topic: 'a', writable: 1, queues: 1 })
  assert.deepEqual(timeline.entries(0, 10), [])
  for (let i = 0; i < 500; i++) timeline.advised(full(i))
  timeline.advised({ kind: 'resumed' })
  assert.equal(timeline.entries(0, 1_000).length, 51)
  now += 1_000
  timeline.advised(full(7))
  const [folded, last] = timeline.entries(now, 10)
  assert.equal(folded!.text, '450 more of queue_full within a second.')
  assert.equal(last!.text, 'Queue 7 of account.balance is full: 10 of 10.')
  assert.equal(timeline.counters.timelineFolded, 450)
  for (let i = 0; i < 200; i++) {
    now += 1_000
    timeline.advised(full(i))
  }
  const all = timeline.entries(0, 1_000)
  assert.deepEqual([all.length, all.at(-1)!.n], [100, 253])
  assert.equal(timeline.entries(0, 7).length, 7)
  timeline.close()
})

story('texts of others stay on one line, and short', async (world) => {
  const hostile = `<script>alert(1)</script>\u0000\n\u2028\u202e${'x'.repeat(10_000)}`
  const text = advisoryText({ kind: 'session_ended', peer: hostile, reason: hostile })
  assert.ok(text.length <= 500, `${text.length}`)
  assert.doesNotMatch(text, /[\p{Cc}\p{Bidi_Control}\u2028]/u)

  const steering = new FakeSteering('b1')
  const { url } = await admin(world, steering)
  steering.report(steering.link('c1', hostile), {
    news: [{ agoMs: 5, advisory: { kind: 'link_down', peer: hostile, reason: hostile } }],
  })
  const { body, headers } = await say(url, 'GET', '/v1/timeline')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.match(headers.get('content-type')!, /^application\/json/)
  const [entry] = body.entries as { text: string; node: string }[]
  assert.ok(entry!.text.length <= 500 && entry!.node.length <= 200)
})

story('a drill says where it is, until it says that it is over', async (world) => {
  const steering = new FakeSteering('b1')
  const { url } = await admin(world, steering)
  const mark = (phase: string) =>
    say(url, 'POST', '/v1/marks', { drill: 'idc-cut', phase, text: 'the cable is out' })
  const drill = async () => (await say(url, 'GET', '/v1/snapshot')).body.drill as { phase: string }
  const { status, body } = await mark('hurt')
  assert.deepEqual([status, (body.entry as { text: string }).text], [200, 'hurt: the cable is out'])
  assert.equal((await drill()).phase, 'hurt')
  await mark('end')
  assert.equal(await drill(), null)
  assert.equal((await say(url, 'POST', '/v1/marks', { drill: 'x', phase: 'y' })).status, 400)
})
