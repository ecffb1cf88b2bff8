/** An admin API that was written for the dashboard's tests: the built page, a played cluster, and what was asked of it. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActionReport, TimelineEntry, Trace } from '../../broker/admin/api.ts'
import type { PlayedCluster } from './dashboard-cluster.ts'

const PAGE = fileURLToPath(new URL('../../broker/dashboard/', import.meta.url))
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

export interface AskedAction {
  method: string
  path: string
  operator: string
  body: Record<string, unknown>
}

type Reply = [status: number, json: unknown]

export class DashboardHost {
  readonly cluster: PlayedCluster
  readonly actions: AskedAction[] = []
  readonly traces = new Map<string, Trace>()
  readonly entries: TimelineEntry[] = []
  /** Each is a second later than the one before, however fast they are asked for. */
  snapshots = 0
  /** When set, everything needs it. */
  token: string | undefined
  /** What the next actions are answered; otherwise they are done. */
  refusal: Reply | undefined
  /** What a try answers. */
  tried: unknown = { ok: {}, correlationId: 'a.1', tookMs: 3 }
  isMute = false
  sessionsOfPage = 500
  #n = 0
  #server: Server
  readonly #streams = new Set<ServerResponse>()

  constructor(cluster: PlayedCluster) {
    this.cluster = cluster
    this.#server = createServer((request, response) => {
      void this.#answer(request, response)
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async open(port = 0): Promise<this> {
    if (!existsSync(join(PAGE, 'index.html'))) {
      throw new Error('the dashboard is not built: run `npm run build` first')
    }
    await new Promise<void>((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    return this
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  /** Happens now, and is told to those who listen. */
  happen(entry: Partial<TimelineEntry> & { text: string }): void {
    this.#n += 1
    const told: TimelineEntry = {
      ...{ n: this.#n, at: this.cluster.at, broker: this.cluster.asked, source: 'broker' },
      ...{ node: this.cluster.asked, level: 'info', kind: 'note', topic: null, idc: null },
      ...{ advisory: null, audit: null },
      ...entry,
    }
    this.entries.push(told)
    for (const stream of this.#streams) {
      stream.write(`id: 7-${told.n}\nevent: entry\ndata: ${JSON.stringify(told)}\n\n`)
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (this.isMute) return void request.socket.destroy()
    if (!pathname.startsWith('/v1/')) return this.#file(pathname, response)
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      return send(response, refused(401, 'unauthenticated', 'a token is needed'))
    }
    if (pathname === '/v1/advisories') return this.#stream(response)
    const body = await textOf(request)
    send(
      response,
      request.method === 'GET'
        ? this.#read(pathname, searchParams)
        : this.#act(request, pathname, body),
    )
  }

  #file(pathname: string, response: ServerResponse): void {
    const path = join(PAGE, normalize(pathname === '/' ? '/index.html' : pathname))
    const type = TYPES[extname(path)]
    if (type === undefined || !path.startsWith(PAGE) || !existsSync(path)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY })
    response.end(readFileSync(path))
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': hello\n\n')
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
  }

  #sessionPage(query: URLSearchParams): unknown {
    const all = this.#sessions()
    const from = Number(query.get('after') ?? '')
    const to = from + this.sessionsOfPage
    return { sessions: all.slice(from, to), next: to < all.length ? String(to) : null }
  }

  #read(path: string, query: URLSearchParams): Reply {
    if (path === '/v1/snapshot') {
      this.snapshots += 1
      this.cluster.seconds += 1
      if (this.snapshots % 15 === 0)
        for (const stream of this.#streams) stream.write(': still here\n\n')
      return [200, this.cluster.snapshot()]
    }
    if (path === '/v1/timeline') return [200, { entries: this.entries }]
    if (path === '/v1/sessions') return [200, this.#sessionPage(query)]
    if (path.startsWith('/v1/trace/')) {
      const correlationId = decodeURIComponent(path.slice('/v1/trace/'.length))
      const unknown: Trace = {
        ...{ correlationId, isKnown: false, events: [], silent: [], asOf: this.cluster.at },
      }
      return [200, this.traces.get(correlationId) ?? unknown]
    }
    return refused(404, 'not_found', `there is no ${path}`)
  }

  #sessions(): unknown[] {
    return this.cluster.instances().map((who, i) => ({
      ...who,
      ...{ label: '', address: `10.0.0.${i + 1}:5${i}100`, state: 'up', forMs: 60_000, calls: i },
      ...{ unsentBytes: 0, heldReplies: 0, watches: 10, answers: 0 },
    }))
  }

  #act(request: IncomingMessage, path: string, text: string): Reply {
    const body = JSON.parse(text) as Record<string, unknown>
    if (path === '/v1/request') {
      return body.topic === undefined
        ? refused(400, 'invalid_argument', 'topic must be given')
        : [200, this.tried]
    }
    const operator = String(request.headers['x-finbus-operator'] ?? '')
    this.actions.push({ method: request.method ?? '', path, operator, body })
    if (this.refusal !== undefined && body.replace !== true) return this.refusal
    const report: ActionReport = {
      ...{ action: path, target: path, brokers: 4, clients: 8, circuits: 8, queues: 0 },
      ...{ silent: [{ node: 'sh-2', why: 'no answer within 1000 ms' }] },
      ...{ before: { to: 'auto' }, after: { to: body.to ?? null } },
    }
    return [200, report]
  }
}

const refused = (status: number, code: string, message: string, details = {}): Reply => [
  status,
  { error: { code, message, details } },
]

/** Who, what, until when: as the admin API says it. */
export const conflict = (by: string, until: number): Reply =>
  refused(409, 'conflict', `${by} forced it closed`, { who: by, until })

const send = (response: ServerResponse, [status, json]: Reply): void => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(json))
}

const textOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const piece of request) text += String(piece)
  return text
}
