import type { IncomingMessage, ServerResponse } from 'node:http'
import { monotonicClock } from '../../bus/io/clock.ts'
import { newId } from '../../bus/io/ids.ts'
import { type Log, silentLog } from '../../bus/log.ts'
import { HttpEar } from '../http-ear.ts'
import { Tokens } from '../tokens.ts'
import { readAnnouncement } from './announcement.ts'
import type { Registry, RegistryOptions, RegistrySnapshot } from './api.ts'
import { Directory, type Entry, type Refusal } from './core/directory.ts'
import { Refused, readBody, sendJson, sendRefusal } from './http.ts'
import { type CheckedRegistry, checkRegistry, parseRegistryListen } from './options.ts'
import { type Route, routeOf } from './routes.ts'
import { Waiters } from './waiters.ts'

const MAX_BROKERS = 1_000
const MAX_WAITERS = 20_000
/** More than may wait, so that brokers get through to announce themselves. */
const MAX_SOCKETS = 24_000
/** So long one encoding of the list serves all who ask: ages in it may be that much behind. */
const ENCODED_MS = 100
/** Brokers whose refusal was logged, so that one that tries on is not logged every second. */
const MAX_LOGGED = 1_000
const STATUS_OF: Readonly<Record<Refusal['code'], number>> = {
  id_taken: 409,
  idc_changed: 409,
  url_taken: 409,
  withdrawn: 409,
  registry_full: 503,
}

/**
 * Starts one copy of the registry. Rejects with one clear sentence when an option is wrong, the
 * address is taken, or it would listen off loopback without TLS and tokens.
 */
export const startRegistry = async (options: RegistryOptions = {}): Promise<Registry> => {
  const checked = checkRegistry(options)
  const host = new RegistryHost(checked)
  await host.open()
  return host
}

/** The name server: a directory of brokers behind HTTP. Copies know nothing of each other. */
class RegistryHost implements Registry {
  url = ''
  /** Tells the lives of this and other copies apart: versions of one mean nothing in another. */
  readonly #copy = newId()
  readonly #log: Log
  readonly #tokens: Tokens
  readonly #leaseMs: number
  readonly #isTls: boolean
  readonly #directory: Directory
  readonly #waiters: Waiters
  readonly #server: HttpEar
  readonly #logged = new Map<string, string>()
  #encoded = { text: '', version: 0, at: 0 }
  #expiry: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: CheckedRegistry) {
    const address = parseRegistryListen(options)
    this.#log = options.logger ?? silentLog
    this.#tokens = new Tokens(options.tokens)
    this.#leaseMs = options.leaseMs
    this.#isTls = address.isTls
    this.#directory = new Directory({ leaseMs: options.leaseMs, maxBrokers: MAX_BROKERS })
    this.#waiters = new Waiters(MAX_WAITERS, (response) => {
      sendJson(response, 200, this.#answer())
    })
    const { tls } = options
    // Nothing that a registry says at its end is worth waiting for.
    const ear = { address, tls, maxSockets: MAX_SOCKETS, who: 'registry', lastMs: 0 } as const
    this.#server = new HttpEar(ear, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (error instanceof Refused) sendRefusal(request, response, error)
        else {
          this.#log.error({ err: error }, 'defect in the registry')
          response.destroy()
        }
      })
    })
  }

  /** For `startRegistry`. */
  async open(): Promise<void> {
    this.url = await this.#server.open()
  }

  snapshot(): RegistrySnapshot {
    const now = monotonicClock()
    const brokers = this.#directory.list(now).map((entry) => viewOf(now, entry))
    const { version } = this.#directory
    return { copy: this.#copy, version, brokers, waiters: this.#waiters.size }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #shut(): Promise<void> {
    clearTimeout(this.#expiry)
    this.#expiry = undefined
    this.#waiters.close()
    await this.#server.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routeOf(request)
    if (route.kind === 'livez') {
      sendJson(response, 200, { ok: true })
      return
    }
    this.#authenticate(request)
    if (route.kind === 'list') this.#list(response, route.seen, route.waitMs)
    else if (route.kind === 'withdraw') this.#withdraw(response, route)
    else this.#announce(response, await readBody(request))
  }

  #authenticate({ headers }: IncomingMessage): void {
    const token = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
    if (this.#tokens.authenticate(token) !== undefined) return
    const message = token === '' ? 'this registry asks for a token' : 'unknown token'
    throw new Refused(401, 'unauthenticated', message, { 'www-authenticate': 'Bearer' })
  }

  #list(response: ServerResponse, seen: string, waitMs: number): void {
    const { version } = this.#directory
    if (waitMs === 0 || seen !== `${this.#copy}.${version}`) {
      sendJson(response, 200, this.#answer())
    } else if (!this.#waiters.add(version, response, waitMs)) {
      throw new Refused(503, 'overloaded', `${MAX_WAITERS} clients wait here already`)
    }
  }

  #announce(response: ServerResponse, body: string): void {
    const announced = readAnnouncement(body)
    if (typeof announced === 'string') throw new Refused(400, 'invalid_argument', announced)
    const plain = this.#isTls ? announced.urls.find((url) => !url.startsWith('wss:')) : undefined
    if (plain !== undefined) {
      const message = `urls must be wss:// where the registry speaks TLS; got ${plain}`
      throw new Refused(400, 'plain_url', message)
    }
    // Operators' tokens are shown there.
    if (this.#isTls && announced.admin?.startsWith('https:') === false) {
      const message = `admin must be https:// where the registry speaks TLS; got ${announced.admin}`
      throw new Refused(400, 'plain_url', message)
    }
    const now = monotonicClock()
    const before = this.#directory.version
    const refusal = this.#directory.announce(now, announced)
    if (refusal !== undefined) {
      this.#logRefusal(announced.id, refusal)
      throw new Refused(STATUS_OF[refusal.code], refusal.code, refusal.message)
    }
    this.#logged.delete(announced.id)
    const { version } = this.#directory
    if (version !== before) this.#log.info(announced, 'broker announced')
    this.#changed(version !== before)
    sendJson(response, 200, { copy: this.#copy, version, leaseMs: this.#leaseMs })
  }

  #withdraw(
    response: ServerResponse,
    { id, life, mayReturn }: Extract<Route, { kind: 'withdraw' }>,
  ): void {
    const wasKnown = this.#directory.withdraw(monotonicClock(), id, life, mayReturn)
    if (wasKnown) this.#log.info({ id, life }, 'broker withdrawn')
    this.#changed(wasKnown)
    sendJson(response, 200, { copy: this.#copy, version: this.#directory.version, wasKnown })
  }

  #changed(isChanged: boolean): void {
    if (isChanged) this.#waiters.wake(this.#directory.version)
    if (this.#expiry !== undefined || this.#directory.size === 0) return
    const inMs = Math.max(1, this.#directory.nextDeadline - monotonicClock())
    this.#expiry = setTimeout(this.#expire, inMs)
  }

  readonly #expire = (): void => {
    this.#expiry = undefined
    const gone = this.#directory.expire(monotonicClock())
    for (const { id, life } of gone) this.#log.warn({ id, life }, 'broker silent')
    this.#changed(gone.length > 0)
  }

  /** The list as JSON. Encoded once for all who are told of a change. */
  #answer(): string {
    const now = monotonicClock()
    const { version, at } = this.#encoded
    if (version !== this.#directory.version || now - at > ENCODED_MS) {
      const { copy, version: current, brokers } = this.snapshot()
      const text = JSON.stringify({ copy, version: current, brokers })
      this.#encoded = { text, version: current, at: now }
    }
    return this.#encoded.text
  }

  #logRefusal(id: string, { code, message }: Refusal): void {
    if (this.#logged.get(id) === message) return
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear()
    this.#logged.set(id, message)
    this.#log.warn({ id, code, message }, 'broker refused')
  }
}

const viewOf = (now: number, { id, life, idc, urls, admin, heardAt }: Entry) => ({
  id,
  life,
  idc,
  urls: [...urls],
  ...(admin === undefined ? {} : { admin }),
  ageMs: now - heardAt,
})
