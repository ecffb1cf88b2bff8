import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LinkTls } from '../../bus/io/link-ws.ts'
import { isLoopback } from '../../bus/urls.ts'
import { type Credentials, OPERATOR_HEADER } from './auth.ts'

/** Says that another broker's admin side asks: the one asked answers for itself and passes nothing on. */
export const PASSED_ON_HEADER = 'x-finbus-passed-on'
/** Largest answer of a peer. */
const MAX_ANSWER_BYTES = 16 * 1_048_576
/** To one peer. */
const MAX_SOCKETS = 16
const MAX_STREAMS = 100

interface Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

export interface PeerAnswer {
  readonly status: number
  /** Parsed JSON; undefined if it was none. */
  readonly body: unknown
}

export interface PeerQuestion {
  readonly method: string
  readonly path: string
  readonly withinMs: number
  readonly credentials: Credentials
  readonly body?: object
}

/** HTTP to the admin APIs of other brokers, with the credentials of whoever asked here. */
export class PeerHttp {
  readonly #asking: Agents
  readonly #listening: Agents
  readonly #open = new Set<ClientRequest>()
  #isClosed = false

  constructor(tls: LinkTls | undefined) {
    this.#asking = agentsFor(tls, MAX_SOCKETS)
    this.#listening = agentsFor(tls, MAX_STREAMS)
  }

  /** Settles: the answer, or the reason in a few words. */
  ask(url: string, question: PeerQuestion): Promise<PeerAnswer> {
    const { withinMs } = question
    return new Promise((resolve, reject) => {
      const text = question.body === undefined ? undefined : JSON.stringify(question.body)
      const request = this.#request(this.#asking, url, question, {
        accept: 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      })
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer within ${withinMs} ms`))
      }, withinMs)
      request.once('close', () => {
        clearTimeout(timer)
        reject(new Error('the answer was broken off'))
      })
      request.on('error', (error: NodeJS.ErrnoException) => reject(reasonOf(error)))
      request.once('response', (response) => {
        const pieces: Buffer[] = []
        let bytes = 0
        response.on('data', (piece: Buffer) => {
          bytes += piece.length
          if (bytes <= MAX_ANSWER_BYTES) pieces.push(piece)
          else request.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`))
        })
        response.once('error', reject)
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, body: parsed(pieces) })
        })
      })
      request.end(text)
    })
  }

  /** An answer without end. `onEnd` is called once, also if there never was one. Returns how to end it. */
  listen(
    url: string,
    question: Pick<PeerQuestion, 'path' | 'credentials'> & { lastEventId: string },
    onResponse: (response: IncomingMessage) => void,
    onEnd: (reason: string) => void,
  ): () => void {
    const { lastEventId } = question
    const request = this.#request(
      this.#listening,
      url,
      { ...question, method: 'GET' },
      {
        accept: 'text/event-stream',
        ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
      },
    )
    let reason = 'it ended'
    request.on('error', (error: NodeJS.ErrnoException) => {
      reason = reasonOf(error).message
    })
    request.once('response', (response) => {
      response.on('error', () => {})
      if (response.statusCode === 200) onResponse(response)
      else {
        reason = `HTTP ${response.statusCode}`
        response.resume()
      }
    })
    request.once('close', () => onEnd(reason))
    request.end()
    return () => request.destroy()
  }

  /** Breaks off what is asked, and closes the sockets. */
  close(): void {
    this.#isClosed = true
    for (const request of this.#open) request.destroy()
    for (const { http, https } of [this.#asking, this.#listening]) {
      http.destroy()
      https.destroy()
    }
  }

  #request(
    agents: Agents,
    url: string,
    { method, path, credentials }: Pick<PeerQuestion, 'method' | 'path' | 'credentials'>,
    headers: Record<string, string | number>,
  ): ClientRequest {
    const isTls = url.startsWith('https:')
    const { authorization, operator } = credentials
    const request = (isTls ? httpsRequest : httpRequest)(`${url}${path}`, {
      method,
      agent: isTls ? agents.https : agents.http,
      headers: {
        ...headers,
        [PASSED_ON_HEADER]: '1',
        // A secret does not go over a wire that others can read.
        ...(authorization !== undefined && isSafe(url) ? { authorization } : {}),
        ...(operator === undefined ? {} : { [OPERATOR_HEADER]: operator }),
      },
    })
    this.#open.add(request)
    request.once('close', () => this.#open.delete(request))
    if (this.#isClosed) request.destroy(new Error('closed'))
    return request
  }
}

const agentsFor = (tls: LinkTls | undefined, maxSockets: number): Agents => {
  const { ca, cert, key, serverName } = tls ?? {}
  const limits = { keepAlive: true, maxSockets }
  const https = new HttpsAgent({
    ...limits,
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  })
  return { http: new HttpAgent(limits), https }
}

const isSafe = (url: string): boolean =>
  url.startsWith('https:') || isLoopback(new URL(url).hostname)

const reasonOf = (error: NodeJS.ErrnoException): Error =>
  new Error(error.message || (error.code ?? 'error'))

const parsed = (pieces: readonly Buffer[]): unknown => {
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch {
    return undefined
  }
}

/** What another broker's refusal says; undefined if it did not refuse. */
export const refusalOf = ({ status, body }: PeerAnswer): string | undefined => {
  if (status === 200) return undefined
  const message = (body as { error?: { message?: unknown } } | null | undefined)?.error?.message
  return `HTTP ${status}${typeof message === 'string' ? `: ${message.slice(0, 200)}` : ''}`
}
