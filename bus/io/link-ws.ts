import type { Duplex } from 'node:stream'
import type { ClientOptions, WebSocket } from 'ws'
import { WebSocket as WebSocketClient } from 'ws'
import { SUBPROTOCOL } from '../frame.ts'
import type { Wire } from '../outbox.ts'
import type { Dialled, LinkEvents } from './link.ts'

export interface LinkTls {
  ca?: string | Buffer | undefined
  cert?: string | Buffer | undefined
  key?: string | Buffer | undefined
  serverName?: string | undefined
}

/** Room for the heads of a message beside its largest body. */
export const MESSAGE_OVERHEAD = 65_536
/** What a client takes from any broker: the broker's own limit is not known before its welcome. */
const MOST_BODY_BYTES = 64 * 1_048_576
/** Limits of ws against peers that send one message in endless small pieces. */
export const FRAGMENT_LIMITS = { maxFragments: 64, maxBufferedChunks: 65_536 }

const SEND = { binary: true, compress: false, fin: true }
/** How long a peer may take to answer our close before the socket is cut. */
const CLOSE_GRACE_MS = 1_000

/** A ws socket as a link's wire, at either end. */
export class WsWire implements Wire {
  readonly #socket: WebSocket
  /** The stream below, whose writes can be held together. */
  readonly #stream: Duplex
  readonly #isTls: boolean

  constructor(socket: WebSocket, stream: Duplex, isTls: boolean, events: LinkEvents) {
    this.#socket = socket
    this.#stream = stream
    this.#isTls = isTls
    socket.on('message', (data, isBinary) => {
      if (isBinary) events.onMessage(data as Buffer)
      else this.close(1003, 'finbus speaks binary messages only')
    })
    socket.on('error', () => {})
    socket.once('close', (code, reason) => {
      events.onClose(
        reason.length > 0 ? `${reason.toString('utf8')} (${code})` : `closed (${code})`,
      )
    })
  }

  write(message: Buffer): void {
    this.#socket.send(message, SEND, ignore)
  }

  cork(): void {
    this.#stream.cork()
  }

  uncork(): void {
    this.#stream.uncork()
  }

  /** Over TLS bytes may be held inside the cipher, so there it is never certain. */
  isDrained(): boolean {
    return !this.#isTls && this.#socket.bufferedAmount === 0
  }

  unsentBytes(): number {
    return this.#socket.bufferedAmount
  }

  close(code: number, reason: string): void {
    const socket = this.#socket
    if (socket.readyState === socket.CLOSED) return
    // A reason longer than a control frame allows would throw.
    socket.close(code, reason.slice(0, 100))
    const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS)
    socket.once('close', () => clearTimeout(timer))
  }

  /** Cuts the link without a word: for peers that do not answer. */
  cut(): void {
    this.#socket.terminate()
  }
}

/** Failed sends show as a close; there is nothing to do for the single one. */
const ignore = (): void => {}

/** Zeros: ws then leaves the bytes as they are. Masking protects old proxies, not this protocol. */
const zeroMask = (mask: Buffer): void => {
  mask.fill(0)
}

/** Opens a link. Exactly one of `onOpen` or `onFail` is called, `onClose` of the events after open. */
export const dialWs = (
  url: string,
  tls: LinkTls,
  timeoutMs: number,
  events: LinkEvents,
  onOpen: (wire: WsWire) => void,
  onFail: (reason: string, isFinal: boolean) => void,
): Dialled => {
  const options: ClientOptions = {
    ...FRAGMENT_LIMITS,
    perMessageDeflate: false,
    handshakeTimeout: timeoutMs,
    maxPayload: MOST_BODY_BYTES + MESSAGE_OVERHEAD,
    skipUTF8Validation: true,
    generateMask: zeroMask,
    followRedirects: false,
    ...tlsOptions(tls),
  }
  const address = url.startsWith('unix:') ? `ws+unix://${url.slice('unix:'.length)}:/` : url
  const socket = new WebSocketClient(address, SUBPROTOCOL, options)
  let isSettled = false
  let stream: Duplex | undefined
  socket.once('upgrade', (response) => {
    stream = response.socket
  })
  const fail = (reason: string, isFinal = false): void => {
    if (isSettled) return
    isSettled = true
    onFail(reason, isFinal)
  }
  socket.once('open', () => {
    isSettled = true
    onOpen(new WsWire(socket, stream!, url.startsWith('wss:'), events))
  })
  socket.once('unexpected-response', (_request, response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      if (text.length < 1_024) text += chunk
    })
    response.once('end', () => {
      fail(text.trim() || `HTTP ${response.statusCode}`)
      socket.terminate()
    })
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const { code = 'error' } = error
    fail(error.message || code, isCertificateError(code))
  })
  socket.once('close', () => fail('closed during the handshake'))
  return { abort: () => socket.terminate() }
}

/** Trying again does not make a certificate good (codes of OpenSSL and of Node). */
const isCertificateError = (code: string): boolean =>
  /CERT|SELF_SIGNED|VERIFY|ERR_SSL|ERR_TLS/.test(code)

const tlsOptions = (tls: LinkTls): ClientOptions => {
  const options: ClientOptions & { servername?: string } = {}
  if (tls.ca !== undefined) options.ca = tls.ca
  if (tls.cert !== undefined) options.cert = tls.cert
  if (tls.key !== undefined) options.key = tls.key
  if (tls.serverName !== undefined) options.servername = tls.serverName
  return options
}
