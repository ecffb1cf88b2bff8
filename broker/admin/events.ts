import type { ServerResponse } from 'node:http'
import { ENTRY_EVENT, type Feed, type Positions, START_EVENT } from './feed.ts'
import { AdminRefusal } from './refusal.ts'

const MAX_LISTENERS = 100
/** Entries that a listener who has once heard everything may be behind. */
const MAX_BEHIND = 1_000
/** Not yet taken by the listener's system; more is written when some was taken. */
const MOST_UNSENT_BYTES = 65_536
const BEAT_MS = 15_000

/** Whoever listens to a timeline by server-sent events. */
export class EventStreams {
  readonly #streams = new Set<EventStream>()
  #beat: NodeJS.Timeout | undefined
  #isClosed = false
  readonly counters = { listenersDropped: 0, listenersRefused: 0 }

  get size(): number {
    return this.#streams.size
  }

  /**
   * Sends the entries of a feed from `after` on, or from now on, until the listener goes; `onEnd` is
   * called once. Throws a refusal if there are too many.
   */
  open(
    response: ServerResponse,
    headers: Record<string, string>,
    from: { feed: Feed; startId: string; after: Positions | undefined },
    onEnd: () => void,
  ): void {
    if (this.#streams.size >= MAX_LISTENERS || this.#isClosed) {
      this.counters.listenersRefused += 1
      throw new AdminRefusal('too_many', `${MAX_LISTENERS} listen here already`)
    }
    const { feed, startId, after } = from
    const stream = new EventStream(response, feed, after, (isSlow) => {
      if (!this.#streams.delete(stream)) return
      if (isSlow) this.counters.listenersDropped += 1
      if (this.#streams.size === 0) clearInterval(this.#beat)
      onEnd()
    })
    this.#streams.add(stream)
    if (this.#streams.size === 1) this.#beat = setInterval(() => this.#beatAll(), BEAT_MS)
    stream.start(headers, startId)
  }

  close(): void {
    this.#isClosed = true
    for (const stream of this.#streams) stream.end(false)
  }

  #beatAll(): void {
    for (const stream of this.#streams) stream.beat()
  }
}

class EventStream {
  readonly #response: ServerResponse
  readonly #feed: Feed
  readonly #onEnd: (isSlow: boolean) => void
  readonly #after: Positions | undefined
  readonly #stop: () => void
  /** Number in the feed of the entry that goes next. */
  #next: number
  #unsentBytes = 0
  /** It has heard everything once. */
  #isLive = false
  #hasMoved = true

  constructor(
    response: ServerResponse,
    feed: Feed,
    after: Positions | undefined,
    onEnd: (isSlow: boolean) => void,
  ) {
    this.#response = response
    this.#feed = feed
    this.#after = after
    this.#onEnd = onEnd
    this.#next = after === undefined ? feed.ring.end : feed.ring.first
    this.#stop = feed.listen(() => this.#pump())
  }

  start(headers: Record<string, string>, startId: string): void {
    const response = this.#response
    response.on('error', () => {})
    response.once('close', () => this.end(false))
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'close',
    })
    // A listener that resumes keeps its id until something follows it.
    const id = this.#after === undefined ? `id: ${startId}\n` : ''
    this.#write(`retry: 1000\nevent: ${START_EVENT}\n${id}data: {}\n\n`)
    this.#pump()
  }

  /** Says that it is still there, and lets go of a listener that takes nothing. */
  beat(): void {
    if (this.#unsentBytes > 0 && !this.#hasMoved) this.end(true)
    else {
      this.#hasMoved = false
      this.#write(': still here\n\n')
    }
  }

  end(isSlow: boolean): void {
    this.#stop()
    this.#response.destroy()
    this.#onEnd(isSlow)
  }

  #pump(): void {
    const { ring } = this.#feed
    // What it did not take in time is no longer here.
    const isBehind = this.#next < ring.first || ring.end - this.#next > MAX_BEHIND
    if (this.#isLive && isBehind) {
      this.end(true)
      return
    }
    this.#next = Math.max(this.#next, ring.first)
    while (this.#unsentBytes < MOST_UNSENT_BYTES && this.#next < ring.end) {
      const { entry, id } = ring.at(this.#next)!
      this.#next += 1
      if (this.#hasHeard(id)) continue
      this.#write(`event: ${ENTRY_EVENT}\nid: ${id}\ndata: ${JSON.stringify(entry)}\n\n`)
    }
    if (this.#next === ring.end) this.#isLive = true
  }

  /** Ids end in the entry's own life and number. */
  #hasHeard(id: string): boolean {
    if (this.#after === undefined) return false
    const [life, n] = id
      .slice(id.lastIndexOf(',') + 1)
      .split('-')
      .map(Number)
    return n! <= (this.#after.get(life!) ?? 0)
  }

  #write(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.#unsentBytes += bytes
    this.#response.write(text, () => {
      this.#unsentBytes -= bytes
      this.#hasMoved = true
      if (!this.#response.destroyed) this.#pump()
    })
  }
}
