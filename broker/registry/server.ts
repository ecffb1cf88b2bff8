import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { cannotListen } from '../listen.ts'
import type { TcpAddress } from '../listen-address.ts'
import type { CheckedRegistry } from './options.ts'

const HEADERS_MS = 5_000
const REQUEST_MS = 10_000
/** A socket between two requests; clients that wait or announce come back sooner. */
const KEEP_ALIVE_MS = 10_000
const MAX_HEADERS_BYTES = 16_384
/** More than may wait, so that brokers get through to announce themselves. */
const MAX_SOCKETS = 24_000

/** The ear of a registry: http(s) over TCP. */
export class RegistryServer {
  readonly #server: Server
  readonly #address: TcpAddress
  readonly #sockets = new Set<Socket>()

  constructor(address: TcpAddress, tls: CheckedRegistry['tls'], onRequest: RequestListener) {
    this.#address = address
    const limits = {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAX_HEADERS_BYTES,
      noDelay: true,
    }
    this.#server =
      tls === undefined
        ? createServer(limits, onRequest)
        : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, onRequest)
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n')
    })
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** Starts to listen; rejects with one clear sentence. Returns the url. */
  open(): Promise<string> {
    const { host, port, isTls } = this.#address
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(cannotListen(`${host}:${port}`, error, 'registry'))
      })
      this.#server.listen(port, host, () => {
        this.#server.on('error', () => {})
        const name = host.includes(':') ? `[${host}]` : host
        const { port: got } = this.#server.address() as AddressInfo
        resolve(`${isTls ? 'https' : 'http'}://${name}:${got}`)
      })
    })
  }

  /** Cuts whoever is connected: nothing that a registry says is worth waiting for. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
