import type { Advisory } from '../bus/advisory.ts'
import { messageOf } from '../bus/codec.ts'
import { monotonicClock } from '../bus/io/clock.ts'
import type { LinkTls } from '../bus/io/link-ws.ts'
import { RegistryHttp, refusalIn, uselessAnswer } from '../bus/io/registry-http.ts'
import type { RegistrySnapshot } from './api.ts'
import { type FoundBroker, type RegistryList, readList } from './registry-answer.ts'

/** A question for changes stays open so long, and so much longer until its copy is given up. */
const WAIT_MS = 20_000
const ANSWER_MS = 5_000
/** Between two questions that brought nothing new so soon: up to the last, doubling, with jitter. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 5_000
/** An answer to a waiting question that takes longer has been waited for as it should be. */
const WAITED_MS = 1_000
/** Lives of copies whose newest version is remembered. */
const MAX_COPIES = 64

export interface FollowerEvents {
  found(broker: FoundBroker): void
  advise(advisory: Advisory): void
}

/**
 * Learns from every copy of the registry, each on its own, who the brokers are. What a copy does not
 * say is of no meaning: brokers become more by its word, never less.
 */
export class RegistryFollower {
  readonly #copies: readonly FollowedCopy[]
  /** Told when no copy will have this client, with the words of one. */
  onRefused: (refusal: Refusal) => void = () => {}

  constructor(
    urls: readonly string[],
    { token, tls }: { token?: string | undefined; tls?: LinkTls | undefined },
    events: FollowerEvents,
  ) {
    const memory = new CopyMemory()
    const onRefused = (): void => {
      const refusals = this.#copies.map((copy) => copy.refusal)
      if (refusals.every((refusal) => refusal !== undefined)) this.onRefused(refusals[0]!)
    }
    this.#copies = urls.map((url) => {
      const http = new RegistryHttp(url, token, tls)
      return new FollowedCopy(http, memory, events, onRefused)
    })
  }

  start(): void {
    for (const copy of this.#copies) void copy.follow()
  }

  snapshot(): RegistrySnapshot[] {
    return this.#copies.map((copy) => copy.snapshot())
  }

  close(): void {
    for (const copy of this.#copies) copy.close()
  }
}

interface Refusal {
  readonly url: string
  readonly code: string
  readonly message: string
}

/** The newest version seen of each life of a copy, whatever url it came by. */
class CopyMemory {
  readonly #versions = new Map<string, number>()

  /** How the answer stands to those of that copy before. */
  take({ copy, version }: RegistryList): 'older' | 'same' | 'newer' {
    const known = this.#versions.get(copy) ?? -1
    if (version < known) return 'older'
    this.#versions.delete(copy)
    this.#versions.set(copy, version)
    if (this.#versions.size > MAX_COPIES) {
      const [oldest] = this.#versions.keys()
      this.#versions.delete(oldest!)
    }
    return version === known ? 'same' : 'newer'
  }
}

class FollowedCopy {
  readonly #http: RegistryHttp
  readonly #memory: CopyMemory
  readonly #events: FollowerEvents
  readonly #onRefused: () => void
  #seen = ''
  #last: RegistryList | undefined
  #state: RegistrySnapshot['state'] = 'asking'
  #reason = ''
  #told = ''
  #unreadable = 0
  /** Questions in a row that were over at once and brought nothing. */
  #idle = 0
  #isClosed = false
  #timer: NodeJS.Timeout | undefined
  #wake: () => void = () => {}
  refusal: Refusal | undefined

  constructor(
    http: RegistryHttp,
    memory: CopyMemory,
    events: FollowerEvents,
    onRefused: () => void,
  ) {
    this.#http = http
    this.#memory = memory
    this.#events = events
    this.#onRefused = onRefused
  }

  /** Asks on and on, until it is closed. */
  async follow(): Promise<void> {
    while (!this.#isClosed) {
      const since = monotonicClock()
      const hasNews = await this.#ask()
      if (this.#isClosed) return
      const hasWaited = this.#state === 'known' && monotonicClock() - since > WAITED_MS
      if (hasNews || hasWaited) this.#idle = 0
      await this.#pause()
      this.#idle += 1
    }
  }

  snapshot(): RegistrySnapshot {
    const { copy = '', version = 0, brokers = [] } = this.#last ?? {}
    const facts = { copy, version, brokers: brokers.length, reason: this.#reason }
    return { url: this.#http.url, state: this.#state, ...facts }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#http.close()
    this.#wake()
  }

  /** Whether it brought something new. Waits for that, but first of all hears that the copy is there. */
  async #ask(): Promise<boolean> {
    const waitMs = this.#state === 'known' ? WAIT_MS : 0
    const query = waitMs === 0 ? '' : `?seen=${this.#seen}&waitMs=${waitMs}`
    const timeoutMs = waitMs + ANSWER_MS
    try {
      const answer = await this.#http.ask('GET', `/v1/brokers${query}`, timeoutMs)
      if (this.#isClosed) return false
      const refusal = refusalIn(answer)
      if (refusal !== undefined) {
        this.#refused(refusal.code, refusal.message)
        return false
      }
      if (answer.status !== 200) throw new Error(uselessAnswer(answer))
      const list = readList(answer.body)
      if (list === undefined) throw new Error('its answer is no list of brokers')
      return this.#take(list)
    } catch (error) {
      if (!this.#isClosed) this.#lost('lost', messageOf(error))
      return false
    }
  }

  #take(list: RegistryList): boolean {
    const seen = `${list.copy}.${list.version}`
    const standing = this.#memory.take(list)
    if (standing === 'older') {
      this.#lost('older', `its answer ${seen} is older than one before, and ignored`)
      return false
    }
    this.refusal = undefined
    this.#seen = seen
    this.#last = list
    this.#state = 'known'
    this.#reason = ''
    const { url } = this.#http
    this.#tell('found', { kind: 'registry_found', url })
    if (list.unreadable !== this.#unreadable) {
      this.#unreadable = list.unreadable
      const message = `${list.unreadable} of its brokers make no sense to this client`
      this.#events.advise({ kind: 'registry_refused', url, code: 'unreadable', message })
    }
    for (const broker of list.brokers) this.#find(broker)
    return standing === 'newer'
  }

  /** Who learned of a broker over TLS does not speak to it in the clear: the token would be lost. */
  #find(broker: FoundBroker): void {
    const { isTls } = this.#http
    const urls = isTls ? broker.urls.filter((url) => url.startsWith('wss:')) : broker.urls
    if (urls.length > 0) this.#events.found({ ...broker, urls })
  }

  #refused(code: string, message: string): void {
    const { url } = this.#http
    this.refusal = { url, code, message }
    this.#state = 'refused'
    this.#reason = message
    this.#tell(`refused ${message}`, { kind: 'registry_refused', url, code, message })
    this.#onRefused()
  }

  #lost(what: 'lost' | 'older', reason: string): void {
    this.refusal = undefined
    this.#state = 'lost'
    this.#reason = reason
    this.#tell(what, { kind: 'registry_lost', url: this.#http.url, reason })
  }

  /** A fact is told once, until there is another one. */
  #tell(what: string, advisory: Advisory): void {
    if (this.#told === what) return
    this.#told = what
    this.#events.advise(advisory)
  }

  #pause(): Promise<void> {
    const top = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(10, this.#idle))
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = setTimeout(resolve, top * (0.5 + Math.random() / 2))
    })
  }
}
