import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect as connectTo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { SUBPROTOCOL } from '../bus/frame.ts'
import type { LinkEvents } from '../bus/io/link.ts'
import { FRAGMENT_LIMITS, MESSAGE_OVERHEAD, WsWire } from '../bus/io/link-ws.ts'
import { cannotListen, tlsServerOptions } from './http-ear.ts'
import type { CheckedBroker, ListenAddress } from './options.ts'

/** New links admitted in one turn of the loop; the rest wait, so that established ones are read. */
const ADMITTED_PER_TURN = 25
/** New links that may wait for their turn, and connections that the system may keep until they are accepted. */
const MAX_QUEUED = 4_096
const HEADERS_MS = 5_000
const CHECK_MS = 1_000
/** A close waits so long for the links to end by themselves: longer than each of them does. */
const LAST_CUT_MS = 1_500

/** A new link: gives its wire, and gets the events of it. */
export type OnLink = (address: string, makeWire: (events: LinkEvents) => WsWire) => void

interface Arrival {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}

/** The broker's ear: http(s) that upgrades to ws, over TCP or a unix socket. */
export class Listener {
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #address: ListenAddress
  readonly #origins: ReadonlySet<string>
  readonly #onLink: OnLink
  readonly #arrivals: Arrival[] = []
  readonly #wires = new Set<WsWire>()
  readonly #raw = new Set<Socket>()
  #isAdmitting = false

  constructor(address: ListenAddress, options: CheckedBroker, onLink: OnLink) {
    this.#address = address
    this.#origins = new Set(options.origins)
    this.#onLink = onLink
    const limits = {
      headersTimeout: HEADERS_MS,
      requestTimeout: HEADERS_MS,
      // Node looks for connections past these limits only so often; its default is 30 s.
      connectionsCheckingInterval: CHECK_MS,
      noDelay: true,
    }
    const { tls } = options
    this.#server =
      tls === undefined
        ? createServer(limits, refusePlain)
        : createTlsServer({ ...limits, ...tlsServerOptions(tls) }, refusePlain)
    this.#sockets = new WebSocketServer({
      ...FRAGMENT_LIMITS,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: options.maxBodyBytes + MESSAGE_OVERHEAD,
      handleProtocols: () => SUBPROTOCOL,
    })
    this.#server.on('connection', (socket: Socket) => {
      this.#raw.add(socket)
      socket.once('close', () => this.#raw.delete(socket))
    })
    this.#server.on('upgrade', (request, socket, head) => this.#arrive({ request, socket, head }))
    // A client that breaks off in the middle of a handshake is nobody's trouble.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** Starts to listen; rejects with one clear sentence. Returns the url for clients. */
  async open(): Promise<string> {
    const address = this.#address
    if (address.kind === 'unix') await removeStale(address.path)
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const where =
          address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`
        reject(cannotListen(where, error, 'broker'))
      })
      const listening = (): void => {
        this.#server.on('error', () => {})
        resolve(this.#url())
      }
      const backlog = MAX_QUEUED
      if (address.kind === 'unix') this.#server.listen({ path: address.path, backlog }, listening)
      else this.#server.listen({ port: address.port, host: address.host, backlog }, listening)
    })
  }

  async close(): Promise<void> {
    for (const { socket } of this.#arrivals.splice(0)) socket.destroy()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const wire of this.#wires) wire.close(1001, 'the broker closes')
    this.#server.closeAllConnections()
    // Not known to the server as connections: what never spoke TLS, or was refused and hangs on.
    const cut = setTimeout(() => {
      for (const socket of this.#raw) socket.destroy()
    }, LAST_CUT_MS)
    await closed
    clearTimeout(cut)
  }

  #url(): string {
    const address = this.#address
    if (address.kind === 'unix') return `unix:${address.path}`
    const { port } = this.#server.address() as AddressInfo
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    return `${address.isTls ? 'wss' : 'ws'}://${host}:${port}`
  }

  #arrive(arrival: Arrival): void {
    arrival.socket.on('error', () => {})
    const refusal = this.#refusalOf(arrival.request)
    if (refusal !== undefined) refuse(arrival.socket, refusal.status, refusal.reason)
    else if (this.#arrivals.length >= MAX_QUEUED) {
      refuse(arrival.socket, 503, 'too many links are opening at once')
    } else {
      this.#arrivals.push(arrival)
      if (this.#isAdmitting) return
      this.#isAdmitting = true
      setImmediate(this.#admit)
    }
  }

  readonly #admit = (): void => {
    for (const { request, socket, head } of this.#arrivals.splice(0, ADMITTED_PER_TURN)) {
      if (socket.destroyed) continue
      this.#sockets.handleUpgrade(request, socket, head, (ws) => {
        const { remoteAddress, remotePort } = request.socket
        const from = remoteAddress === undefined ? 'unix' : `${remoteAddress}:${remotePort}`
        this.#onLink(from, (events) => this.#wire(ws, socket, events))
      })
    }
    this.#isAdmitting = this.#arrivals.length > 0
    if (this.#isAdmitting) setImmediate(this.#admit)
  }

  /** On its own, so that what lives with the link does not hold the request that opened it. */
  #wire(ws: WebSocket, socket: Duplex, events: LinkEvents): WsWire {
    const wire: WsWire = new WsWire(ws, socket, this.#isTls, {
      onMessage: events.onMessage,
      onClose: (reason) => {
        this.#wires.delete(wire)
        events.onClose(reason)
      },
    })
    this.#wires.add(wire)
    return wire
  }

  get #isTls(): boolean {
    return this.#address.kind === 'tcp' && this.#address.isTls
  }

  #refusalOf(request: IncomingMessage): { status: number; reason: string } | undefined {
    const { origin } = request.headers
    if (origin !== undefined && !this.#origins.has(origin)) {
      return { status: 403, reason: `origin ${origin.slice(0, 200)} is not allowed here` }
    }
    const offered = request.headers['sec-websocket-protocol']?.split(/\s*,\s*/) ?? []
    if (!offered.includes(SUBPROTOCOL)) {
      const reason = `this broker speaks ws subprotocol ${SUBPROTOCOL}; offered: ${offered.join(', ').slice(0, 200) || 'none'}`
      return { status: 426, reason }
    }
    return undefined
  }
}

/** A broker that was killed leaves its socket file behind; nobody answers there any more. */
const removeStale = (path: string): Promise<void> =>
  new Promise((resolve) => {
    const probe = connectTo(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve()
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') rmSync(path, { force: true })
      resolve()
    })
  })

const refusePlain = (
  _request: IncomingMessage,
  response: import('node:http').ServerResponse,
): void => {
  response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' })
  response.end(`This is a finbus broker. It speaks WebSocket with subprotocol ${SUBPROTOCOL}.\n`)
}

const STATUS_TEXT: Record<number, string> = {
  403: 'Forbidden',
  426: 'Upgrade Required',
  503: 'Service Unavailable',
}

const refuse = (socket: Duplex, status: number, reason: string): void => {
  // Only printable ASCII goes into the answer: parts of it come from the client.
  // Who was refused may not hang up by itself.
  socket.once('finish', () => socket.destroy())
  const text = `${reason.replace(/[^\x20-\x7e]/g, '?')}\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  )
}
