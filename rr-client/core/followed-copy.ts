import type { Advisory } from '../../bus/advisory.ts'
import type { Prng } from '../../bus/prng.ts'
import { type RegistryAnswer, refusalIn, uselessAnswer } from '../../bus/registry-answer.ts'
import type { CopyMemory } from './copy-memory.ts'
import { type FoundBroker, type RegistryList, readList } from './registry-list.ts'

/** A question for changes stays open so long, and so much longer until its copy is given up. */
const WAIT_MS = 20_000
const ANSWER_MS = 5_000
/** Between two questions that brought nothing new so soon: up to the last, doubling, with jitter. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 5_000
/** An answer to a waiting question that takes longer has been waited for as it should be. */
const WAITED_MS = 1_000

export interface FollowedEvents {
  found(broker: FoundBroker): void
  /** The copy will not have this client. */
  refused(): void
  advise(advisory: Advisory): void
}

/** What is asked next, by GET. */
export interface CopyQuestion {
  /** The last answer that was taken, and for how long the copy may wait for another one. */
  readonly seen: string
  readonly waitMs: number
  /** Later than this no answer comes. */
  readonly timeoutMs: number
}

export interface CopyRefusal {
  readonly url: string
  readonly code: string
  readonly message: string
}

/**
 * One copy of the registry as a client follows it: what is asked of it, which of its answers count,
 * and how long to wait between questions. Whoever asks does so for ever, one question at a time.
 */
export class FollowedCopy {
  readonly url: string
  readonly #memory: CopyMemory
  readonly #events: FollowedEvents
  readonly #prng: Prng
  #seen = ''
  #last: RegistryList | undefined
  #state: 'asking' | 'known' | 'lost' | 'refused' = 'asking'
  #reason = ''
  #told = ''
  #unreadable = 0
  /** Questions in a row that were over at once and brought nothing. */
  #idle = 0
  refusal: CopyRefusal | undefined

  constructor(url: string, memory: CopyMemory, events: FollowedEvents, prng: Prng) {
    this.url = url
    this.#memory = memory
    this.#events = events
    this.#prng = prng
  }

  /** It waits for something new, but first of all hears that the copy is there. */
  get question(): CopyQuestion {
    const waitMs = this.#state === 'known' ? WAIT_MS : 0
    return { seen: this.#seen, waitMs, timeoutMs: waitMs + ANSWER_MS }
  }

  view() {
    const { copy = '', version = 0, brokers = [] } = this.#last ?? {}
    const { url } = this
    return { url, state: this.#state, reason: this.#reason, copy, version, brokers: brokers.length }
  }

  /** Takes an answer in that took so long; returns for how long to pause before the next question. */
  onAnswer(answer: RegistryAnswer, tookMs: number): number {
    const hasNews = this.#read(answer)
    const hasWaited = this.#state === 'known' && tookMs > WAITED_MS
    return this.#pauseMs(hasNews || hasWaited)
  }

  /** There is no answer. */
  onFailure(reason: string): number {
    this.#lost('lost', reason)
    return this.#pauseMs(false)
  }

  #read(answer: RegistryAnswer): boolean {
    const refusal = refusalIn(answer)
    if (refusal !== undefined) {
      this.#refused(refusal.code, refusal.message)
      return false
    }
    const list = answer.status === 200 ? readList(answer.body) : undefined
    if (list !== undefined) return this.#take(list)
    const reason =
      answer.status === 200 ? 'its answer is no list of brokers' : uselessAnswer(answer)
    this.#lost('lost', reason)
    return false
  }

  /** Whether it brought something new. */
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
    const { url } = this
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
    const isTls = this.url.startsWith('https:')
    const urls = isTls ? broker.urls.filter((url) => url.startsWith('wss:')) : broker.urls
    if (urls.length > 0) this.#events.found({ ...broker, urls })
  }

  #refused(code: string, message: string): void {
    const { url } = this
    this.refusal = { url, code, message }
    this.#state = 'refused'
    this.#reason = message
    this.#tell(`refused ${message}`, { kind: 'registry_refused', url, code, message })
    this.#events.refused()
  }

  #lost(what: 'lost' | 'older', reason: string): void {
    this.refusal = undefined
    this.#state = 'lost'
    this.#reason = reason
    this.#tell(what, { kind: 'registry_lost', url: this.url, reason })
  }

  /** A fact is told once, until there is another one. */
  #tell(what: string, advisory: Advisory): void {
    if (this.#told === what) return
    this.#told = what
    this.#events.advise(advisory)
  }

  #pauseMs(isOfUse: boolean): number {
    if (isOfUse) this.#idle = 0
    const top = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(10, this.#idle))
    this.#idle += 1
    return top / 2 + this.#prng.below(top / 2)
  }
}
