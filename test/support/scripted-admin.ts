/** An admin API that says what a test has it say, over real HTTP, and remembers what it was asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ActionReport, ClusterSnapshot, TimelineEntry } from '../../broker/index.ts'
import { clusterOf } from './sample-cluster.ts'

export interface Asked {
  method: string
  /** With its query. */
  path: string
  headers: IncomingMessage['headers']
  /** Of JSON. */
  body: unknown
}

interface Said {
  status?: number
  body: unknown
  headers?: Record<string, string>
}

export class ScriptedAdmin {
  readonly asked: Asked[] = []
  snapshot: ClusterSnapshot = clusterOf()
  /** What it says of an action; a function of the test may refuse instead. */
  onAction: (asked: Asked) => Said = ({ path }) => ({ body: reportOf({ target: path }) })
  /** By path, with its query or without: what else it says. */
  readonly says = new Map<string, unknown>()
  readonly #server: Server
  readonly #streams = new Set<ServerResponse>()
  url = ''

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<ScriptedAdmin> {
    const admin = new ScriptedAdmin()
    admin.#server.listen(0, '127.0.0.1')
    await once(admin.#server, 'listening')
    admin.url = `http://127.0.0.1:${(admin.#server.address() as AddressInfo).port}`
    return admin
  }

  /** Those who have done something. */
  get acted(): Asked[] {
    return this.asked.filter(({ method }) => method !== 'GET')
  }

  get streams(): number {
    return this.#streams.size
  }

  /** Tells everybody who follows. */
  tell(entry: TimelineEntry): void {
    const text = `id: 7-${entry.n}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`
    for (const stream of this.#streams) stream.write(text)
  }

  cutStreams(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const text = Buffer.concat(parts).toString('utf8')
    const asked = { method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) }
    this.asked.push(asked)
    const path = url.split('?')[0]!
    if (path === '/v1/advisories') return this.#stream(response)
    const { status = 200, body, headers: more } = this.#said(path, asked)
    const type = typeof body === 'string' ? 'text/html' : 'application/json'
    response.writeHead(status, { 'content-type': type, ...more })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  #said(path: string, asked: Asked): Said {
    if (asked.method !== 'GET') return this.onAction(asked)
    const told = [asked.path, path].find((one) => this.says.has(one))
    if (told !== undefined) return { body: this.says.get(told) }
    if (path === '/v1/snapshot') return { body: this.snapshot }
    return refusal(404, 'not_found', `there is nothing at ${path}`)
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': welcome\n\n')
    this.#streams.add(response)
    response.once('close', () => this.#streams.delete(response))
  }
}

export const refusal = (status: number, code: string, message: string): Said => ({
  status,
  body: { error: { code, message } },
})

export const reportOf = (rest: Partial<ActionReport> = {}): ActionReport => ({
  ...{ action: 'force', target: 'account.balance', brokers: 2, clients: 3, circuits: 3, queues: 0 },
  ...{ silent: [], before: null, after: null },
  ...rest,
})
