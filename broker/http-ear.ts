import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { BusError } from '../bus/errors.ts'
import type { TcpAddress } from './listen-address.ts'

const HEADERS_MS = 5_000
/** To send a request, with its body. */
const REQUEST_MS = 10_000
/** A socket between two requests; who asks again and again comes back sooner. */
const KEEP_ALIVE_MS = 10_000
const MAX_HEADERS_BYTES = 16_384

/** What a server shows, and whose certificates clients must show. */
export interface ServerTls {
  readonly cert: SecureContextOptions['cert']
  readonly key: SecureContextOptions['key']
  readonly clientCa?: SecureContextOptions['ca']
}

/** The same in the words of Node. */
export const tlsServerOptions = ({ cert, key, clientCa }: ServerTls): TlsOptions => ({
  ...{ cert, key, minVersion: 'TLSv1.2' },
  ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
})

export interface HttpEarFacts {
  readonly address: TcpAddress
  readonly tls: ServerTls | undefined
  readonly maxSockets: number
  /** Who listens, as errors call it. */
  readonly who: 'broker' | 'registry'
  /** What is still answered when it closes is waited for so long. */
  readonly lastMs: number
}

/** The ear of an HTTP API: http(s) over TCP, within limits. */
export class HttpEar {
  readonly #facts: HttpEarFacts
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(facts: HttpEarFacts, onRequest: RequestListener) {
    this.#facts = facts
    const { tls, maxSockets } = facts
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
        : createTlsServer({ ...limits, ...tlsServerOptions(tls) }, onRequest)
    this.#server.maxConnections = maxSockets
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
    const { address, who } = this.#facts
    const { host, port, isTls } = address
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(cannotListen(`${host}:${port}`, error, who))
      })
      this.#server.listen(port, host, () => {
        this.#server.on('error', () => {})
        const name = host.includes(':') ? `[${host}]` : host
        const { port: got } = this.#server.address() as AddressInfo
        resolve(`${isTls ? 'https' : 'http'}://${name}:${got}`)
      })
    })
  }

  /** Lets what is being answered out, for as long as that may take, then cuts whoever is connected. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#facts.lastMs)
    await closed
    clearTimeout(cut)
  }
}

/** Why a server could not be started, in one sentence. */
export const cannotListen = (
  where: string,
  error: NodeJS.ErrnoException,
  what: string,
): BusError => {
  const why: Record<string, string> = {
    EADDRINUSE: `the address is taken; is another ${what} running there?`,
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'the host is not known',
  }
  const reason = why[error.code ?? ''] ?? error.message
  return new BusError('invalid_argument', `cannot listen on ${where}: ${reason}`, { cause: error })
}
