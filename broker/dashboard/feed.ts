/** Keeps the page fed: a snapshot a second, at once after an event that changes something, and the events. */
import type { ClusterSnapshot, TimelineEntry } from '../admin/api.ts'
import { ApiFailure, hasToken, read, stream } from './api.ts'
import { contact, entries, isStreaming, picture, second, store } from './live.ts'
import { cleanJson } from './state/clean-text.ts'
import { isUrgent, joined } from './state/entries.ts'
import { EventStream } from './state/event-stream.ts'

const EVERY_MS = 1_000
/** Between two snapshots, whatever happens. */
const LEAST_MS = 150
/** The API writes a line every 15 s. */
const SILENT_MS = 40_000
const AGAIN_MS = 1_000
const MOST_AGAIN_MS = 10_000
const FIRST_ENTRIES = 1_000

class Feed {
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAsking = false
  #isDue = false
  #askedAt = 0
  #lastEventId = ''
  #listening = new AbortController()

  start(): void {
    setInterval(() => {
      second.value = Date.now()
    }, EVERY_MS)
    void this.#ask()
    void this.#listen()
  }

  /** With a token now: everything from the start. */
  unlock(): void {
    contact.value = { state: 'first', since: 0, why: '' }
    this.#listening.abort()
    this.soon()
  }

  /** As soon as it may be. */
  soon(): void {
    this.#isDue = true
    if (!this.#isAsking) this.#wait(LEAST_MS - (Date.now() - this.#askedAt))
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, ms))
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    this.#isDue = false
    this.#askedAt = Date.now()
    try {
      const snapshot = await read<ClusterSnapshot>('v1/snapshot')
      await nextTask()
      const next = store.take(snapshot)
      await nextTask()
      picture.value = next
      contact.value = { state: 'up', since: 0, why: '' }
    } catch (error) {
      noteFailure(error)
    }
    this.#isAsking = false
    if (contact.value.state === 'locked') return
    this.#wait((this.#isDue ? LEAST_MS : EVERY_MS) - (Date.now() - this.#askedAt))
  }

  /** For as long as the page is open. */
  async #listen(): Promise<void> {
    let pauseMs = AGAIN_MS
    for (;;) {
      try {
        await this.#follow()
        pauseMs = AGAIN_MS
      } catch {
        pauseMs = Math.min(MOST_AGAIN_MS, pauseMs * 2)
      }
      isStreaming.value = false
      await new Promise<void>((resolve) => {
        setTimeout(resolve, pauseMs)
      })
    }
  }

  async #follow(): Promise<void> {
    this.#listening = new AbortController()
    const listening = this.#listening
    let watchdog: ReturnType<typeof setTimeout> | undefined
    const heard = (): void => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => listening.abort(), SILENT_MS)
    }
    const events = new EventStream()
    heard()
    try {
      for await (const piece of stream('v1/advisories', this.#lastEventId, listening.signal)) {
        heard()
        // What happened before is asked for only now, or what happens between would be lost.
        if (!isStreaming.value) void this.#readPast()
        isStreaming.value = true
        const told = events.read(piece).filter(({ event }) => event === 'entry')
        if (told.length === 0) continue
        this.#lastEventId = told.at(-1)!.id
        this.#note(told.flatMap(({ data }) => entryOf(data)))
      }
    } finally {
      clearTimeout(watchdog)
    }
  }

  async #readPast(): Promise<void> {
    try {
      // What people did must not drown in what happened.
      for (const more of ['', '&source=operator', '&source=drill']) {
        const path = `v1/timeline?limit=${FIRST_ENTRIES}${more}`
        this.#note((await read<{ entries: TimelineEntry[] }>(path)).entries)
      }
    } catch {
      // The events go on without; the bar at the top tells when the API does not answer.
    }
  }

  #note(more: readonly TimelineEntry[]): void {
    entries.value = joined(entries.value, more)
    if (more.some(isUrgent)) this.soon()
  }
}

/** Reading, reckoning and drawing are three tasks, so that a key press never waits for all of them. */
const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })

const noteFailure = (error: unknown): void => {
  const why = error instanceof Error ? error.message : String(error)
  if (error instanceof ApiFailure && error.status === 401) {
    contact.value = { state: 'locked', since: Date.now(), why, isRefused: hasToken() }
  } else if (contact.value.state !== 'lost') {
    contact.value = { state: 'lost', since: Date.now(), why }
  } else contact.value = { ...contact.value, why }
}

const entryOf = (data: string): TimelineEntry[] => {
  try {
    return [JSON.parse(cleanJson(data)) as TimelineEntry]
  } catch {
    return []
  }
}

export const feed = new Feed()
