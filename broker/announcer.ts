import type { Advisory } from '../bus/advisory.ts'
import { messageOf } from '../bus/codec.ts'
import { BusError } from '../bus/errors.ts'
import type { LinkTls } from '../bus/io/link-ws.ts'
import {
  type RegistryAnswer,
  RegistryHttp,
  type RegistryRefusal,
  refusalIn,
  uselessAnswer,
} from '../bus/io/registry-http.ts'
import type { Announcement } from './registry/core/directory.ts'

const EVERY_MS = 1_000
/** A copy with a short lease is told more often: it must miss several before it forgets. */
const PER_LEASE = 5
const JITTER = 0.2
const LAST_BACKOFF_MS = 5_000
const ANSWER_MS = 2_000
/** A start, or a close, waits no longer than this for a copy that does not answer. */
const PATIENCE_MS = 1_000
const LOST_PATIENCE_MS = 200

export interface AnnouncerFacts {
  readonly registries: readonly string[]
  readonly token: string | undefined
  readonly tls: LinkTls | undefined
  readonly announcement: Announcement
}

/** Tells every copy of the registry, each on its own, that this broker lives. */
export class Announcer {
  readonly #copies: readonly AnnouncedCopy[]

  constructor(facts: AnnouncerFacts, advise: (advisory: Advisory) => void) {
    this.#copies = facts.registries.map((url) => new AnnouncedCopy(url, facts, advise))
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

  /** Takes the announcements back. */
  async close(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.close()))
  }
}

type Refused = RegistryRefusal & { url: string }

/** One copy. Announcements go one after the other; what it says is told once per change. */
class AnnouncedCopy {
  readonly #http: RegistryHttp
  readonly #facts: AnnouncerFacts
  readonly #advise: (advisory: Advisory) => void
  #timer: NodeJS.Timeout | undefined
  #everyMs = EVERY_MS
  #failures = 0
  /** What was last told of it. */
  #told = ''
  #isClosed = false

  constructor(url: string, facts: AnnouncerFacts, advise: (advisory: Advisory) => void) {
    this.#http = new RegistryHttp(url, facts.token, facts.tls)
    this.#facts = facts
    this.#advise = advise
  }

  start(): Promise<Refused | undefined> {
    return this.#announce(PATIENCE_MS)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    const { id, life } = this.#facts.announcement
    const withinMs = this.#failures === 0 ? PATIENCE_MS : LOST_PATIENCE_MS
    try {
      await this.#http.ask('DELETE', `/v1/brokers/${id}?life=${life}`, withinMs)
    } catch {
      // It finds out when the lease is over.
    } finally {
      this.#http.close()
    }
  }

  async #announce(withinMs: number): Promise<Refused | undefined> {
    const { announcement } = this.#facts
    let refused: Refused | undefined
    try {
      const answer = await this.#http.ask('POST', '/v1/brokers', withinMs, announcement)
      if (this.#isClosed) return undefined
      const refusal = refusalIn(answer)
      if (refusal !== undefined) refused = { url: this.#http.url, ...refusal }
      else if (answer.status !== 200) throw new Error(uselessAnswer(answer))
      this.#failures = 0
      // The first one is for whoever starts the broker to tell.
      if (refused === undefined) this.#accepted(answer)
      else if (this.#told !== '') this.#tell({ kind: 'registry_refused', ...refused })
    } catch (error) {
      if (this.#isClosed) return undefined
      this.#failures += 1
      this.#tell({ kind: 'registry_lost', url: this.#http.url, reason: messageOf(error) })
    }
    this.#timer = setTimeout(() => this.#announce(ANSWER_MS), this.#nextMs())
    return refused
  }

  #accepted({ body }: RegistryAnswer): void {
    const leaseMs = (body as { leaseMs?: unknown } | undefined)?.leaseMs
    if (typeof leaseMs === 'number' && leaseMs > 0) {
      this.#everyMs = Math.min(EVERY_MS, leaseMs / PER_LEASE)
    }
    this.#tell({ kind: 'registry_found', url: this.#http.url })
  }

  /** A loss is one fact however its reason changes; a refusal is another one with another reason. */
  #tell(advisory: Advisory & { kind: `registry_${string}` }): void {
    const what = advisory.kind === 'registry_refused' ? advisory.message : advisory.kind
    if (this.#told === what) return
    this.#told = what
    this.#advise(advisory)
  }

  #nextMs(): number {
    const base = Math.min(LAST_BACKOFF_MS, this.#everyMs * 2 ** Math.min(8, this.#failures))
    return base * (1 - JITTER + Math.random() * 2 * JITTER)
  }
}
