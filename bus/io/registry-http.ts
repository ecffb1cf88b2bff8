import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { RegistryAnswer } from '../registry-answer.ts'
import type { LinkTls } from './link-ws.ts'

/** A thousand brokers with eight urls each stay below it. */
const MAX_ANSWER_BYTES = 8 * 1_048_576
/** Sockets to one copy: one waits for changes, another one announces. */
const MAX_SOCKETS = 4

/**
 * HTTP with JSON to one copy of the registry. Every question settles: answered, or rejected with the
 * reason in a few words, `closed` once it is closed.
 */
export class RegistryHttp {
  readonly url: string
  readonly #token: string | undefined
  readonly #agent: HttpAgent
  readonly #isTls: boolean
  readonly #open = new Set<ClientRequest>()
  #isClosed = false

  constructor(url: string, token: string | undefined, tls: LinkTls | undefined) {
    this.url = url
    this.#token = token
    this.#isTls = url.startsWith('https:')
    const limits = { keepAlive: true, maxSockets: MAX_SOCKETS }
    this.#agent = this.#isTls
      ? new HttpsAgent({ ...limits, ...httpsOptions(tls ?? {}) })
      : new HttpAgent(limits)
  }

  get isTls(): boolean {
    return this.#isTls
  }

  ask(method: string, path: string, timeoutMs: number, body?: object): Promise<RegistryAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new Error('closed'))
        return
      }
      const text = body === undefined ? undefined : JSON.stringify(body)
      const request = (this.#isTls ? httpsRequest : httpRequest)(`${this.url}${path}`, {
        method,
        agent: this.#agent,
        headers: {
          accept: 'application/json',
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      })
      this.#open.add(request)
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      const end = (error: Error | undefined, answer?: RegistryAnswer): void => {
        clearTimeout(timer)
        this.#open.delete(request)
        if (answer === undefined) reject(this.#isClosed ? new Error('closed') : error)
        else resolve(answer)
      }
      request.on('error', (error: NodeJS.ErrnoException) => {
        end(new Error(error.message || (error.code ?? 'error')))
      })
      request.once('response', (response) => {
        const pieces: Buffer[] = []
        let bytes = 0
        response.on('data', (piece: Buffer) => {
          bytes += piece.length
          if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too large'))
          else pieces.push(piece)
        })
        response.once('error', (error) => end(error))
        response.once('end', () => {
          end(undefined, { status: response.statusCode ?? 0, body: parsed(pieces) })
        })
        // Says nothing new after an end.
        response.once('close', () => end(new Error('the answer was broken off')))
      })
      request.end(text)
    })
  }

  /** Breaks off what is asked, and closes the sockets. */
  close(): void {
    this.#isClosed = true
    for (const request of this.#open) request.destroy()
    this.#agent.destroy()
  }
}

const parsed = (pieces: readonly Buffer[]): unknown => {
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch {
    return undefined
  }
}

const httpsOptions = ({ ca, cert, key, serverName }: LinkTls): object => ({
  ...(ca === undefined ? {} : { ca }),
  ...(cert === undefined ? {} : { cert }),
  ...(key === undefined ? {} : { key }),
  ...(serverName === undefined ? {} : { servername: serverName }),
  minVersion: 'TLSv1.2',
})
