/** A broker without a bus, for stories about its admin side: it says what it is told to, and notes what it is asked. */
import { AdminServer, type MetricsSource } from '../../broker/admin/server.ts'
import type { AdminOptions, TokenGrant } from '../../broker/api.ts'
import type { BrokerView, SessionView, TopicView } from '../../broker/core/view.ts'
import { checkBroker, parseAdminListen } from '../../broker/options.ts'
import type { ClientIdentity, DepthLimits, Steering, Watcher } from '../../broker/steering.ts'
import { Tokens } from '../../broker/tokens.ts'
import { BusError } from '../../bus/errors.ts'
import { type Log, silentLog } from '../../bus/log.ts'
import type { ForceOrder, Order, OrderAnswer } from '../../bus/order.ts'
import type { Report, TopicReport } from '../../bus/report.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { World } from './world.ts'

const NO_ENDS = {
  ...{ ok: 0, serviceErrors: 0, handlerFailed: 0, replyLost: 0 },
  ...{ refused: 0, expired: 0, handedBack: 0, lost: 0 },
}

export class FakeSteering implements Steering {
  readonly id: string
  readonly idc: string
  readonly life: number
  /** By topic. */
  readonly limits = new Map<string, DepthLimits>()
  readonly linked = new Map<string, SessionView>()
  readonly held = new Set<string>()
  readonly kept = new Map<string, { order: Order; until: number }>()
  readonly orders: { instance: string; order: Order }[] = []
  readonly calls: unknown[] = []
  /** Orders that it keeps for clients that come later. */
  mostKept = 200
  state: BrokerView['state'] = 'open'
  /** What clients answer. */
  answer: (instance: string, order: Order) => Promise<OrderAnswer> = async (_, order) =>
    order.do === 'force' ? { circuits: 1 } : { trace: [] }
  /** What the broker remembers of a call. */
  remembered: TraceEvent[] = []
  drained: Promise<{ handedBack: number; abandoned: number }> = Promise.resolve({
    handedBack: 3,
    abandoned: 0,
  })
  watcher: Watcher | undefined
  /** The broker's own clock. */
  at = 1_000

  constructor(id: string, idc = 'sz', life = 77) {
    this.id = id
    this.idc = idc
    this.life = life
  }

  /** A client that is linked, and who it is. */
  link(instance: string, name = instance): ClientIdentity {
    const view: SessionView = {
      ...{
        instance,
        name,
        idc: this.idc,
        label: '',
        address: '127.0.0.1:1',
        state: 'up',
        forMs: 1,
      },
      ...{ calls: 0, unsentBytes: 0, heldReplies: 0, watches: 0, answers: 0 },
    }
    this.linked.set(instance, view)
    return view
  }

  report(client: ClientIdentity, report: Partial<Report>): void {
    const whole = { n: 1, isFull: true, state: 'open', inFlight: 0, ...report }
    this.watcher!.reported(client, Buffer.from(JSON.stringify(whole)))
  }

  snapshot(): BrokerView {
    return {
      ...{ id: this.id, idc: this.idc, life: this.life, upMs: this.at, state: this.state },
      ...{ sessions: this.linked.size, links: this.linked.size, deliveries: 0, waitingBytes: 0 },
      topics: [...this.limits].map(
        ([topic, limits]): TopicView => ({
          ...{ topic, group: 'accounts', queues: [], standbys: 0, watchers: 0, ...limits },
          ...{ endedQueues: NO_ENDS, endedLatency: [], held: [] },
        }),
      ),
      rules: { version: 0, list: [] },
      forgotten: { ends: NO_ENDS, latency: [] },
      unqueued: { ends: NO_ENDS, latency: [] },
      counters: {},
    }
  }

  sessions(after: string, limit: number): SessionView[] {
    const all = [...this.linked.values()].sort((a, b) => (a.instance < b.instance ? -1 : 1))
    return all.filter(({ instance }) => instance > after).slice(0, limit)
  }

  session(instance: string): SessionView | undefined {
    return this.linked.get(instance)
  }

  watch(watcher: Watcher): void {
    this.watcher = watcher
  }

  order(instance: string, order: Order, withinMs: number): Promise<OrderAnswer> {
    this.orders.push({ instance, order })
    if (!this.linked.has(instance)) {
      return Promise.reject(new BusError('not_connected', `${instance} is not linked here`))
    }
    void withinMs
    return this.answer(instance, order)
  }

  keepOrder(order: Order, id: string, until: number): void {
    if (this.kept.size >= this.mostKept && !this.kept.has(id)) {
      throw new BusError('overloaded', `${this.mostKept} orders are kept already`)
    }
    this.kept.set(id, { order, until })
  }

  dropOrder(id: string): void {
    this.kept.delete(id)
  }

  now(): number {
    return this.at
  }

  trace(): TraceEvent[] {
    return this.remembered
  }

  hold(topic: string, instance: string, reason: string, forMs: number): boolean {
    this.calls.push(['hold', topic, instance, reason, forMs])
    if (!this.limits.has(topic)) return false
    this.held.add(`${topic} ${instance}`)
    return true
  }

  release(topic: string, instance: string): boolean {
    return this.held.delete(`${topic} ${instance}`)
  }

  async drain(withinMs: number): Promise<{ handedBack: number; abandoned: number }> {
    this.calls.push(['drain', withinMs])
    this.state = 'draining'
    const drained = await this.drained
    this.state = 'drained'
    return drained
  }

  resume(): void {
    this.state = 'open'
  }

  kick(instance: string, reason: string, banMs: number): boolean {
    this.calls.push(['kick', instance, reason, banMs])
    return this.linked.delete(instance)
  }

  setLimits(topic: string, limits: Partial<DepthLimits>) {
    const before = this.limits.get(topic)
    if (before === undefined) return undefined
    const after = { ...before, ...limits }
    this.limits.set(topic, after)
    return { before, after }
  }

  /** The words that were sent to clients. */
  get words(): ForceOrder[] {
    return this.orders.flatMap(({ order }) => (order.do === 'force' ? order : []))
  }
}

export interface Admin {
  steering: FakeSteering
  server: AdminServer
  url: string
}

/** The admin side of such a broker, on loopback. */
export const admin = async (
  world: World,
  steering: FakeSteering,
  given: {
    options?: AdminOptions
    tokens?: TokenGrant[]
    log?: Log
    metrics?: MetricsSource
    dashboard?: string
  } = {},
): Promise<Admin> => {
  const { options = {}, tokens, log = silentLog, metrics, dashboard } = given
  const checked = checkBroker({
    admin: { listen: 'http://127.0.0.1:0', ...options },
    ...(tokens !== undefined && { tokens }),
  })
  const server = new AdminServer(steering, {
    address: parseAdminListen(checked, checked.admin!),
    tls: undefined,
    tokens: new Tokens(checked.tokens),
    hasTokens: tokens !== undefined,
    log,
    options: checked.admin!,
    registries: [],
    registryToken: undefined,
    registryTls: undefined,
    metrics,
    ...(dashboard !== undefined && { dashboard }),
  })
  const url = await server.open()
  world.later(() => server.close())
  return { steering, server, url }
}

export interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown> & { error: { code: string; message: string; details: unknown } }
}

/** One request on a connection of its own. */
export const say = async (
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  return {
    status: response.status,
    headers: response.headers,
    body: (type.startsWith('application/json') ? JSON.parse(text) : { text }) as Answer['body'],
  }
}

/** What a requester reports of a topic, with nothing special about it. */
export const topicReport = (topic: string, more: Partial<TopicReport> = {}): TopicReport => ({
  ...{ topic, group: 'accounts', open: 0, isAway: false, queues: 1, writable: 1 },
  ...{ circuit: { state: 'closed' }, ends: {}, before: {}, latency: [], latencyBefore: [] },
  ...{ sumMs: 0, sumMsBefore: 0, sentTo: {}, retries: 0, moves: 0, recoveries: 0, routes: [] },
  ...more,
})
