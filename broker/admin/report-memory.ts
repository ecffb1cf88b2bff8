import { isTopic } from '../../bus/names.ts'
import type { AnsweringReport, LinkReport, Report, TopicReport } from '../../bus/report.ts'
import type { ClientIdentity } from '../steering.ts'
import { MAX_CLIENT_COUNTERS } from './report-schema.ts'

/** Clients whose last word is remembered, and topics of one of them. */
const MAX_CLIENTS = 20_000
const MAX_TOPICS = 1_000

/** A topic as its requester told it last: as much of it as is needed. */
export interface KnownTopic {
  readonly open: number
  /** 0 closed, 1 half-open, 2 open: an operator's word goes before what the circuit says. */
  readonly breaker: number
  readonly isForced: boolean
  /** Queues that it leaves alone, wholly or nearly. */
  readonly isolated: number
  /** Totals that come without what was told before. */
  readonly retries: number
  readonly moves: number
  readonly recoveries: number
  readonly sentTo: ReadonlyMap<string, number>
}

/** A client as it told itself last. */
export interface KnownClient {
  readonly client: ClientIdentity
  /** Number of its last report here. */
  n: number
  /** Its link stands: what it told is how it is. */
  isLinked: boolean
  counters: Map<string, number>
  newsDropped: number
  topics: Map<string, KnownTopic>
  links: readonly LinkReport[]
  answering: readonly AnsweringReport[]
}

/** What a report adds to. */
export interface Before {
  /** As the client told itself last, if that was the report before this one. */
  readonly known: KnownClient | undefined
  /** Everything it has told was told here: what is not known was zero. */
  readonly isWhole: boolean
}

/** The last word of each client that reports here. */
export class ReportMemory {
  readonly #clients = new Map<string, KnownClient>()

  get all(): Iterable<KnownClient> {
    return this.#clients.values()
  }

  /**
   * What the report adds to; undefined if the client has told something newer. Reports that are missing
   * between went to another broker, which has counted them.
   */
  before({ instance }: ClientIdentity, { n }: Report): Before | undefined {
    const known = this.#clients.get(instance)
    if (known !== undefined && n <= known.n) return undefined
    const isNext = known?.n === n - 1
    return { known: isNext ? known : undefined, isWhole: isNext || n === 1 }
  }

  /** From now on the report is what is known. False if there is no room for all of it. */
  take(client: ClientIdentity, report: Report): boolean {
    const { instance } = client
    if (report.state === 'closed') {
      this.#clients.delete(instance)
      return true
    }
    let known = this.#clients.get(instance)
    if (known === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) return false
      const nothing = { counters: new Map(), topics: new Map(), links: [], answering: [] }
      known = { client, n: 0, isLinked: true, newsDropped: 0, ...nothing }
      this.#clients.set(instance, known)
    }
    // What is not told again has ended, or was told elsewhere since.
    if (report.isFull || report.n !== known.n + 1) {
      known.counters = new Map()
      known.topics = new Map()
    }
    known.n = report.n
    known.isLinked = true
    known.newsDropped = report.newsDropped ?? known.newsDropped
    known.links = report.links ?? known.links
    known.answering = report.answering?.filter(({ topic }) => isTopic(topic)) ?? known.answering
    for (const [name, total] of Object.entries(report.counters ?? {})) {
      const hasPlace = known.counters.has(name) || known.counters.size < MAX_CLIENT_COUNTERS
      if (hasPlace) known.counters.set(name, total)
    }
    for (const topic of report.left ?? []) known.topics.delete(topic)
    let hasRoom = true
    for (const topic of report.topics ?? []) {
      if (!isTopic(topic.topic)) continue
      if (known.topics.has(topic.topic) || known.topics.size < MAX_TOPICS) {
        known.topics.set(topic.topic, knownTopic(topic))
      } else hasRoom = false
    }
    return hasRoom
  }

  onClient({ instance }: ClientIdentity, state: 'up' | 'lost' | 'gone'): void {
    const known = this.#clients.get(instance)
    if (state === 'gone') this.#clients.delete(instance)
    else if (state === 'lost' && known !== undefined) known.isLinked = false
  }
}

const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const

export const isCircuitState = (state: string): boolean => Object.hasOwn(BREAKER, state)

const knownTopic = ({ circuit, open, routes, ...totals }: TopicReport): KnownTopic => ({
  open,
  breaker: BREAKER[circuit.forced?.to ?? circuit.state] ?? 0,
  isForced: circuit.forced !== undefined,
  isolated: routes.filter(({ isolation }) => isolation === 'open' || isolation === 'half-open')
    .length,
  retries: totals.retries,
  moves: totals.moves,
  recoveries: totals.recoveries,
  sentTo: new Map(Object.entries(totals.sentTo)),
})
