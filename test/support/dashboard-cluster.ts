/**
 * A cluster that was never there, for the dashboard to show: everything is a function of how long it
 * has run, so the same instant looks the same every time. Totals grow as those of a real one.
 */
import type {
  BrokerPart,
  ClientPart,
  ClusterSnapshot,
  StandingForce,
} from '../../broker/admin/api.ts'
import { noFigures } from '../../broker/core/figures.ts'
import type { QueueView, TopicView } from '../../broker/core/view.ts'
import { LATENCY_BOUNDS_MS } from '../../bus/latency.ts'
import type { RouteReport } from '../../bus/report.ts'

export interface ClusterPlan {
  /** `topic` to calls a second of each requester instance. */
  topics: Readonly<Record<string, number>>
  /** Name to data centre and instances. */
  requesters: Readonly<Record<string, { idc: string; instances: number }>>
  /** Responders for each topic and broker. */
  queuesPerBroker: number
  brokers: Readonly<Record<string, string>>
}

const SWING_S = 17
const SWING = 0.2
const WALL_AT = Date.UTC(2026, 2, 14, 3, 12, 0)

/** Calls until then of something that does `rate` a second, more or less. */
const callsUntil = (rate: number, phase: number, seconds: number): number =>
  Math.max(
    0,
    Math.floor(
      rate * (seconds + SWING * SWING_S * (Math.cos(phase) - Math.cos(seconds / SWING_S + phase))),
    ),
  )

/** Counts by bucket: most near the median, a tail up to some ten times of it. */
const latencyOf = (count: number, medianMs: number): number[] => {
  const at = LATENCY_BOUNDS_MS.findIndex((bound) => bound >= medianMs)
  const weights = [0.04, 0.16, 0.3, 0.22, 0.12, 0.07, 0.04, 0.025, 0.015, 0.007, 0.003]
  const counts: number[] = Array.from({ length: at + weights.length - 2 }, () => 0)
  weights.forEach((weight, i) => {
    const bucket = Math.max(0, at - 2 + i)
    counts[bucket] = (counts[bucket] ?? 0) + Math.floor(count * weight)
  })
  return counts
}

export class PlayedCluster {
  readonly plan: ClusterPlan
  /** Topics whose responders hang, since which second. */
  readonly sickSince = new Map<string, number>()
  readonly circuits = new Map<string, 'open' | 'half-open'>()
  readonly lost = new Set<string>()
  readonly silentSince = new Map<string, number>()
  readonly draining = new Set<string>()
  /** Share of business errors, and of a slow trickle of sickness. */
  readonly business = new Map<string, number>()
  readonly trickle = new Map<string, number>()
  readonly waiting = new Map<string, number>()
  readonly held = new Map<string, string>()
  /** Several of one topic. */
  readonly alsoHeld = new Map<string, readonly string[]>()
  /** Nobody answers these. */
  readonly lonely = new Set<string>()
  forces: StandingForce[] = []
  seconds = 0
  canTry = true
  asked: string

  constructor(plan: ClusterPlan) {
    this.plan = plan
    this.asked = Object.keys(plan.brokers)[0]!
  }

  get at(): number {
    return WALL_AT + Math.round(this.seconds * 1_000)
  }

  instances(): { instance: string; name: string; idc: string }[] {
    return Object.entries(this.plan.requesters).flatMap(([name, { idc, instances }]) =>
      Array.from({ length: instances }, (_, i) => ({ name, idc, instance: `${name}~${i + 1}` })),
    )
  }

  snapshot(): ClusterSnapshot {
    return {
      at: this.at,
      asked: this.asked,
      brokers: Object.entries(this.plan.brokers).map(([id, idc]) => this.#broker(id, idc)),
      clients: this.instances().map((who, i) => this.#client(who, i)),
      canTry: this.canTry,
      clientsOmitted: 0,
      forces: this.forces,
      drill: null,
    }
  }

  #broker(id: string, idc: string): BrokerPart {
    const since = this.silentSince.get(id)
    const isSilent = since !== undefined
    const seconds = since ?? this.seconds
    const topics = Object.keys(this.plan.topics).map((topic, i) =>
      this.#topic(topic, i, idc, seconds),
    )
    const isDraining = this.draining.has(id)
    const state = isDraining ? 'draining' : 'open'
    return {
      ...{ id, idc, admin: `http://127.0.0.1:7480/${id}` },
      state: isSilent ? 'unknown' : state,
      ageMs: isSilent ? Math.round((this.seconds - since) * 1_000) : 80,
      error: isSilent ? 'no answer within 1000 ms' : null,
      view: {
        ...{ id, idc, life: 7, upMs: 86_400_000 + seconds * 1_000, state },
        sessions: this.instances().length + this.plan.queuesPerBroker,
        links: this.instances().length + this.plan.queuesPerBroker,
        deliveries: topics.reduce(
          (sum, { queues }) => sum + queues.reduce((all, queue) => all + queue.unanswered, 0),
          0,
        ),
        ...{ waitingBytes: 18_320, topics, counters: {}, rules: { version: 0, list: [] } },
        ...{ forgotten: noFigures(), unqueued: noFigures() },
      },
    }
  }

  #topic(topic: string, number: number, idc: string, seconds: number): TopicView {
    const isLonely = this.lonely.has(topic)
    const one = this.held.get(topic)
    const held = [...(one === undefined ? [] : [one]), ...(this.alsoHeld.get(topic) ?? [])]
    return {
      ...{ topic, group: isLonely ? '' : `${topic.split('.')[0]}-service` },
      queues: isLonely
        ? []
        : Array.from({ length: this.plan.queuesPerBroker }, (_, i) =>
            this.#queue(topic, number, i, idc, seconds),
          ),
      ...{ standbys: 0, watchers: Object.keys(this.plan.requesters).length },
      ...{ maxDepth: 1_000, maxDepthBytes: 33_554_432 },
      ...{ endedQueues: noFigures().ends, endedLatency: [] },
      held: held.map((instance) => ({ instance, reason: 'being looked at', leftMs: 300_000 })),
    }
  }

  #queue(topic: string, number: number, i: number, idc: string, seconds: number): QueueView {
    const idcs = new Set(Object.values(this.plan.brokers)).size
    const callers = this.instances().length / idcs
    const share = (this.plan.topics[topic]! * callers) / this.plan.queuesPerBroker / 2
    const calls = callsUntil(share, number + i, seconds)
    const since = this.sickSince.get(topic)
    const failed = since === undefined ? 0 : calls - callsUntil(share, number + i, since)
    const expired = Math.floor(Math.max(0, failed) * 0.9)
    const waiting = this.waiting.get(topic) ?? 0
    const owner = `${topic.split('.')[0]}~${idc}${i + 1}`
    return {
      ...{ queue: number * 100 + i + 1, epoch: 3, state: waiting >= 1_000 ? 'full' : 'writable' },
      ...{ owner, ownerName: `${topic.split('.')[0]}-${idc}-${i + 1}`, ownerIdc: idc },
      ...{ ownerLabel: '', waiting: Math.max(0, waiting - i * 40), unanswered: (number + i) % 7 },
      ...{ depthBytes: waiting * 320, window: 128, waitedMs: waiting > 0 ? 180 : 2 },
      ends: {
        ...{ ok: calls - expired, serviceErrors: 0, handlerFailed: 0, replyLost: 0 },
        ...{ refused: 0, expired, handedBack: 0, lost: 0 },
      },
      latency: latencyOf(calls - expired, 2 + (number % 5) * 2),
    }
  }

  #client(who: { instance: string; name: string; idc: string }, i: number): ClientPart {
    const isLost = this.lost.has(who.instance)
    return {
      ...who,
      ...{ label: '', broker: this.asked, state: isLost ? 'lost' : 'up' },
      ...{ ageMs: isLost ? 12_400 : 310, n: Math.floor(this.seconds), inFlight: 4, counters: {} },
      links: Object.entries(this.plan.brokers).map(([broker, idc]) => ({
        ...{ broker, idc, url: `ws://${broker}:7400`, isHome: idc === who.idc, inFlight: 1 },
        state: this.silentSince.has(broker) ? 'waiting' : 'up',
        rttMs: idc === who.idc ? 1 : 27,
      })),
      topics: Object.keys(this.plan.topics).map((topic, number) =>
        this.#part(who, i, topic, number),
      ),
      answering: [],
    }
  }

  #part(
    who: { instance: string; idc: string },
    i: number,
    topic: string,
    number: number,
  ): ClientPart['topics'][number] {
    const rate = this.plan.topics[topic]! * (1 + (i % 3) * 0.4)
    const calls = callsUntil(rate, number + i, this.seconds)
    const since = this.sickSince.get(topic)
    const hung = since === undefined ? 0 : Math.max(0, calls - callsUntil(rate, number + i, since))
    const timedOut = Math.floor(hung * 0.3)
    const refused = Math.floor(hung * 0.62)
    const business = Math.floor(calls * (this.business.get(topic) ?? 0))
    const trickle = Math.floor(calls * (this.trickle.get(topic) ?? 0))
    const ok = calls - timedOut - refused - business - trickle
    const force = this.forces.find((one) => one.what === 'circuit' && one.topic === topic)
    const idcs = [...new Set(Object.values(this.plan.brokers))]
    const isAway = this.silentSince.size > 0 && number === 0
    const away = isAway ? Math.floor(ok * 0.12) : 0
    const other = idcs.find((idc) => idc !== who.idc)
    const routes = this.#routes(topic, number, who.idc)
    const isLonely = this.lonely.has(topic)
    return {
      ...{ topic, group: `${topic.split('.')[0]}-service`, open: (number + i) % 5, isAway },
      ...{ queues: isLonely ? 0 : routes.length, writable: isLonely ? 0 : routes.length },
      circuit: {
        state: this.circuits.get(topic) ?? 'closed',
        ...(force === undefined
          ? {}
          : {
              forced: { to: force.to, reason: force.reason, leftMs: force.until - this.at },
            }),
      },
      ends: {
        ok,
        ...(timedOut > 0 ? { 'deadline_exceeded unknown': timedOut } : {}),
        ...(refused > 0 ? { 'circuit_open not_executed': refused } : {}),
        ...(business > 0 ? { 'service_error executed': business } : {}),
        ...(trickle > 0 ? { 'overloaded not_executed': trickle } : {}),
      },
      latency: latencyOf(ok, 3 + (number % 6) * 3),
      ...{ sumMs: ok * 5, retries: trickle, moves: 0, recoveries: 0 },
      sentTo: {
        [who.idc]: ok - away,
        ...(away > 0 && other !== undefined ? { [other]: away } : {}),
      },
      routes: isLonely ? [] : routes,
    }
  }

  #routes(topic: string, number: number, idc: string): RouteReport[] {
    return Object.entries(this.plan.brokers)
      .filter(([, of]) => of === idc)
      .flatMap(([broker]) =>
        Array.from(
          { length: Math.min(4, this.plan.queuesPerBroker) },
          (_, i): RouteReport => ({
            ...{ broker, queue: number * 100 + i + 1, idc, state: 'writable', load: 0 },
            instance: `${topic.split('.')[0]}~${idc}${i + 1}`,
            isolation: this.sickSince.has(topic) && i === 0 ? 'open' : 'closed',
            ...{ inFlight: i, latencyMs: 3 + (number % 6) * 3 },
          }),
        ),
      )
  }
}

/** Ten services of a bank, five callers, two data centres; not all of it well. */
export const busyCluster = (): PlayedCluster => {
  const cluster = new PlayedCluster({
    topics: {
      ...{ 'account.balance': 84, 'account.transfer': 21, 'card.authorize': 46 },
      ...{ 'customer.profile': 33, 'fraud.score': 46, 'fx.quote': 12, 'ledger.post': 27 },
      ...{ 'notify.sms': 3, 'payment.charge': 38, 'statement.render': 5 },
    },
    requesters: {
      'web-bank': { idc: 'sz', instances: 3 },
      'mobile-bff': { idc: 'sh', instances: 2 },
      'card-gateway': { idc: 'sz', instances: 2 },
      'batch-settle': { idc: 'sh', instances: 1 },
    },
    queuesPerBroker: 3,
    brokers: { 'sz-1': 'sz', 'sz-2': 'sz', 'sh-1': 'sh', 'sh-2': 'sh' },
  })
  cluster.seconds = 600
  cluster.business.set('ledger.post', 0.08)
  cluster.business.set('account.transfer', 0.03)
  cluster.trickle.set('fraud.score', 0.024)
  cluster.waiting.set('statement.render', 780)
  return cluster
}

/** What goes wrong in it, at the second it has reached. */
export const hurt = (cluster: PlayedCluster): void => {
  cluster.sickSince.set('payment.charge', cluster.seconds)
  cluster.circuits.set('payment.charge', 'open')
  cluster.silentSince.set('sh-2', cluster.seconds)
  cluster.lost.add('mobile-bff~2')
  cluster.held.set('statement.render', 'statement~sz2')
  cluster.forces = [
    {
      ...{ id: 'f1', topic: 'fx.quote', what: 'circuit', to: 'closed', instance: null, idc: null },
      ...{ reason: 'quotes are slow but right', by: 'lin', broker: 'sz-1' },
      ...{ at: cluster.at, until: cluster.at + 600_000 },
    },
  ]
}

/** 200 circuits and 1,000 queues. */
export const largeCluster = (): PlayedCluster => {
  const cluster = new PlayedCluster({
    topics: Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`bulk.topic-${String(i).padStart(3, '0')}`, 5 + i]),
    ),
    requesters: {
      one: { idc: 'sz', instances: 1 },
      two: { idc: 'sz', instances: 1 },
      three: { idc: 'sh', instances: 1 },
      four: { idc: 'sh', instances: 1 },
    },
    queuesPerBroker: 5,
    brokers: { 'sz-1': 'sz', 'sz-2': 'sz', 'sh-1': 'sh', 'sh-2': 'sh' },
  })
  cluster.seconds = 100
  return cluster
}

/** What would run if any of it were taken for markup, script, address or style. */
export const HARM = [
  '<img src=x onerror="alert(1)">',
  '<script>alert(2)</script>',
  '"><svg onload=alert(3)>',
  "javascript:alert(4)//'",
  '{{constructor.constructor("alert(5)")()}}',
  '<style>*{display:none}</style>',
  '\u202Egnp.exe\u0000\u001B[31m',
] as const

/** Every text in it means harm. */
export const hostileCluster = (): PlayedCluster => {
  const harm = (i: number): string => HARM[i % HARM.length]!
  const cluster = new PlayedCluster({
    topics: Object.fromEntries(HARM.map((text) => [text, 10])),
    requesters: {
      [harm(0)]: { idc: harm(1), instances: 2 },
      [harm(2)]: { idc: harm(3), instances: 1 },
    },
    queuesPerBroker: 1,
    brokers: { [harm(4)]: harm(1), [harm(5)]: harm(3) },
  })
  cluster.seconds = 50
  for (const text of HARM) cluster.circuits.set(text, 'open')
  cluster.silentSince.set(harm(5), 40)
  cluster.held.set(harm(1), harm(0))
  cluster.forces = [
    {
      ...{ id: harm(1), topic: harm(0), what: 'circuit', to: 'open', instance: harm(2) },
      ...{ idc: harm(1), reason: harm(0), by: harm(1), broker: harm(4) },
      ...{ at: cluster.at, until: cluster.at + 60_000 },
    },
  ]
  return cluster
}
