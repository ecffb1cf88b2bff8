/** What the dashboard makes of snapshots: rates from totals, standings, the past; nothing invented. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { endKind, tallyOfEnds } from '../broker/dashboard/state/ends.ts'
import { healthOfFlow } from '../broker/dashboard/state/health.ts'
import { HISTORY_MS, PAST_NUMBERS } from '../broker/dashboard/state/history.ts'
import { flowOf, Meter } from '../broker/dashboard/state/meter.ts'
import type { Picture } from '../broker/dashboard/state/store.ts'
import { Store } from '../broker/dashboard/state/store.ts'
import { busyCluster, hurt, largeCluster, PlayedCluster } from './support/dashboard-cluster.ts'

const reading = (at: number, ok: number, sick = 0, latency: number[] = []) => ({
  at,
  tally: { calls: ok + sick, ok, business: 0, sick },
  latency,
})

const shown = (store: Store, cluster: PlayedCluster, seconds: number): Picture => {
  let picture = store.take(cluster.snapshot())
  for (let i = 0; i < seconds; i++) {
    cluster.seconds += 1
    picture = store.take(cluster.snapshot())
  }
  return picture
}

const tileOf = (picture: Picture, topic: string, name: string) => {
  const tile = picture.tiles.find((one) => one.topic === topic && one.name === name)
  assert.ok(tile, `no tile of ${name} and ${topic}`)
  return tile
}

describe('a meter', () => {
  test('knows nothing from one reading, and says so', () => {
    const meter = new Meter()
    meter.note(reading(1_000, 500))
    assert.deepEqual(flowOf([meter.counted()]), {
      ...{ rate: null, sickShare: null, businessShare: null, p50: null, p99: null },
    })
  })

  test('makes rates and shares of differences, over five seconds', () => {
    const meter = new Meter()
    for (let i = 0; i <= 20; i++) meter.note(reading(i * 1_000, i * 90, i * 10))
    const { rate, sickShare } = flowOf([meter.counted()])
    assert.equal(rate, 100)
    assert.equal(sickShare, 0.1)
  })

  test('says that nothing happens when totals stand still, and no share of nothing', () => {
    const meter = new Meter()
    for (let i = 0; i <= 12; i++) meter.note(reading(i * 1_000, 70, 0, [70]))
    assert.deepEqual(flowOf([meter.counted()]), {
      ...{ rate: 0, sickShare: null, businessShare: null, p50: null, p99: null },
    })
  })

  test('starts again with a smaller total: a new life owes nothing to the old one', () => {
    const meter = new Meter()
    meter.note(reading(0, 10_000))
    meter.note(reading(1_000, 10_100))
    meter.note(reading(2_000, 5))
    assert.equal(meter.counted(), undefined)
    meter.note(reading(3_000, 25))
    assert.equal(flowOf([meter.counted()]).rate, 20)
  })

  test('takes quantiles from what was counted in the last ten seconds only', () => {
    const meter = new Meter()
    const slow = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1_000]
    for (let i = 0; i <= 12; i++) meter.note(reading(i * 1_000, 1_000 + i, 0, [i * 10, ...slow]))
    const { p99 } = flowOf([meter.counted()])
    assert.ok(p99 !== null && p99 <= 0.05, `p99 is ${p99}`)
  })
})

describe('ends of calls', () => {
  test('tell business errors and the caller’s own doing from sickness', () => {
    const kinds = [
      'ok',
      'service_error executed',
      'INSUFFICIENT_FUNDS executed',
      'cancelled unknown',
    ]
    assert.deepEqual(kinds.map(endKind), ['ok', 'business', 'business', 'own'])
    assert.equal(endKind('deadline_exceeded unknown'), 'sick')
    assert.deepEqual(tallyOfEnds({ ok: 5, 'cancelled unknown': 2, 'expired not_executed': 1 }), {
      ...{ calls: 8, ok: 5, business: 0, sick: 1 },
    })
  })
})

describe('the store', () => {
  test('groups instances of one name in one tile, and adds their rates', () => {
    const picture = shown(new Store(), busyCluster(), 8)
    const tile = tileOf(picture, 'account.balance', 'web-bank')
    assert.equal(tile.members.length, 3)
    const sum = tile.members.reduce((total, { flow }) => total + (flow.rate ?? 0), 0)
    assert.ok(Math.abs(sum - (tile.flow.rate ?? 0)) < 1e-6)
    assert.ok(sum > 100)
    assert.equal(tile.health, 'well')
  })

  test('names the sick service first, and why', () => {
    const cluster = busyCluster()
    const store = new Store()
    shown(store, cluster, 8)
    hurt(cluster)
    const picture = shown(store, cluster, 8)
    assert.equal(picture.troubles[0]?.what, 'payment.charge')
    assert.match(picture.troubles[0]?.why ?? '', /circuit open.*% fail.*at 4 callers/)
    assert.equal(picture.tiles[0]?.topic, 'payment.charge')
    assert.equal(tileOf(picture, 'payment.charge', 'web-bank').word, 'open')
  })

  test('an open circuit is sick at the first snapshot, before any rate is known', () => {
    const cluster = busyCluster()
    cluster.circuits.set('fx.quote', 'open')
    const tile = tileOf(new Store().take(cluster.snapshot()), 'fx.quote', 'web-bank')
    assert.equal(tile.health, 'sick')
    assert.equal(tile.flow.rate, null)
  })

  test('what a silent broker holds is grey and unknown, never zero', () => {
    const cluster = busyCluster()
    const store = new Store()
    shown(store, cluster, 5)
    cluster.silentSince.set('sh-2', cluster.seconds)
    const picture = shown(store, cluster, 6)
    const queues = picture.tiles.filter(({ queue }) => queue?.broker === 'sh-2')
    assert.ok(queues.length > 0)
    for (const { isGrey, flow, word } of queues) {
      assert.deepEqual([isGrey, flow.rate, word], [true, null, 'unknown'])
    }
    assert.match(picture.troubles.find(({ what }) => what === 'sh-2')?.why ?? '', /silent for/)
  })

  test('a lost instance says nothing, and does not speak for its name', () => {
    const cluster = busyCluster()
    const store = new Store()
    shown(store, cluster, 5)
    cluster.lost.add('web-bank~2')
    const tile = tileOf(shown(store, cluster, 1), 'account.balance', 'web-bank')
    assert.equal(tile.word, 'closed')
    assert.equal(tile.isGrey, false)
    assert.match(tile.why, /1 of 3 silent/)
    assert.equal(tile.members[1]?.flow.rate, null)
  })

  test('“no consumer” is said only of what somebody wants and nobody owns', () => {
    const cluster = busyCluster()
    cluster.lonely.add('notify.sms')
    const { topics, troubles } = new Store().take(cluster.snapshot())
    const lonely = topics.filter(({ hasNoConsumer }) => hasNoConsumer)
    assert.deepEqual(
      lonely.map(({ topic }) => topic),
      ['notify.sms'],
    )
    assert.ok(troubles.some(({ what }) => what === 'notify.sms'))
  })

  test('an instance that is held at several brokers is one, by its name', () => {
    const snapshot = busyCluster().snapshot()
    const [{ instance, name }] = snapshot.clients as [(typeof snapshot.clients)[number]]
    const held = [{ instance, reason: 'a bad release', leftMs: 5_000 }]
    for (const { view } of snapshot.brokers) {
      for (const topic of view?.topics ?? []) topic.held.push(...held)
    }
    const [topic] = new Store().take(snapshot).topics
    assert.deepEqual(
      topic?.held.map((row) => [row.name, row.instance, row.brokers.length]),
      [[name, instance, snapshot.brokers.length]],
    )
  })

  test('one failure of two calls is worth a look; when all fail it is sick', () => {
    const flow = { businessShare: null, p50: null, p99: null }
    const healths = [
      { rate: 0.2, sickShare: 0.5 },
      { rate: 0.2, sickShare: 1 },
      { rate: 20, sickShare: 0.5 },
      { rate: 20, sickShare: 0.05 },
      { rate: null, sickShare: null },
    ].map((some) => healthOfFlow({ ...flow, ...some }))
    assert.deepEqual(healths, ['watch', 'sick', 'sick', 'watch', 'well'])
  })

  test('who is gone stands nowhere on the map', () => {
    const snapshot = busyCluster().snapshot()
    const gone = { ...snapshot.clients[0]!, instance: 'g', idc: 'nowhere', state: 'gone' as const }
    const { map } = new Store().take({ ...snapshot, clients: [...snapshot.clients, gone] })
    assert.deepEqual(
      map.boxes.map(({ idc }) => idc),
      ['sh', 'sz'],
    )
  })

  test('the map knows who calls whom: all at home, until some are away', () => {
    const cluster = busyCluster()
    const store = new Store()
    const home = shown(store, cluster, 7).map
    assert.deepEqual(
      home.boxes.map(({ idc, localShare }) => [idc, localShare]),
      [
        ['sh', 1],
        ['sz', 1],
      ],
    )
    hurt(cluster)
    const { boxes, flows } = shown(store, cluster, 7).map
    assert.ok(boxes.every(({ away }) => away.length > 0))
    assert.ok(flows.some(({ from, to, rate }) => from !== to && (rate ?? 0) > 0))
    assert.equal(flows.find(({ from, to }) => from !== to)?.rttMs, 27)
  })

  test('the past is bounded, and says how it was then', () => {
    const cluster = new PlayedCluster({
      topics: { 'payment.charge': 10 },
      requesters: { till: { idc: 'sz', instances: 1 } },
      ...{ queuesPerBroker: 1, brokers: { 'sz-1': 'sz' } },
    })
    const store = new Store()
    shown(store, cluster, 650)
    const then = cluster.at
    cluster.circuits.set('payment.charge', 'open')
    shown(store, cluster, 20)
    const { states } = store.history
    assert.ok(states.length <= HISTORY_MS / 1_000 + 1)
    assert.ok(cluster.at - states[0]!.at <= HISTORY_MS)
    assert.deepEqual(store.history.at(then)!.words, ['closed', 'writable'])
    const now = store.history.at(cluster.at)!
    assert.deepEqual(now.words, ['open', 'writable'])
    assert.equal(now.numbers.length, now.tiles.length * PAST_NUMBERS)
  })

  test('a thousand queues and two hundred circuits become as many tiles', () => {
    const { tiles, tilesOmitted } = new Store().take(largeCluster().snapshot())
    assert.equal(tiles.filter(({ kind }) => kind === 'circuit').length, 200)
    assert.equal(tiles.filter(({ kind }) => kind === 'queue').length, 1_000)
    assert.equal(tilesOmitted, 0)
  })
})
