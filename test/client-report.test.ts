/** What a client tells the broker that looks at it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Frame } from '../bus/index.ts'
import { nodeRuntime } from '../bus/io/runtime.ts'
import type { NewsReport, Report, TopicReport } from '../bus/report.ts'
import { Circuits } from '../rr-client/circuits.ts'
import { type Bus, BusError, ServiceError } from '../rr-client/index.ts'
import { NewsRoom } from '../rr-client/news.ts'
import { Reports } from '../rr-client/reports.ts'
import { type HeardReport, Onlooker } from './support/onlooker.ts'
import { ending, story, until, type World } from './support/world.ts'
import { town } from './virtual/town.ts'

const HOUR_MS = 3_600_000

/** A service, a requester, and somebody who can look at the requester. */
const observed = async (world: World) => {
  const broker = await world.broker()
  const onlooker = await Onlooker.before(broker.url)
  world.later(() => onlooker.close())
  const service = await world.connect(broker.url, { name: 'accounts', idc: 'local' })
  await service.reply('account.balance', () => ({ amount: '1.00' }))
  const bus = await world.connect(onlooker.url, { name: 'teller' })
  return { broker, onlooker, service, bus }
}

const callMany = (bus: Bus, count: number, topic = 'account.balance') =>
  Promise.all(Array.from({ length: count }, () => ending(bus.request(topic, {}))))

const topicIn = (report: HeardReport, name: string): TopicReport | undefined =>
  report.topics?.find(({ topic }) => topic === name)

const newsIn = ({ reports }: Onlooker): NewsReport[] => reports.flatMap(({ news }) => news ?? [])

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)

/** What a broker counts that hears all reports: the parts that are new in each. */
const counted = (reports: readonly HeardReport[], name: string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const report of reports) {
    const { ends = {}, before = {} } = topicIn(report, name) ?? {}
    for (const [end, count] of Object.entries(ends)) {
      counts[end] = (counts[end] ?? 0) + count - (before[end] ?? 0)
    }
  }
  return counts
}

describe('a client that nobody looks at', () => {
  story('says nothing, takes no times, and counts its ends all the same', async (w) => {
    const { bus, onlooker } = await observed(w)
    await callMany(bus, 20)
    const [topic] = bus.snapshot().topics
    assert.deepEqual([topic?.ends, topic?.sentTo], [{ ok: 20 }, { local: 20 }])
    assert.equal(topic?.p50Ms, undefined)
    await bus.close()
    assert.ok(!onlooker.heard.includes(Frame.report))
  })
})

describe('a client that a broker looks at', () => {
  story('tells all there is first, and then what has changed', async (w) => {
    const { bus, onlooker } = await observed(w)
    await callMany(bus, 5)
    onlooker.observe(100)
    const full = await onlooker.report('a full report', ({ isFull }) => isFull)
    assert.equal(full.n, 1)
    assert.deepEqual(topicIn(full, 'account.balance')?.ends, { ok: 5 })
    assert.equal(full.counters?.requests, 5)
    assert.equal(full.links?.[0]?.state, 'up')
    assert.equal(topicIn(full, 'account.balance')?.routes[0]?.idc, 'local')

    await callMany(bus, 7)
    const isTold = (report: HeardReport): boolean =>
      topicIn(report, 'account.balance')?.ends.ok === 12
    const next = await onlooker.report('what was called since', isTold)
    const topic = topicIn(next, 'account.balance')!
    assert.ok(!next.isFull)
    assert.deepEqual([next.counters?.requests, next.counters?.duplicates], [12, undefined])
    assert.equal(counted(onlooker.reports, 'account.balance').ok, 12)
    assert.deepEqual(topic.sentTo, { local: 12 })
    // Times are taken only since somebody looks.
    const taken = topic.latency.reduce((total, count) => total + count, 0)
    assert.ok(taken >= 7 && taken <= 12 && topic.sumMs > 0, `${taken} in ${topic.sumMs} ms`)
    const { p50Ms = 0, p99Ms = 0 } = bus.snapshot().topics[0]!
    assert.ok(p50Ms > 0 && p50Ms <= p99Ms)
  })

  story('measures the round trip of its links', async (w) => {
    const { bus, onlooker } = await observed(w)
    onlooker.observe(100)
    const hasRtt = ({ links }: HeardReport): boolean => links?.[0]?.rttMs !== undefined
    const { links } = await onlooker.report('a round trip', hasRtt)
    assert.ok(links![0]!.rttMs! >= 0)
    assert.ok(bus.snapshot().links[0]!.rttMs! >= 0)
  })

  story('counts how calls end by what their callers were told', async (w) => {
    const { bus, service, onlooker } = await observed(w)
    onlooker.observe(100)
    const ways: Record<string, () => unknown> = {
      funds: () => {
        throw new ServiceError('INSUFFICIENT_FUNDS', 'no')
      },
      broken: () => {
        throw new Error('a bug')
      },
      slow: () => new Promise(() => {}),
      good: () => ({}),
    }
    await service.reply('account.any', (body: { how: string }) => ways[body.how]!())
    const call = (how: string) => ending(bus.request('account.any', { how }, { timeoutMs: 150 }))
    const told: string[] = []
    for (const how of ['good', 'funds', 'broken', 'slow', 'good', 'funds']) {
      const { error } = await call(how)
      if (error === undefined) told.push('ok')
      else if (BusError.is(error)) told.push(`${error.code} ${error.outcome}`)
      else told.push('INSUFFICIENT_FUNDS executed')
    }
    bus.force('account.any', { to: 'open', reason: 'the audit' })
    const { error } = await call('good')
    told.push(`${error?.code} ${error?.outcome}`)
    assert.equal(told.at(-1), 'circuit_open not_executed')
    const expected: Record<string, number> = {}
    for (const end of told) expected[end] = (expected[end] ?? 0) + 1
    assert.deepEqual(bus.snapshot().topics.find((t) => t.topic === 'account.any')?.ends, expected)
    await onlooker.report('all of them', (report) => {
      const topic = topicIn(report, 'account.any')
      return topic !== undefined && sum(topic.ends) === told.length
    })
    assert.deepEqual(counted(onlooker.reports, 'account.any'), expected)
  })

  story('counts calls that a circuit stopped although the topic was never called', async (w) => {
    const { bus } = await observed(w)
    bus.force('account.never', { to: 'open', reason: 'not yet' })
    for (let i = 0; i < 3; i++) await ending(bus.request('account.never', {}))
    const { topics, circuits } = bus.snapshot()
    assert.deepEqual(topics[0]?.ends, { 'circuit_open not_executed': 3 })
    assert.equal(circuits[0]?.topic, 'account.never')
    assert.deepEqual([circuits[0]?.state, circuits[0]?.forced?.reason], ['open', 'not yet'])
    assert.equal(circuits[0]?.counts.rejects, 3)
  })

  story('tells at once of a circuit that opens, however seldom it reports', async (w) => {
    const { bus, onlooker } = await observed(w)
    await callMany(bus, 1)
    onlooker.observe(HOUR_MS)
    await onlooker.report('a full report', ({ isFull }) => isFull)
    bus.force('account.balance', { to: 'open', reason: 'the audit', forMs: 60_000 })
    const isOpen = (report: HeardReport): boolean =>
      topicIn(report, 'account.balance')?.circuit.state === 'open'
    const report = await onlooker.report('the circuit', isOpen)
    assert.equal(topicIn(report, 'account.balance')?.circuit.forced?.reason, 'the audit')
    const news = newsIn(onlooker)
    assert.ok(news.some(({ advisory }) => advisory.kind === 'circuit_forced'))
    assert.ok(news.every(({ agoMs }) => agoMs >= 0))
  })

  story('never says more at once than it may, and leaves no topic out', async (w) => {
    const { bus, service, onlooker } = await observed(w)
    const maxBytes = 3_000
    const names = Array.from({ length: 30 }, (_, i) => `account.number-${i}`)
    for (const name of names) await service.reply(name, () => ({}))
    for (const name of names) await callMany(bus, 1, name)
    onlooker.observe(100, maxBytes)
    const isAll = (): boolean => names.every((name) => counted(onlooker.reports, name).ok === 1)
    await until('each of them is told', isAll)
    assert.equal(onlooker.reports.filter(({ isFull }) => isFull).length, 1)
    // One is called all the time; the others are told none the later.
    await callMany(bus, 1, names[0])
    for (const name of names) await callMany(bus, 1, name)
    await until('each of them is told again', () => {
      bus.request(names[0]!, {}).catch(() => {})
      return names.slice(1).every((name) => counted(onlooker.reports, name).ok === 2)
    })
    const most = Math.max(...onlooker.reports.map(({ bytes }) => bytes))
    assert.ok(most <= maxBytes, `${most} bytes`)
  })

  story('says that it closes, before its goodbye', async (w) => {
    const { bus, onlooker } = await observed(w)
    onlooker.observe(HOUR_MS)
    await onlooker.report('a full report', ({ isFull }) => isFull)
    await callMany(bus, 3)
    await bus.close()
    await until('the goodbye', () => onlooker.heard.includes(Frame.goodbye))
    assert.equal(onlooker.reports.at(-1)?.state, 'closed')
    assert.equal(counted(onlooker.reports, 'account.balance').ok, 3)
    assert.ok(onlooker.heard.lastIndexOf(Frame.report) < onlooker.heard.indexOf(Frame.goodbye))
  })

  story('says nothing any more when it is told so', async (w) => {
    const { bus, onlooker } = await observed(w)
    onlooker.observe(100)
    await onlooker.report('a full report', ({ isFull }) => isFull)
    onlooker.observe(0)
    // Orders are read after what was said before them.
    await onlooker.order({ do: 'trace', correlationId: 'someone-1' })
    const before = onlooker.reports.length
    await callMany(bus, 10)
    bus.force('account.balance', { to: 'closed', reason: 'a test' })
    await bus.close()
    assert.equal(onlooker.reports.length, before)
  })
})

describe('reports', () => {
  test('say nothing while nothing changes, and all once more to a broker that is new', () => {
    const { world, r } = town(1)
    const news = new NewsRoom()
    const circuits = new Circuits(nodeRuntime, (advisory) => news.take(r.now, advisory))
    const reports = new Reports(r.core, circuits, news)
    const next = (): Report | undefined => {
      const json = reports.next(r.now, 65_536, 'open')
      return json === undefined ? undefined : (JSON.parse(json.toString()) as Report)
    }
    r.callMany(3)
    world.run(100)
    const first = next()!
    assert.deepEqual([first.n, first.isFull, first.topics?.length], [1, true, 1])
    world.run(60_000)
    // Its pings have told how far the broker is.
    assert.deepEqual(Object.keys(next() ?? {}), ['n', 'isFull', 'state', 'inFlight', 'links'])
    world.run(60_000)
    assert.equal(next(), undefined)
    r.call()
    assert.deepEqual(next()?.topics?.[0]?.open, 1)
    world.run(100)
    const done = next()?.topics?.[0]
    // More than calls, for the way had been quiet for so long that it had to be tried.
    assert.deepEqual([done?.open, done?.sentTo.local], [0, 4 + done!.moves])
    assert.equal(next(), undefined)
    reports.beginAnew()
    const anew = next()!
    assert.deepEqual([anew.isFull, anew.topics?.length, anew.links?.length], [true, 1, 1])
    assert.equal(anew.counters?.requests, 4)
    // Five minutes without a call, and the topic is forgotten.
    world.run(400_000)
    assert.deepEqual(next()?.left, ['account.balance'])
    assert.equal(next(), undefined)
    circuits.close()
  })

  test('drop the oldest news when there are too many, and say how many', () => {
    const news = new NewsRoom()
    for (let i = 0; i < 205; i++) news.take(i, { kind: 'stalled', stoppedMs: i })
    news.take(999, { kind: 'late_reply', correlationId: 'x-1' })
    assert.deepEqual([news.kept.length, news.kept[0]?.at, news.dropped], [200, 5, 5])
    const { r } = town(1)
    const circuits = new Circuits(nodeRuntime, () => {})
    const reports = new Reports(r.core, circuits, news)
    const told: number[] = []
    for (let json = reports.next(1_000, 4_000, 'open'); json !== undefined; ) {
      assert.ok(json.length <= 4_000)
      const report = JSON.parse(json.toString()) as Report
      told.push(...(report.news ?? []).map(({ agoMs }) => 1_000 - agoMs))
      assert.equal(report.newsDropped, 5)
      json = reports.next(1_000, 4_000, 'open')
    }
    assert.deepEqual(
      told,
      Array.from({ length: 200 }, (_, i) => i + 5),
    )
  })
})

describe('two brokers that look', () => {
  story('one hears of it at a time; the other takes over, and nothing counts twice', async (w) => {
    const brokers = [await w.broker(), await w.broker()]
    const [one, two] = await Promise.all(brokers.map(({ url }) => Onlooker.before(url)))
    for (const onlooker of [one!, two!]) w.later(() => onlooker.close())
    const urls = brokers.map(({ url }) => url)
    const service = await w.connect(urls, { name: 'accounts' })
    await service.reply('account.balance', () => ({}))
    const bus = await w.connect([one!.url, two!.url])
    await until('both are linked', () => bus.snapshot().links.every(({ state }) => state === 'up'))
    for (const onlooker of [one!, two!]) onlooker.observe(100)
    await callMany(bus, 10)
    const all = (): HeardReport[] => [...one!.reports, ...two!.reports].sort((a, b) => a.n - b.n)
    const known = (): number => counted(all(), 'account.balance').ok ?? 0
    await until('it is known', () => known() === 10)
    // Which of the two it is to be the client decides, by its id and theirs.
    const isOne = one!.reports.at(-1)?.n === all().at(-1)?.n
    const [first, second] = isOne ? [one!, two!] : [two!, one!]
    const before = second.reports.length

    await first.close()
    await until('the other hears it all', () => second.reports.length > before)
    const full = second.reports[before]!
    assert.deepEqual([full.isFull, topicIn(full, 'account.balance')?.ends.ok], [true, 10])
    await callMany(bus, 5)
    await until('nothing twice', () => known() === 15)
    const news = newsIn(second)
    assert.ok(news.some(({ advisory }) => advisory.kind === 'link_down'))
    const numbers = all().map(({ n }) => n)
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    )
    assert.equal(new Set(numbers).size, numbers.length)
  })
})
