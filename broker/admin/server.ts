import { getRequestListener } from '@hono/node-server'
import { z } from '@hono/zod-openapi'
import type { Advisory } from '../../bus/advisory.ts'
import type { LinkTls } from '../../bus/io/link-ws.ts'
import type { Log } from '../../bus/log.ts'
import type { Report } from '../../bus/report.ts'
import type { BrokerView } from '../core/view.ts'
import { HttpEar } from '../http-ear.ts'
import type { TcpAddress } from '../listen-address.ts'
import type { CheckedAdmin, CheckedBroker } from '../options.ts'
import type { ClientIdentity, Steering } from '../steering.ts'
import type { Tokens } from '../tokens.ts'
import type { AdminFigures } from './admin-metrics.ts'
import type { ClientPart, ClusterSnapshot } from './api.ts'
import { Audit } from './audit.ts'
import { Auth } from './auth.ts'
import { addBrokerActions } from './broker-actions.ts'
import { Clients } from './clients.ts'
import { Cluster } from './cluster.ts'
import { addEvents, ClusterFeeds } from './event-routes.ts'
import { EventStreams } from './events.ts'
import { addForceActions } from './force-actions.ts'
import { Forces } from './forces.ts'
import { Forcing } from './forcing.ts'
import { addLooks } from './look-routes.ts'
import { addMarks } from './marks.ts'
import { Orders } from './orders.ts'
import { addPages } from './pages.ts'
import { Passing } from './passing.ts'
import { PeerHttp } from './peer-http.ts'
import { Peers } from './peers.ts'
import { AdminRefusal } from './refusal.ts'
import { Routes } from './routes.ts'
import { Timeline } from './timeline.ts'
import { Traces } from './traces.ts'
import { addTryIt } from './try-it.ts'

/** Who says what Prometheus asks for. */
export interface MetricsSource {
  readonly contentType: string
  onReport(client: ClientIdentity, report: Report): void
  onMalformed(): void
  onClient(client: ClientIdentity, state: ClientPart['state']): void
  onAdvisory(advisory: Advisory): void
  text(view: BrokerView, admin: AdminFigures): Promise<string>
}

export interface AdminFacts {
  readonly address: TcpAddress
  readonly tls: CheckedBroker['tls']
  readonly tokens: Tokens
  readonly hasTokens: boolean
  readonly log: Log
  readonly options: CheckedAdmin
  /** Registries that know other brokers. */
  readonly registries: readonly string[]
  readonly registryToken: string | undefined
  readonly registryTls: LinkTls | undefined
  readonly metrics: MetricsSource | undefined
  /** Where the dashboard's files are. Default: where the build puts them. */
  readonly dashboard?: string
}

const VERSION = '1'
const MAX_SOCKETS = 200
/** What a close still answers is waited for so long. */
const LAST_MS = 250
const DOCUMENT = z.object({ openapi: z.string() }).loose()

/** The admin side of a broker: what it hears of it and of its clients, and the API by which people look and steer. */
export class AdminServer {
  /** Where it listens, once it does. */
  url = ''
  readonly #steering: Steering
  readonly #log: Log
  readonly #metrics: MetricsSource | undefined
  readonly #clients: Clients
  readonly #timeline: Timeline
  readonly #audit: Audit
  readonly #forces: Forces
  readonly #peers: Peers
  readonly #http: PeerHttp
  readonly #cluster: Cluster
  readonly #orders: Orders
  readonly #streams = new EventStreams()
  readonly #feeds: ClusterFeeds
  readonly #routes: Routes
  readonly #ear: HttpEar
  readonly #canTry: boolean
  #isReady = false
  #isClosing = false

  constructor(steering: Steering, facts: AdminFacts) {
    const { options, log, metrics } = facts
    const { id, idc, life } = steering
    const now = (): number => steering.now()
    this.#steering = steering
    this.#log = log
    this.#metrics = metrics
    this.#clients = new Clients(id, now)
    this.#canTry = options.tryIt !== undefined
    const most = options.timelineEntries
    this.#timeline = new Timeline({ broker: id, idc, life, most }, Date.now)
    this.#audit = new Audit(this.#timeline, log)
    this.#forces = new Forces(steering, Date.now)
    this.#peers = new Peers({ own: id, urls: options.peers, ...facts }, now)
    this.#http = new PeerHttp(options.peerTls)
    this.#cluster = new Cluster(() => this.#snapshot(), this.#peers, this.#http, now)
    this.#orders = new Orders(steering, now)
    const feed = { feed: this.#timeline.feed, life }
    this.#feeds = new ClusterFeeds(feed, this.#peers, this.#http)
    this.#routes = new Routes(new Auth(facts.tokens, facts.hasTokens), this.#audit, log, () =>
      this.#cluster.changed(),
    )
    this.#addRoutes(feed, facts)
    const answer = getRequestListener(this.#routes.app.fetch, { overrideGlobalObjects: false })
    const { address, tls } = facts
    const ear = { address, tls, maxSockets: MAX_SOCKETS, who: 'broker', lastMs: LAST_MS } as const
    this.#ear = new HttpEar(ear, (request, response) => {
      answer(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'defect in the admin API')
        response.destroy()
      })
    })
    steering.watch({
      advised: (advisory) => this.#advised(advisory),
      reported: (client, json) => this.#reported(client, json),
      clientIs: (client, state) => {
        this.#clients.clientIs(client, state)
        metrics?.onClient(client, state)
      },
    })
  }

  /** Starts to listen; rejects with one clear sentence. Returns the url. */
  async open(): Promise<string> {
    this.url = await this.#ear.open()
    this.#peers.start()
    this.#isReady = true
    return this.url
  }

  /** The broker takes no new work from now on: whoever balances load should look elsewhere. */
  notReady(): void {
    this.#isReady = false
  }

  figures(): AdminFigures {
    const counters = {
      ...this.#routes.counters,
      ...this.#clients.counters,
      ...this.#timeline.counters,
      ...this.#audit.counters,
      ...this.#cluster.counters,
      ...this.#peers.counters,
      ...this.#orders.counters,
      ...this.#streams.counters,
    }
    return { counters, clients: this.#clients.size, listeners: this.#streams.size }
  }

  /** Ends whoever listens, breaks off what peers are asked, and closes every socket. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.notReady()
    this.#streams.close()
    this.#feeds.close()
    this.#peers.close()
    this.#http.close()
    await this.#ear.close()
    this.#timeline.close()
  }

  #addRoutes(feed: { feed: Timeline['feed']; life: number }, facts: AdminFacts): void {
    const routes = this.#routes
    const steering = this.#steering
    const plain = 'text/plain; charset=utf-8'
    routes.text('/livez', 'Whether it runs.', undefined, async () => ({ type: plain, text: 'ok' }))
    routes.text('/readyz', 'Whether it takes new work.', undefined, async () =>
      this.#isReady
        ? { type: plain, text: 'ok' }
        : { status: 503, type: plain, text: 'it takes no new work' },
    )
    routes.text('/metrics', 'Figures for Prometheus.', 'look', async () => {
      const metrics = this.#metrics
      if (metrics === undefined) throw new AdminRefusal('not_there', 'no metrics are kept here')
      return {
        type: metrics.contentType,
        text: await metrics.text(steering.snapshot(), this.figures()),
      }
    })
    routes.look({ path: '/v1/openapi.json', summary: 'This description.', answer: DOCUMENT }, () =>
      routes.describe(VERSION),
    )
    const cluster = this.#cluster
    const timeline = this.#timeline
    const audit = this.#audit
    const peers = this.#peers
    const http = this.#http
    const traces = new Traces(steering, this.#clients, this.#orders, peers, http)
    addLooks(routes, { steering, cluster, timeline, traces, audit, peers, http })
    addEvents(routes, feed, this.#feeds, this.#streams)
    const passing = new Passing(steering.id, cluster, http)
    const forcing = new Forcing(steering, this.#forces, this.#orders, cluster, passing)
    addForceActions(routes, forcing)
    addBrokerActions(routes, steering, passing, {
      drains: () => this.notReady(),
      resumes: () => {
        this.#isReady = !this.#isClosing
      },
    })
    addTryIt(routes, facts.options.tryIt, () => steering.now())
    addMarks(routes, timeline)
    routes.page('/', 'The dashboard.')
    addPages(routes.app, facts.dashboard)
  }

  #snapshot(): ClusterSnapshot {
    const { id, idc } = this.#steering
    const view = this.#steering.snapshot()
    const admin = this.url === '' ? null : this.url
    const { clients, omitted } = this.#clients.parts()
    return {
      at: Date.now(),
      asked: id,
      canTry: this.#canTry,
      brokers: [{ id, idc, admin, state: view.state, ageMs: 0, error: null, view }],
      clients,
      clientsOmitted: omitted,
      forces: this.#forces.list(),
      drill: this.#timeline.drill,
    }
  }

  #advised(advisory: Advisory): void {
    if (advisory.kind === 'draining') this.notReady()
    if (advisory.kind === 'resumed') this.#isReady = !this.#isClosing && this.url !== ''
    this.#timeline.advised(advisory)
    this.#metrics?.onAdvisory(advisory)
  }

  #reported(client: ClientIdentity, json: Buffer): void {
    const malformed = this.#clients.counters.reportsMalformed
    const report = this.#clients.reported(client, json)
    if (report !== undefined) {
      this.#timeline.told(client, report.news ?? [])
      this.#metrics?.onReport(client, report)
    } else if (this.#clients.counters.reportsMalformed > malformed) {
      this.#log.debug({ instance: client.instance }, 'a report of a client makes no sense')
      this.#metrics?.onMalformed()
    }
  }
}
