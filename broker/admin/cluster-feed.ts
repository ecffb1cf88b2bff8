import type { IncomingMessage } from 'node:http'
import type { TimelineEntry } from './api.ts'
import type { Credentials } from './auth.ts'
import { ENTRY_EVENT, Feed, idOf, type Positions, START_EVENT } from './feed.ts'
import type { PeerHttp } from './peer-http.ts'
import type { Peers } from './peers.ts'
import { ENTRY } from './schemas.ts'
import { type SentEvent, SseReader } from './sse-reader.ts'

const KEPT = 2_000
/** Peers come and go. */
const LOOK_MS = 3_000
const LEAST_PAUSE_MS = 500
const MOST_PAUSE_MS = 5_000
/** A peer says something every 15 s. */
const SILENCE_MS = 40_000

/** Lives of brokers that are followed by one feed: a hundred brokers, started again and again. */
const MAX_LIVES = 5_000

interface Follower {
  close(): void
}

/** The entries of this broker and of all its peers, followed with one caller's credentials. */
export class ClusterFeed {
  readonly feed = new Feed(KEPT)
  readonly #peers: Peers
  readonly #http: PeerHttp
  readonly #credentials: Credentials
  readonly #positions: Map<number, number>
  /** From where on each life is here. */
  readonly #begins = new Map<number, number>()
  readonly #followers = new Map<string, Follower>()
  /** Life of this broker. */
  readonly #own: number
  readonly #stopOwn: () => void
  /** Of a peer that was not heard of before everything is news; else only what comes from now on. */
  readonly #isResumed: boolean
  #timer: NodeJS.Timeout | undefined

  /** From `after` on; without it from now on. */
  constructor(
    own: { feed: Feed; life: number },
    peers: Peers,
    http: PeerHttp,
    credentials: Credentials,
    after: Positions | undefined,
  ) {
    this.#peers = peers
    this.#http = http
    this.#credentials = credentials
    this.#isResumed = after !== undefined
    this.#own = own.life
    this.#positions = new Map(after)
    const { ring } = own.feed
    let next = after === undefined ? ring.end : Math.max(1, (after.get(own.life) ?? 0) + 1)
    const takeOwn = (): void => {
      for (const { entry } of ring.from(next)) this.#push(own.life, entry)
      next = ring.end
    }
    takeOwn()
    this.#positions.set(own.life, next - 1)
    this.#begins.set(own.life, after?.get(own.life) ?? next - 1)
    this.#stopOwn = own.feed.listen(takeOwn)
    this.#look()
  }

  /** Whether everything that somebody who heard until `after` has missed is here. */
  holds(after: Positions): boolean {
    return (
      this.feed.ring.first === 1 &&
      [...this.#begins].every(([life, begin]) => begin <= (after.get(life) ?? 0))
    )
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#stopOwn()
    for (const follower of this.#followers.values()) follower.close()
    this.#followers.clear()
  }

  /** Follows peers that are new, and lets go of those that are gone. */
  #look(): void {
    const urls = new Set(this.#peers.list().map(({ url }) => url))
    for (const url of urls) {
      if (!this.#followers.has(url)) this.#followers.set(url, this.#follow(url))
    }
    for (const [url, follower] of this.#followers) {
      if (urls.has(url)) continue
      follower.close()
      this.#followers.delete(url)
    }
    this.#timer = setTimeout(() => this.#look(), LOOK_MS)
  }

  #push(life: number, entry: TimelineEntry): void {
    if (!this.#begins.has(life)) this.#begins.set(life, entry.n - 1)
    // The last one heard of stands last, so that a bounded id forgets the others first.
    this.#positions.delete(life)
    this.#positions.set(life, entry.n)
    this.feed.push({ entry, id: idOf(this.#positions) })
  }

  #take({ event, id, data }: SentEvent): void {
    const [life, n] = id.split('-').map(Number)
    if (!Number.isSafeInteger(life) || !Number.isSafeInteger(n)) return
    // Nobody else says what happened here, or speaks for more brokers than there may be.
    const isNew = !this.#positions.has(life!)
    if (life === this.#own || (isNew && this.#positions.size >= MAX_LIVES)) return
    const known = this.#positions.get(life!)
    if (event === START_EVENT && known === undefined) {
      this.#positions.set(life!, n!)
      this.#begins.set(life!, n!)
    }
    if (event !== ENTRY_EVENT || n! <= (known ?? 0)) return
    let json: unknown
    try {
      json = JSON.parse(data)
    } catch {
      return
    }
    const entry = ENTRY.safeParse(json).data
    if (entry !== undefined) this.#push(life!, { ...entry, n: n! })
  }

  #follow(url: string): Follower {
    let isClosed = false
    let pauseMs = LEAST_PAUSE_MS
    let stop = (): void => {}
    let timer: NodeJS.Timeout | undefined
    let silence: NodeJS.Timeout | undefined
    let hasHeard = this.#isResumed
    const onResponse = (response: IncomingMessage): void => {
      pauseMs = LEAST_PAUSE_MS
      // Whatever is missed from here on is asked for.
      hasHeard = true
      const reader = new SseReader((event) => this.#take(event))
      response.setEncoding('utf8')
      silence = setTimeout(() => stop(), SILENCE_MS)
      response.on('data', (piece: string) => {
        silence?.refresh()
        if (!reader.read(piece)) stop()
      })
    }
    const open = (): void => {
      const question = {
        path: '/v1/advisories?scope=broker',
        credentials: this.#credentials,
        lastEventId: hasHeard ? idOf(this.#positions) : '',
      }
      stop = this.#http.listen(url, question, onResponse, () => {
        clearTimeout(silence)
        if (isClosed) return
        timer = setTimeout(open, pauseMs)
        pauseMs = Math.min(MOST_PAUSE_MS, pauseMs * 2)
      })
    }
    open()
    return {
      close: () => {
        isClosed = true
        clearTimeout(timer)
        clearTimeout(silence)
        stop()
      },
    }
  }
}
