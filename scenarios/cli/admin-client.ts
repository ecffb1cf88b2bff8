/**
 * The way to a broker's admin API: one request and one answer, or a stream of news. Whatever goes wrong
 * is a Failure that says what to do.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { userInfo } from 'node:os'
import type { z } from 'zod'
import type { TlsOptions } from '../../rr-client/index.ts'
import type { SavedRequest } from '../live/operator.ts'
import { notThere, refusalOf } from './admin-failure.ts'
import { tlsOf, tokenOf } from './client.ts'
import { DEFAULT_ADMIN } from './defaults.ts'
import { Failure, messageOf, UsageError } from './failure.ts'
import type { Settings } from './settings.ts'

/** An answer that is not there by then is not waited for. */
const ANSWER_MS = 10_000
/** A snapshot of the largest cluster is much smaller. */
const MAX_ANSWER_BYTES = 64 * 1_048_576
/** A stream says something every 15 s, be it that there is nothing to say. */
const SILENCE_MS = 40_000
/** A line of a stream is no longer. */
const MAX_EVENT_BYTES = 1_048_576

export interface AdminOptions {
  token?: string | undefined
  /** Who acts, where there are no tokens that say so. */
  operator?: string | undefined
  tls?: TlsOptions | undefined
}

export interface Order {
  method: 'POST' | 'PATCH'
  path: string
  body: object
  /** How long the work itself may take. */
  withinMs?: number | undefined
}

/** One event of a stream. */
export interface StreamEvent {
  id: string
  event: string
  data: string
}

interface Sent {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string
  withinMs: number
  signal?: AbortSignal | undefined
}

/** The admin API that the settings name. */
export const adminOf = (settings: Settings): AdminClient => {
  const { admin = DEFAULT_ADMIN } = settings
  if (admin === 'off') {
    throw new UsageError('admin is off here; say where the admin API is: --admin http://host:port')
  }
  const { operator = userInfo().username } = settings
  return new AdminClient(admin, { token: tokenOf(settings), operator, tls: tlsOf(settings) })
}

export class AdminClient {
  readonly url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent: HttpAgent
  readonly #ca: string | undefined

  constructor(url: string, { token, operator, tls }: AdminOptions) {
    this.url = url.replace(/\/$/, '')
    this.#headers =
      token !== undefined
        ? { authorization: `Bearer ${token}` }
        : operator !== undefined
          ? { 'x-finbus-operator': operator.replace(/[^\x21-\x7e]/g, '_') }
          : {}
    this.#ca = tls?.ca?.toString()
    this.#agent = this.#isSecure
      ? new HttpsAgent({ keepAlive: true, ...tls })
      : new HttpAgent({ keepAlive: true })
  }

  get #isSecure(): boolean {
    return this.url.startsWith('https:')
  }

  /** What it says at a path; a Failure if that is not of this shape. */
  async get<T>(path: string, shape: z.ZodType<T>, withinMs = ANSWER_MS): Promise<T> {
    return this.#read(await this.#send({ method: 'GET', path, withinMs }), shape)
  }

  /** Has something done, and returns what it says of it. */
  async act<T>({ method, path, body, withinMs = 0 }: Order, shape: z.ZodType<T>): Promise<T> {
    const answer = await this.#send({
      ...{ method, path, body: JSON.stringify(body) },
      headers: { 'content-type': 'application/json' },
      withinMs: withinMs + ANSWER_MS,
    })
    return this.#read(answer, shape)
  }

  /** The same request, for a process that knows nothing but how to send it. */
  saved({ method, path, body }: Order): SavedRequest {
    const headers = { ...this.#headers, 'content-type': 'application/json' }
    const ca = this.#ca
    return { url: `${this.url}${path}`, method, headers, body: JSON.stringify(body), ca }
  }

  /** Tells each event as it comes. Resolves when the stream ends; a Failure if it breaks. */
  async follow(
    path: string,
    lastId: string | undefined,
    onEvent: (event: StreamEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const resume: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
    const headers = { accept: 'text/event-stream', ...resume }
    const asked = { method: 'GET', path, headers, signal, withinMs: ANSWER_MS }
    const answer = (await this.#send(asked)).setEncoding('utf8')
    const events = new Events(onEvent)
    const silence = setTimeout(() => answer.destroy(new Error('it fell silent')), SILENCE_MS)
    try {
      for await (const part of answer as AsyncIterable<string>) {
        silence.refresh()
        events.push(part)
      }
    } catch (error) {
      if (!signal.aborted) throw this.#broken(error)
    } finally {
      clearTimeout(silence)
    }
  }

  /** Connections that are kept for the next request are closed. */
  close(): void {
    this.#agent.destroy()
  }

  /** Resolves with an answer that is not a refusal. */
  async #send(sent: Sent): Promise<IncomingMessage> {
    const answer = await this.#exchange(sent)
    const { statusCode = 0 } = answer
    if (statusCode >= 200 && statusCode < 300) return answer
    throw refusalOf(this.url, statusCode, await this.#text(answer), answer.headers['retry-after'])
  }

  #exchange({ method, path, headers, body, withinMs, signal }: Sent): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = (this.#isSecure ? requestHttps : requestHttp)(`${this.url}${path}`, {
        method,
        agent: this.#agent,
        headers: {
          ...{ accept: 'application/json', ...this.#headers, ...headers },
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
        ...(signal === undefined ? {} : { signal }),
      })
      const late = setTimeout(() => {
        request.destroy(new Error(`no answer within ${withinMs / 1_000} s`))
      }, withinMs)
      request.once('response', (answer) => {
        clearTimeout(late)
        resolve(answer)
      })
      // It may also come after the answer, of which whoever reads that hears.
      request.on('error', (error) => {
        clearTimeout(late)
        reject(notThere(this.url, error))
      })
      request.end(body)
    })
  }

  async #read<T>(answer: IncomingMessage, shape: z.ZodType<T>): Promise<T> {
    const text = await this.#text(answer)
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw new Failure(`${this.url} is no admin API of finbus: it does not answer in JSON`)
    }
    const parsed = shape.safeParse(value)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    const where = issue?.path.join('.') ?? ''
    throw new Failure(
      `${this.url} answers in a way this finbus cannot read: ${where || 'the answer'}: ${issue?.message}`,
      { remedy: 'Is the broker of another version?' },
    )
  }

  async #text(answer: IncomingMessage): Promise<string> {
    const late = setTimeout(() => answer.destroy(new Error('it came too slowly')), ANSWER_MS)
    const parts: Buffer[] = []
    let size = 0
    try {
      for await (const part of answer as AsyncIterable<Buffer>) {
        size += part.length
        if (size > MAX_ANSWER_BYTES) throw new Error(`it is longer than ${MAX_ANSWER_BYTES} bytes`)
        parts.push(part)
      }
    } catch (error) {
      throw this.#broken(error)
    } finally {
      clearTimeout(late)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  #broken(error: unknown): Failure {
    return new Failure(`the answer of ${this.url} broke off: ${messageOf(error)}`, { cause: error })
  }
}

/** Takes events out of a stream of text, as the specification of server-sent events has it. */
class Events {
  readonly #onEvent: (event: StreamEvent) => void
  #rest = ''
  #id = ''
  #event = ''
  #data: string[] = []

  constructor(onEvent: (event: StreamEvent) => void) {
    this.#onEvent = onEvent
  }

  push(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > MAX_EVENT_BYTES) throw new Error('an event has no end')
    for (const line of lines) this.#take(line)
  }

  #take(line: string): void {
    if (line === '') {
      if (this.#data.length > 0) {
        this.#onEvent({
          id: this.#id,
          event: this.#event || 'message',
          data: this.#data.join('\n'),
        })
      }
      this.#event = ''
      this.#data = []
      return
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === 'id') this.#id = value
    else if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value)
  }
}
