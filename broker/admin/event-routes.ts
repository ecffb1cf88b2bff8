/** `GET /v1/advisories`: the timeline as it grows, of this broker or of all. */
import { z } from '@hono/zod-openapi'
import type { Caller } from './auth.ts'
import { ClusterFeed } from './cluster-feed.ts'
import type { EventStreams } from './events.ts'
import { type Feed, idOf, type Positions, positionsIn } from './feed.ts'
import { SCOPE } from './look-routes.ts'
import type { PeerHttp } from './peer-http.ts'
import type { Peers } from './peers.ts'
import { AdminRefusal } from './refusal.ts'
import type { Routes } from './routes.ts'
import { ENTRY } from './schemas.ts'

/** Peers are followed on for so long after the last listener went: it may only be reconnecting. */
const LINGER_MS = 10_000
const MAX_ID = 4_096
const HEADERS = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }

interface Followed {
  /** Others who listen may find it. */
  readonly isShared: boolean
  readonly followed: ClusterFeed
  listeners: number
  linger: NodeJS.Timeout | undefined
}

/** The peers' timelines, followed while somebody listens, once for all who show the same credentials. */
export class ClusterFeeds {
  readonly #own: { feed: Feed; life: number }
  readonly #peers: Peers
  readonly #http: PeerHttp
  readonly #feeds = new Map<string, Followed>()
  #resumed = 0

  constructor(own: { feed: Feed; life: number }, peers: Peers, http: PeerHttp) {
    this.#own = own
    this.#peers = peers
    this.#http = http
  }

  /** The feed, and how to let go of it. */
  take({ credentials }: Caller, after: Positions | undefined): { feed: Feed; letGo: () => void } {
    const shared = credentials.authorization ?? ''
    const isFit = after === undefined || this.#feeds.get(shared)?.followed.holds(after) !== false
    // Who comes back to more than the others' feed has is given one of its own.
    const key = isFit ? shared : `${shared} ${++this.#resumed}`
    const known = this.#feeds.get(key)
    const entry: Followed = known ?? {
      isShared: isFit,
      followed: new ClusterFeed(this.#own, this.#peers, this.#http, credentials, after),
      listeners: 0,
      linger: undefined,
    }
    if (known === undefined) this.#feeds.set(key, entry)
    entry.listeners += 1
    clearTimeout(entry.linger)
    return { feed: entry.followed.feed, letGo: () => this.#letGo(key, entry) }
  }

  close(): void {
    for (const { followed, linger } of this.#feeds.values()) {
      clearTimeout(linger)
      followed.close()
    }
    this.#feeds.clear()
  }

  #letGo(key: string, entry: Followed): void {
    entry.listeners -= 1
    if (entry.listeners > 0 || this.#feeds.get(key) !== entry) return
    const end = (): void => {
      this.#feeds.delete(key)
      entry.followed.close()
    }
    if (entry.isShared) entry.linger = setTimeout(end, LINGER_MS)
    else end()
  }
}

export const addEvents = (
  routes: Routes,
  own: { feed: Feed; life: number },
  feeds: ClusterFeeds,
  streams: EventStreams,
): void => {
  routes.look(
    {
      path: '/v1/advisories',
      summary: 'The timeline as it grows. Last-Event-ID resumes; without it, from now on.',
      query: z.strictObject({ scope: SCOPE }),
      answer: ENTRY,
    },
    ({ query, caller, request, response, isPassedOn }) => {
      const last = request.headers['last-event-id']?.toString() ?? ''
      const after = last === '' ? undefined : positionsIn(last)
      if (last !== '' && (after === undefined || last.length > MAX_ID)) {
        throw new AdminRefusal('invalid_argument', 'Last-Event-ID must be the id of an event')
      }
      const startId = idOf(new Map([[own.life, own.feed.ring.end - 1]]))
      const { feed, letGo } =
        query.scope === 'broker' || isPassedOn
          ? { feed: own.feed, letGo: () => {} }
          : feeds.take(caller, after)
      try {
        streams.open(response, HEADERS, { feed, startId, after }, letGo)
      } catch (error) {
        letGo()
        throw error
      }
      return undefined
    },
    'text/event-stream',
  )
}
