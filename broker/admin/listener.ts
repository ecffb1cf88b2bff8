import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { cannotListen } from '../listen.ts'
import type { TcpAddress } from '../listen-address.ts'
import type { CheckedBroker } from '../options.ts'

const HEADERS_MS = 5_000
/** To send a request, with its body. */
const REQUEST_MS = 10_000
const KEEP_ALIVE_MS = 10_000
const MAX_HEADERS_BYTES = 16_384
const MAX_SOCKETS = 200
/** What a close still answers is waited for so long. */
const LAST_MS = 250

/** The ear of the admin API: http(s) over TCP. */
export class AdminListener {
  readonly #server: Server
  readonly #address: TcpAddress
  readonly #sockets = new Set<Socket>()

  constructor(address: TcpAddress, tls: CheckedBroker['tls'], onRequest: RequestListener) {
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
        : createTlsServer(
            {
              ...limits,
              cert: tls.cert,
              key: tls.key,
              minVersion: 'TLSv1.2',
              ...(tls.clientCa === undefined
                ? {}
                : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
            },
            onRequest,
          )
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.once('finish', () => socket.destroy())
      socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n')
    })
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** Starts to listen; rejects with one clear sentence. Returns the url. */
  open(): Promise<string> {
    const { host, port, isTls } = this.#address
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(cannotListen(`${host}:${port}`, error, 'broker'))
      })
      this.#server.listen(port, host, () => {
        this.#server.on('error', () => {})
        const name = host.includes(':') ? `[${host}]` : host
        const { port: got } = this.#server.address() as AddressInfo
        resolve(`${isTls ? 'https' : 'http'}://${name}:${got}`)
      })
    })
  }

  /** Lets what is being answered out, then cuts whoever is connected. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, LAST_MS)
    await closed
    clearTimeout(cut)
  }
}
