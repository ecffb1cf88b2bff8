/** What Prometheus is told: exactly what was counted, never going down, never growing without bound. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LatencyCounts } from '../bus/latency.ts'
import type { Report, TopicReport } from '../bus/report.ts'
import {
  brokerView,
  client,
  named,
  newMetrics,
  queueView,
  report,
  series,
  topicReport,
  topicView,
} from './support/metrics.ts'

describe('what clients report', () => {
  test('is counted by what they say they told before, so that a new broker counts nothing twice', async () => {
    const teller = client('teller')
    const one = topicReport({ ends: { ok: 10, 'deadline_exceeded unknown': 1 } })
    const two = topicReport({
      ends: { ok: 15, 'deadline_exceeded unknown': 1, 'NO_FUNDS executed': 2 },
      before: one.ends,
    })
    const first = newMetrics()
    first.onReport(teller, report(1, { topics: [one] }))
    first.onReport(teller, report(2, { topics: [two] }))
    const second = newMetrics()
    second.onReport(teller, report(2, { isFull: true, topics: [two] }))
    const key = (code: string, outcome: string): string =>
      `finbus_requests_total{topic="account.balance",idc="sz",outcome="${outcome}",code="${code}"}`
    const [a, b] = [await series(first), await series(second)]
    assert.equal(a.get(key('ok', 'executed')), 15)
    assert.equal(a.get(key('deadline_exceeded', 'unknown')), 1)
    assert.equal(a.get(key('NO_FUNDS', 'executed')), 2)
    assert.equal(b.get(key('ok', 'executed')), 5)
    assert.equal(b.get(key('deadline_exceeded', 'unknown')), undefined)
  })

  test('totals without a word of what was told before count from what this broker was told', async () => {
    const teller = client('teller')
    const at = (total: number): Partial<Report> => ({
      counters: { lateReplies: total },
      topics: [
        topicReport({
          ends: { ok: total },
          before: { ok: total - 1 },
          retries: total,
          sentTo: { sz: total, sh: total },
        }),
      ],
    })
    const late = 'finbus_late_replies_total{idc="sz"}'
    const retries = 'finbus_retries_total{topic="account.balance",reason="refused"}'
    const away = 'finbus_redirects_total{from_idc="sz",to_idc="sh",reason="spill_over"}'
    const here = 'finbus_sends_total{topic="account.balance",from_idc="sz",to_idc="sz"}'
    const told = async (...reports: Report[]): Promise<(number | undefined)[]> => {
      const metrics = newMetrics()
      for (const one of reports) metrics.onReport(teller, one)
      const all = await series(metrics)
      return [late, retries, away, here].map((key) => all.get(key))
    }
    assert.deepEqual(await told(report(1, at(5))), [5, 5, 5, 5], 'the first of all reports')
    assert.deepEqual(await told(report(7, at(5))), [undefined, undefined, undefined, undefined])
    assert.deepEqual(await told(report(7, at(5)), report(8, at(9))), [4, 4, 4, 4])
    assert.deepEqual(
      await told(report(7, at(5)), report(9, at(9)), report(10, at(10))),
      [1, 1, 1, 1],
      'what was told elsewhere meanwhile was counted there',
    )
  })

  test('what cannot be is ignored and counted, and no counter goes down', async () => {
    const metrics = newMetrics()
    const teller = client('teller')
    const odd: Partial<TopicReport>[] = [
      { ends: { ok: 3 }, before: { ok: 9 } },
      { ends: { ok: 1e12 } },
      { ends: { ok: Number.NaN } },
      { ends: { ok: 1.5 } },
      { ends: { 'ok never': 1 } },
      { latency: Array.from({ length: 99 }, () => 1) },
      { latency: [5], latencyBefore: [6] },
      { latency: [5], sumMs: -3 },
      { latency: [1], sumMs: 1e12 },
      { topic: 'no topic' },
    ]
    let n = 0
    for (const over of odd) metrics.onReport(teller, report(++n, { topics: [topicReport(over)] }))
    metrics.onReport(teller, report(3))
    const all = await series(metrics)
    assert.deepEqual(named(all, 'finbus_requests_total'), [])
    const ignored = (reason: string): number | undefined =>
      all.get(`finbus_report_values_ignored_total{reason="${reason}"}`)
    assert.deepEqual([ignored('negative'), ignored('absurd'), ignored('stale')], [3, 7, 1])
    assert.equal(all.get('finbus_reports_total'), odd.length + 1)
  })

  test('durations reach the histogram exactly', async () => {
    const metrics = newMetrics()
    const counts = new LatencyCounts()
    const ms = [0.2, 0.5, 0.6, 2.5, 2.6, 74, 75, 76, 9_999, 10_000, 59_000, 90_000]
    for (const one of ms) counts.note(one)
    const { sumMs } = counts
    const half = [...counts.counts].map((count) => Math.floor(count / 2))
    const topics = [
      topicReport({ latency: half, sumMs: 1_000 }),
      topicReport({
        latency: [...counts.counts],
        latencyBefore: half,
        sumMs,
        sumMsBefore: 1_000,
      }),
    ]
    for (const [at, topic] of topics.entries()) {
      metrics.onReport(client('teller'), report(at + 1, { topics: [topic] }))
    }
    const all = await series(metrics)
    const name = 'finbus_request_duration_seconds'
    const labels = 'topic="account.balance",idc="sz"'
    const buckets = named(all, `${name}_bucket`)
    assert.equal(buckets.length, 18)
    for (const key of buckets) {
      const le = /le="([^"]+)"/.exec(key)![1]!
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le) * 1_000
      const below = ms.filter((one) => one <= bound).length
      assert.equal(all.get(key), below, `at most ${le} s`)
    }
    assert.equal(all.get(`${name}_count{${labels}}`), ms.length)
    const sum = all.get(`${name}_sum{${labels}}`)!
    assert.ok(Math.abs(sum - sumMs / 1_000) < 1e-9, `${sum} of ${sumMs / 1_000}`)
  })

  test('circuits: the worst of one name, by an operator before all, gone with the client', async () => {
    const metrics = newMetrics()
    const tell = (instance: string, name: string, circuit: TopicReport['circuit']): void =>
      metrics.onReport(
        client(name, { instance }),
        report(1, { topics: [topicReport({ circuit, open: 2 })] }),
      )
    tell('i1', 'teller', { state: 'closed' })
    tell('i2', 'teller', { state: 'half-open' })
    tell('i3', 'branch', {
      state: 'open',
      forced: { to: 'closed', reason: 'we know', leftMs: 1_000 },
    })
    tell('i4', 'front', { state: 'open' })
    const state = (name: string): string =>
      `finbus_breaker_state{topic="account.balance",client="${name}"}`
    const inState = (name: string): string =>
      `finbus_breakers{topic="account.balance",state="${name}"}`
    const inflight = 'finbus_inflight_requests{topic="account.balance",idc="sz"}'
    let all = await series(metrics)
    assert.deepEqual(
      ['teller', 'branch', 'front'].map((name) => all.get(state(name))),
      [1, 0, 2],
    )
    assert.deepEqual(
      ['closed', 'half-open', 'open'].map((name) => all.get(inState(name))),
      [2, 1, 1],
    )
    assert.equal(all.get(inflight), 8)
    assert.equal(all.get('finbus_breakers_forced{topic="account.balance"}'), 1)

    metrics.onClient(client('front', { instance: 'i4' }), 'gone')
    metrics.onClient(client('teller', { instance: 'i2' }), 'lost')
    all = await series(metrics)
    assert.deepEqual(
      ['teller', 'branch', 'front'].map((name) => all.get(state(name))),
      [0, 0, undefined],
    )
    assert.equal(all.get(inflight), 4)
    metrics.onReport(client('teller', { instance: 'i1' }), report(2, { left: ['account.balance'] }))
    metrics.onReport(client('branch', { instance: 'i3' }), report(2, { state: 'closed' }))
    all = await series(metrics)
    assert.deepEqual(named(all, 'finbus_breaker_state'), [])
    assert.equal(all.get('finbus_reporting_clients{idc="sz"}'), 1)
  })
})

describe('what the broker sees', () => {
  test('a queue has its series while it is there; what it added to its topic stays', async () => {
    const metrics = newMetrics()
    const ends = { ...queueView(1).ends, ok: 7, refused: 2 }
    const queues = [
      queueView(1, { waiting: 3, unanswered: 2, window: 10, depthBytes: 900, waitedMs: 250, ends }),
      queueView(2, { state: 'stalled', unanswered: 80 }),
    ]
    const labels = '{topic="a.b",queue="1",owner="accounts-1"}'
    let all = await series(metrics, brokerView({ topics: [topicView('a.b', queues)] }))
    assert.equal(all.get(`finbus_queue_depth${labels}`), 5)
    assert.equal(all.get(`finbus_queue_depth_bytes${labels}`), 900)
    assert.equal(all.get(`finbus_queue_wait_seconds${labels}`), 0.25)
    assert.equal(all.get(`finbus_consumer_credit${labels}`), 8)
    assert.equal(all.get('finbus_consumer_credit{topic="a.b",queue="2",owner="accounts-2"}'), 0)
    assert.equal(all.get('finbus_queue_limit{topic="a.b"}'), 10_000)
    assert.equal(all.get('finbus_queues{topic="a.b",state="stalled"}'), 1)
    const ok = 'finbus_queue_results_total{topic="a.b",result="ok"}'
    assert.equal(all.get(ok), 7)

    // The queue goes, and another one comes that begins to count at nothing.
    const other = queueView(3, { ends: { ...ends, ok: 2 } })
    all = await series(metrics, brokerView({ topics: [topicView('a.b', [other])] }))
    assert.deepEqual(named(all, 'finbus_queue_depth'), [
      'finbus_queue_depth{topic="a.b",queue="3",owner="accounts-3"}',
    ])
    assert.equal(all.get(ok), 9)
    all = await series(metrics, brokerView({ topics: [topicView('a.b', [other])] }))
    assert.equal(all.get(ok), 9, 'counted once')
  })

  test('its own counters, its state, and what it has told', async () => {
    const metrics = newMetrics()
    metrics.onAdvisory({ kind: 'queue_assigned', topic: 'a.b', queue: 1, owner: 'o', epoch: 1 })
    metrics.onAdvisory({ kind: 'queue_gone', topic: 'a.b', queue: 1, owner: 'o', reason: 'lost' })
    const counters = { handedBack: 4, expired: 3, protocolErrors: 2 }
    await series(metrics, brokerView({ counters: { ...counters, handedBack: 1 } }))
    const all = await series(metrics, brokerView({ counters, state: 'draining' }))
    assert.equal(all.get('finbus_broker_drain_state'), 1)
    assert.equal(all.get('finbus_sessions'), 3)
    assert.equal(all.get('finbus_links'), 2)
    assert.equal(all.get('finbus_broker_uptime_seconds'), 90.5)
    assert.equal(all.get('finbus_broker_events_total{event="handed_back"}'), 4)
    assert.equal(all.get('finbus_expired_total{stage="queue"}'), 3)
    assert.equal(all.get('finbus_protocol_errors_total{side="broker"}'), 2)
    for (const change of ['given', 'taken']) {
      const key = `finbus_access_lock_owner_changes_total{topic="a.b",change="${change}"}`
      assert.equal(all.get(key), 1)
    }
    assert.equal(all.get('finbus_advisories_total{kind="queue_gone"}'), 1)
    const node = process.version
    const facts = `version="1.2.3",broker="b1",idc="sz",node="${node}"`
    assert.equal(all.get(`finbus_build_info{${facts}}`), 1)
  })
})

describe('the number of series is bounded', () => {
  test('topics, queues, clients and codes without a place of their own are told under other', async () => {
    const metrics = newMetrics()
    const many = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
    for (const at of many(1_010)) {
      metrics.onReport(
        client(`client-${at}`),
        report(1, {
          topics: [topicReport({ topic: `t.${at % 520}`, ends: { [`CODE_${at} executed`]: 1 } })],
        }),
      )
    }
    const queues = many(2_030).map((at) => queueView(at, { waiting: 1 }))
    const view = brokerView({ topics: [topicView('t.1', queues)] })
    let all = await series(metrics, view)
    const folded = (label: string): number | undefined =>
      all.get(`finbus_label_values_folded{label="${label}"}`)
    assert.deepEqual(['topic', 'queue', 'client', 'code'].map(folded), [20, 30, 10, 810])
    const sum = (name: string): number =>
      named(all, name).reduce((total, key) => total + all.get(key)!, 0)
    assert.equal(sum('finbus_requests_total'), 1_010, 'nothing is lost by it')
    assert.equal(sum('finbus_queue_depth'), 2_030)
    assert.equal(all.get('finbus_queue_depth{topic="t.1",queue="other",owner="other"}'), 30)
    assert.ok(named(all, 'finbus_requests_total').some((key) => key.includes('topic="other"')))
    const clients = named(all, 'finbus_breaker_state')
    assert.ok(clients.some((key) => key.includes('client="other"')))

    // Places become free with the queues and clients that had them.
    for (const at of many(100)) metrics.onClient(client(`client-${at}`), 'gone')
    all = await series(metrics, brokerView({ topics: [topicView('t.1', queues.slice(100))] }))
    assert.deepEqual(['queue', 'client'].map(folded), [0, 0])
    assert.equal(named(all, 'finbus_queue_depth').length, 1_930)
  })

  test('pairs of topic and client are bounded together, and the sick ones are seen', async () => {
    const metrics = newMetrics()
    for (let at = 0; at < 100; at++) {
      const topics = Array.from({ length: 60 }, (_, topic) =>
        topicReport({ topic: `t.${topic}`, circuit: { state: at === 99 ? 'open' : 'closed' } }),
      )
      metrics.onReport(client(`client-${at}`), report(1, { topics }))
    }
    const all = await series(metrics)
    const open = named(all, 'finbus_breaker_state').filter((key) => all.get(key) === 2)
    assert.equal(open.length, 60)
    assert.ok(open.every((key) => key.includes('client="client-99"')))
    assert.ok(named(all, 'finbus_breaker_state').length <= 5_060)
    assert.equal(all.get('finbus_label_values_folded{label="breaker"}'), 1_000)
  })
})
