/** What is kept of clients' reports: the newest word, within bounds, and nothing of what makes no sense. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Clients } from '../broker/admin/clients.ts'
import type { Report } from '../bus/report.ts'
import { topicReport } from './support/steering.ts'

const who = (instance: string) => ({ instance, name: `name of ${instance}`, idc: 'sz', label: '' })
const json = (report: Partial<Report>): Buffer =>
  Buffer.from(JSON.stringify({ n: 1, isFull: true, state: 'open', inFlight: 0, ...report }))

const world = () => {
  const clock = { now: 1_000 }
  const clients = new Clients('b1', () => clock.now)
  const say = (instance: string, report: Partial<Report>) =>
    clients.reported(who(instance), json(report))
  const part = (instance: string) =>
    clients.parts().clients.find((client) => client.instance === instance)
  return { clock, clients, say, part }
}

describe('one client', () => {
  test('is put together of full reports and of what changed; older ones count for nothing', () => {
    const { clients, say, part, clock } = world()
    say('c1', {
      counters: { requests: 5, retries: 1 },
      topics: [topicReport('a', { open: 1 }), topicReport('b')],
      answering: [],
    })
    clock.now += 400
    say('c1', {
      ...{ n: 2, isFull: false, inFlight: 3, counters: { requests: 9 } },
      ...{ topics: [topicReport('a', { open: 3 }), topicReport('c')], left: ['b'] },
    })
    assert.equal(say('c1', { n: 2, inFlight: 99 }), undefined)
    assert.equal(say('c1', { n: 1, inFlight: 99 }), undefined)
    const client = part('c1')!
    assert.deepEqual([client.n, client.inFlight, client.ageMs], [2, 3, 0])
    assert.deepEqual(client.counters, { requests: 9, retries: 1 })
    assert.deepEqual(
      client.topics.map(({ topic, open }) => [topic, open]),
      [
        ['a', 3],
        ['c', 0],
      ],
    )
    assert.ok(!('before' in client.topics[0]!))
    assert.equal(clients.counters.reportsStale, 2)
    say('c1', { n: 9, topics: [topicReport('d')] })
    assert.deepEqual(
      part('c1')!.topics.map(({ topic }) => topic),
      ['d'],
    )
  })

  test('that is gone is shown for two minutes more, and comes back if it speaks', () => {
    const { clients, say, part, clock } = world()
    say('c1', {})
    say('c2', {})
    clients.clientIs(who('c1'), 'lost')
    assert.equal(part('c1')!.state, 'lost')
    clients.clientIs(who('c1'), 'gone')
    clients.clientIs(who('c2'), 'gone')
    clock.now += 119_999
    assert.equal(part('c1')!.state, 'gone')
    say('c2', { n: 2 })
    clock.now += 1
    assert.deepEqual([part('c1'), part('c2')!.state], [undefined, 'up'])
    clients.clientIs(who('never-reported'), 'up')
    assert.equal(clients.size, 1)
  })

  test('may call its counters what it likes, and has at most 200 of them', () => {
    const { say, part } = world()
    for (let n = 1; n <= 20; n++) {
      const names = Array.from({ length: 50 }, (_, i) => [`counter-${n}-${i}`, n])
      say('c1', { n, isFull: n === 1, counters: { ...Object.fromEntries(names), constructor: n } })
    }
    const counters = part('c1')!.counters
    assert.equal(Object.keys(counters).length, 200)
    assert.equal(counters.constructor, 20)
  })

  test('is not believed what is nested without end, though brackets in texts are just texts', () => {
    const { clients, say } = world()
    const nested = (text: string) => ({ advisory: JSON.parse(text) as never, agoMs: 1 })
    say('c1', { news: [nested('['.repeat(30) + ']'.repeat(30))] })
    assert.equal(clients.counters.reportsMalformed, 1)
    const reason = `${'['.repeat(50)} \\" ${'{'.repeat(50)}`
    const told = say('c1', {
      news: [{ agoMs: 1, advisory: { kind: 'link_down', peer: 'b1', reason } }],
    })
    assert.deepEqual([told?.news?.length, clients.counters.reportsMalformed], [1, 1])
  })

  test('has at most 2,000 topics', () => {
    const { clients, say, part } = world()
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => topicReport(`t${from + i}`))
    say('c1', { topics: many(0, 1_990) })
    say('c1', { n: 2, isFull: false, topics: many(1_980, 30) })
    assert.equal(part('c1')!.topics.length, 2_000)
    assert.equal(clients.counters.clientTopicsOmitted, 10)
    assert.equal(say('c1', { n: 3, topics: many(0, 2_001) }), undefined)
    assert.equal(clients.counters.reportsMalformed, 1)
  })
})

describe('many clients', () => {
  test('an answer holds 2,000, those that do most; the others are counted', () => {
    const { clients, say } = world()
    for (let i = 0; i < 2_010; i++) say(`c${i}`, { inFlight: i < 15 ? 0 : i })
    const { clients: shown, omitted } = clients.parts()
    assert.deepEqual([shown.length, omitted], [2_000, 10])
    const idle = shown.filter(({ inFlight }) => inFlight === 0)
    assert.equal(idle.length, 5)
  })

  test('of 20,000 one more finds no room, unless one is gone', () => {
    const { clients, say } = world()
    for (let i = 0; i < 20_000; i++) say(`c${i}`, {})
    assert.equal(say('late', {}), undefined)
    assert.equal(clients.counters.reportsRefused, 1)
    clients.clientIs(who('c7'), 'gone')
    assert.notEqual(say('late', {}), undefined)
    assert.equal(clients.size, 20_000)
    for (let i = 100; i < 1_200; i++) clients.clientIs(who(`c${i}`), 'gone')
    assert.equal(clients.size, 20_000 - 100)
  })

  test('topics with many routes are bounded in bytes, too', () => {
    const { clients, say } = world()
    const route = {
      ...{ broker: 'b1', queue: 1, instance: 'r1', idc: 'sz', state: 'writable', inFlight: 0 },
      ...{ isolation: 'closed' as const, latencyMs: 1, load: 0 },
    }
    const routes = Array.from({ length: 64 }, () => route)
    const topics = Array.from({ length: 900 }, (_, i) => topicReport(`t${i}`, { routes }))
    for (let i = 0; i < 3; i++) say(`c${i}`, { topics })
    assert.ok(clients.counters.clientTopicsOmitted > 1_000)
    const shown = JSON.stringify(clients.parts())
    assert.ok(shown.length < 16 * 1_048_576, `${shown.length}`)
  })
})

describe('what makes no sense', () => {
  const wrong: [string, string][] = [
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no number', '{"n":"1","isFull":true,"state":"open","inFlight":0}'],
    ['less than nothing', '{"n":1,"isFull":true,"state":"open","inFlight":-1}'],
    ['an unknown state', '{"n":1,"isFull":true,"state":"dead","inFlight":0}'],
    ['too large a number', '{"n":1e300,"isFull":true,"state":"open","inFlight":0}'],
    ['long names', json({ left: ['x'.repeat(10_000)] }).toString()],
    [
      'many counters',
      json({
        counters: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, 1])),
      }).toString(),
    ],
    ['deep nonsense', `{"n":1,"isFull":true,"state":"open","inFlight":0,"topics":[[[[]]]]}`],
  ]
  for (const [name, text] of wrong) {
    test(`${name}: counted, and ignored`, () => {
      const { clients } = world()
      assert.equal(clients.reported(who('c1'), Buffer.from(text)), undefined)
      assert.deepEqual([clients.size, clients.counters.reportsMalformed], [0, 1])
    })
  }

  test('news of a kind that is not known here is left out, and the rest is heard', () => {
    const { clients, say } = world()
    const report = say('c1', {
      news: [
        { agoMs: 5, advisory: { kind: 'sun_flare', where: 'sz' } as never },
        { agoMs: 5, advisory: { kind: 'link_down', peer: 'b1', reason: 7 } as never },
        { agoMs: 5, advisory: { kind: 'circuit', topic: 'a', state: 'open' } },
      ],
      newsDropped: 4,
    })
    assert.deepEqual(
      report!.news!.map(({ advisory }) => advisory.kind),
      ['circuit'],
    )
    say('c1', { n: 2, isFull: false, newsDropped: 5 })
    assert.deepEqual([clients.counters.newsMalformed, clients.counters.newsDropped], [2, 5])
  })

  test('a key named __proto__ changes nobody', () => {
    const { clients } = world()
    const text = json({ counters: { requests: 1 } })
      .toString()
      .replace('"requests"', '"__proto__":{"x":1},"requests"')
    clients.reported(who('c1'), Buffer.from(text))
    assert.equal(({} as { x?: number }).x, undefined)
  })
})
