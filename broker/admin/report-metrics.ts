import type { Counter, Registry } from 'prom-client'
import type { Advisory } from '../../bus/advisory.ts'
import { isBusErrorCode, isServiceCode } from '../../bus/errors.ts'
import { LATENCY_BUCKETS } from '../../bus/latency.ts'
import { isTopic } from '../../bus/names.ts'
import type { Report, TopicReport } from '../../bus/report.ts'
import type { ClientIdentity } from '../steering.ts'
import { CountedHistogram } from './counted-histogram.ts'
import { type Labels, OTHER } from './label-room.ts'
import { metricMakers } from './metric-makers.ts'
import { type Before, isCircuitState, ReportMemory } from './report-memory.ts'
import { StateGauges } from './state-gauges.ts'

/** Seconds: what OpenTelemetry advises for RPC, and three below a hundredth, where most calls end. */
const BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
/** No client does so much between two reports: whoever says so is not believed. */
const MOST_GROWTH = 10_000_000
/** Longest time a call may be given. */
const LONGEST_CALL_MS = 86_400_000

const OUTCOMES: ReadonlySet<string> = new Set(['executed', 'not_executed', 'unknown'])
/** Counters of clients that nothing else here tells. */
const EVENTS: ReadonlyMap<string, string> = new Map([
  ['received', 'received'],
  ['duplicates', 'duplicate'],
  ['refusedUnstarted', 'refused_unstarted'],
  ['repliesResent', 'reply_resent'],
  ['repliesForgotten', 'reply_forgotten'],
  ['staleBatches', 'stale_batch'],
  ['foreignReplies', 'foreign_reply'],
  ['lateRefusals', 'late_refusal'],
  ['launched', 'launched'],
  ['launchFallbacks', 'launch_fallback'],
])

/** What clients tell of themselves, added up. */
export class ReportMetrics {
  readonly #labels: Labels
  readonly #memory = new ReportMemory()
  readonly #gauges: StateGauges
  readonly #requests
  readonly #duration
  readonly #late
  readonly #expired
  readonly #overruns
  readonly #sends
  readonly #redirects
  readonly #retries
  readonly #overload
  readonly #transitions
  readonly #isolations
  readonly #events
  readonly #protocolErrors
  readonly #reports
  readonly #malformed
  readonly #ignored
  readonly #newsDropped
  readonly #clients

  constructor(
    registry: Registry,
    labels: Labels,
    expired: Counter<'stage'>,
    protocolErrors: Counter<'side'>,
  ) {
    this.#labels = labels
    this.#expired = expired
    this.#protocolErrors = protocolErrors
    const registers = [registry]
    const { gauge, counter } = metricMakers(registry)
    this.#requests = counter(
      'requests',
      'Calls that have settled, by what the caller saw, and what is known of their execution.',
      ['topic', 'idc', 'outcome', 'code'],
    )
    this.#duration = new CountedHistogram({
      name: 'finbus_request_duration_seconds',
      help: 'Duration of settled calls at the caller, retries included.',
      labelNames: ['topic', 'idc'],
      buckets: BOUNDS,
      registers,
    })
    this.#late = counter('late_replies', 'Replies to calls that had settled already.', ['idc'])
    this.#overruns = counter(
      'handler_overruns',
      'Handlers that ended after the deadline of their call.',
      ['idc'],
    )
    this.#sends = counter('sends', 'Attempts sent, by the data centres of both ends.', [
      'topic',
      'from_idc',
      'to_idc',
    ])
    this.#redirects = counter(
      'redirects',
      'Attempts sent to another data centre: failover while the topic has left its own, spill_over else.',
      ['from_idc', 'to_idc', 'reason'],
    )
    this.#retries = counter(
      'retries',
      'Attempts after the first of a call, by why: refused, moved (free), recovery (a way was lost).',
      ['topic', 'reason'],
    )
    this.#overload = counter('overload_rejections', 'Calls that ended overloaded.', ['topic'])
    this.#transitions = counter(
      'breaker_transitions',
      'Circuits that changed, by their new state.',
      ['topic', 'to'],
    )
    this.#isolations = counter(
      'queue_isolations',
      'Queues that a requester began to leave alone.',
      ['topic'],
    )
    this.#events = counter('client_events', 'Further counters of clients, by name.', ['event'])
    this.#reports = counter('reports', 'Reports of clients that were accepted.')
    this.#malformed = counter('reports_malformed', 'Reports that were not accepted.')
    this.#ignored = counter(
      'report_values_ignored',
      'Values in accepted reports that cannot be: negative, absurd, stale, or without room.',
      ['reason'],
    )
    this.#newsDropped = counter('report_news_dropped', 'News that clients had no room to report.')
    this.#clients = gauge('reporting_clients', 'Linked clients that report to this broker.', [
      'idc',
    ])
    this.#gauges = new StateGauges(registry, labels)
  }

  onReport(client: ClientIdentity, report: Report): void {
    this.#reports.inc()
    const before = this.#memory.before(client, report)
    if (before === undefined) {
      this.#ignored.inc({ reason: 'stale' })
      return
    }
    const idc = this.#labels.idc.of(client.idc)
    for (const topic of report.topics ?? []) {
      if (isTopic(topic.topic)) this.#addTopic(idc, topic, before)
      else this.#ignored.inc({ reason: 'absurd' })
    }
    for (const [name, total] of Object.entries(report.counters ?? {})) {
      this.#addCounter(idc, name, this.#since(total, before.known?.counters.get(name), before))
    }
    if (report.newsDropped !== undefined) {
      this.#newsDropped.inc(this.#since(report.newsDropped, before.known?.newsDropped, before))
    }
    for (const { advisory } of report.news ?? []) this.#addNews(advisory)
    if (!this.#memory.take(client, report)) this.#ignored.inc({ reason: 'no_room' })
  }

  onMalformed(): void {
    this.#malformed.inc()
  }

  onClient(client: ClientIdentity, state: 'up' | 'lost' | 'gone'): void {
    this.#memory.onClient(client, state)
  }

  /** Before a scrape: the present state of those that are there. */
  read(): void {
    const linked = [...this.#memory.all].filter(({ isLinked }) => isLinked)
    this.#clients.reset()
    for (const { client } of linked) this.#clients.inc({ idc: this.#labels.idc.of(client.idc) })
    this.#gauges.read(linked)
  }

  #addTopic(idc: string, report: TopicReport, before: Before): void {
    const topic = this.#labels.topic.of(report.topic)
    for (const [end, total] of Object.entries(report.ends)) {
      const [code = '', outcome = ''] = end === 'ok' ? ['ok', 'executed'] : end.split(' ')
      if (!OUTCOMES.has(outcome)) this.#ignored.inc({ reason: 'absurd' })
      else {
        const by = this.#growth(total, report.before[end] ?? 0)
        if (by === 0) continue
        this.#requests.inc({ topic, idc, outcome, code: this.#codeOf(code) }, by)
        if (code === 'overloaded') this.#overload.inc({ topic }, by)
      }
    }
    this.#addLatency({ topic, idc }, report)
    const known = before.known?.topics.get(report.topic)
    // A topic of which nothing was told before begins at zero, whoever was told of the others.
    const isNew = Object.keys(report.before).length === 0
    const from = { ...before, isWhole: before.isWhole || isNew }
    const retries = {
      refused: this.#since(report.retries, known?.retries, from),
      moved: this.#since(report.moves, known?.moves, from),
      recovery: this.#since(report.recoveries, known?.recoveries, from),
    }
    for (const [reason, by] of Object.entries(retries)) {
      if (by > 0) this.#retries.inc({ topic, reason }, by)
    }
    const reason = report.isAway ? 'failover' : 'spill_over'
    for (const [to, total] of Object.entries(report.sentTo)) {
      const by = this.#since(total, known?.sentTo.get(to), from)
      if (by === 0) continue
      const between = { from_idc: idc, to_idc: this.#labels.idc.of(to) }
      this.#sends.inc({ topic, ...between }, by)
      if (between.from_idc !== between.to_idc) this.#redirects.inc({ ...between, reason }, by)
    }
  }

  #addLatency(labels: { topic: string; idc: string }, report: TopicReport): void {
    const { latency, latencyBefore, sumMs, sumMsBefore } = report
    if (latency.length > LATENCY_BUCKETS || latencyBefore.length > LATENCY_BUCKETS) {
      this.#ignored.inc({ reason: 'absurd' })
      return
    }
    const counts = latency.map((total, at) => this.#growth(total, latencyBefore[at] ?? 0))
    const count = counts.reduce((sum, by) => sum + by, 0)
    if (count === 0) return
    const byMs = sumMs - sumMsBefore
    const isPossible = byMs >= 0 && byMs <= count * LONGEST_CALL_MS
    if (!isPossible) this.#ignored.inc({ reason: byMs < 0 ? 'negative' : 'absurd' })
    this.#duration.addCounts(labels, counts, isPossible ? byMs / 1_000 : 0)
  }

  #addCounter(idc: string, name: string, by: number): void {
    if (by === 0) return
    if (name === 'lateReplies') this.#late.inc({ idc }, by)
    else if (name === 'overruns') this.#overruns.inc({ idc }, by)
    else if (name === 'expired') this.#expired.inc({ stage: 'handler' }, by)
    else if (name === 'protocolErrors') this.#protocolErrors.inc({ side: 'client' }, by)
    else {
      const event = EVENTS.get(name)
      if (event !== undefined) this.#events.inc({ event }, by)
    }
  }

  #addNews(advisory: Advisory): void {
    const { kind } = advisory
    if (kind !== 'circuit' && kind !== 'queue_isolated') return
    const isState = kind !== 'circuit' || isCircuitState(advisory.state)
    if (!isTopic(advisory.topic) || !isState) {
      this.#ignored.inc({ reason: 'absurd' })
      return
    }
    const topic = this.#labels.topic.of(advisory.topic)
    if (kind === 'queue_isolated') this.#isolations.inc({ topic })
    else this.#transitions.inc({ topic, to: advisory.state })
  }

  /** A service may have as many codes as it likes; those of the bus are a closed list. */
  #codeOf(code: string): string {
    if (code === 'ok' || code === 'service_error' || isBusErrorCode(code)) return code
    return isServiceCode(code) ? this.#labels.code.of(code) : OTHER
  }

  /** What a total has grown by that comes without what was told before. */
  #since(total: number, known: number | undefined, { isWhole }: Before): number {
    if (known === undefined && !isWhole) return 0
    return this.#growth(total, known ?? 0)
  }

  #growth(total: number, before: number): number {
    const by = total - before
    if (Number.isSafeInteger(by) && by >= 0 && by <= MOST_GROWTH) return by
    this.#ignored.inc({ reason: by < 0 ? 'negative' : 'absurd' })
    return 0
  }
}
