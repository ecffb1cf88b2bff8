import type { Advisory } from '../bus/advisory.ts'
import { messageOf } from '../bus/codec.ts'
import { BusError } from '../bus/errors.ts'
import { newSeed } from '../bus/io/ids.ts'
import type { LinkTls } from '../bus/io/link-ws.ts'
import { RegistryHttp } from '../bus/io/registry-http.ts'
import { Prng } from '../bus/prng.ts'
import {
  ANSWER_MS,
  AnnouncedCopy,
  type AnnouncementRefused,
  PATIENCE_MS,
} from './registry/core/announced-copy.ts'
import type { Announcement } from './registry/core/directory.ts'

export interface AnnouncerFacts {
  readonly registries: readonly string[]
  readonly token: string | undefined
  readonly tls: LinkTls | undefined
  readonly announcement: Announcement
}

/** Tells every copy of the registry, each on its own, that this broker lives. */
export class Announcer {
  readonly #copies: readonly Announcing[]

  constructor(facts: AnnouncerFacts, advise: (advisory: Advisory) => void) {
    const { registries, token, tls, announcement } = facts
    const prng = new Prng(newSeed())
    this.#copies = registries.map((url) => {
      const copy = new AnnouncedCopy(url, advise, prng)
      return new Announcing(copy, new RegistryHttp(url, token, tls), announcement)
    })
  }

  /** Announces everywhere. Rejects if a copy refuses; one that does not answer is tried on and on. */
  async start(): Promise<void> {
    const refusals = await Promise.all(this.#copies.map((copy) => copy.start()))
    for (const refused of refusals) {
      if (refused === undefined) continue
      const { url, code, message } = refused
      throw new BusError('invalid_argument', `registry ${url} refused this broker: ${message}`, {
        details: { stage: 'registry', refusal: code },
      })
    }
  }

  /** Takes the announcements back until it resumes: the broker lives, and takes nobody. */
  pause(): void {
    for (const copy of this.#copies) copy.pause()
  }

  resume(): void {
    for (const copy of this.#copies) copy.resume()
  }

  /** Takes the announcements back. */
  async close(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.close()))
  }
}

/** Tells one copy. What it is told goes one after the other, so that nothing overtakes what came before. */
class Announcing {
  readonly #copy: AnnouncedCopy
  readonly #http: RegistryHttp
  readonly #announcement: Announcement
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isPaused = false
  /** Settles when what was said last is answered. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(copy: AnnouncedCopy, http: RegistryHttp, announcement: Announcement) {
    this.#copy = copy
    this.#http = http
    this.#announcement = announcement
  }

  start(): Promise<AnnouncementRefused | undefined> {
    return this.#next(() => this.#announce(PATIENCE_MS))
  }

  pause(): void {
    if (this.#isPaused || this.#isClosed) return
    this.#isPaused = true
    clearTimeout(this.#timer)
    void this.#next(() => (this.#isPaused ? this.#withdraw('&mayReturn=true', ANSWER_MS) : NOTHING))
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return
    this.#isPaused = false
    void this.#next(() => this.#announce(ANSWER_MS))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#withdraw('', this.#copy.patienceMs)
    this.#http.close()
  }

  #next<T>(say: () => Promise<T>): Promise<T> {
    const said = this.#last.then(say)
    this.#last = said
    return said
  }

  async #withdraw(more: string, withinMs: number): Promise<void> {
    const { id, life } = this.#announcement
    try {
      await this.#http.ask('DELETE', `/v1/brokers/${id}?life=${life}${more}`, withinMs)
    } catch {
      // It finds out when the lease is over.
    }
  }

  async #announce(withinMs: number): Promise<AnnouncementRefused | undefined> {
    if (this.#isPaused || this.#isClosed) return undefined
    clearTimeout(this.#timer)
    let refused: AnnouncementRefused | undefined
    try {
      const answer = await this.#http.ask('POST', '/v1/brokers', withinMs, this.#announcement)
      if (this.#isClosed) return undefined
      refused = this.#copy.onAnswer(answer)
    } catch (error) {
      if (this.#isClosed) return undefined
      this.#copy.onFailure(messageOf(error))
    }
    if (!this.#isPaused) this.#timer = setTimeout(this.#again, this.#copy.pauseMs())
    return refused
  }

  readonly #again = (): void => {
    void this.#next(() => this.#announce(ANSWER_MS))
  }
}

const NOTHING = Promise.resolve()
