import type { NewsReport, Report } from '../../bus/report.ts'
import type { ClientIdentity } from '../steering.ts'
import { readAdvisory } from './advisory-schema.ts'
import type { ClientPart } from './api.ts'
import { ClientRecord } from './client-record.ts'
import { type ReadReport, readReport } from './report-schema.ts'

const MAX_CLIENTS = 20_000
/** One that is gone is still shown for so long, so that people see who it was. */
const GONE_MS = 120_000
const MAX_GONE = 1_000
const MAX_CLIENT_BYTES = 8 * 1_048_576
const MAX_BYTES = 256 * 1_048_576
/** Of one answer. */
const MOST_PARTS = 2_000
const MOST_PART_BYTES = 8 * 1_048_576

/** The clients that report to this broker, each by its newest word. */
export class Clients {
  readonly #broker: string
  readonly #now: () => number
  readonly #records = new Map<string, ClientRecord>()
  /** The one that went first stands first. */
  readonly #gone = new Set<ClientRecord>()
  #bytes = 0
  readonly counters = {
    reports: 0,
    /** Not what a report must be: ignored. */
    reportsMalformed: 0,
    /** Older than one that is known: ignored. */
    reportsStale: 0,
    /** Of clients for which there was no room. */
    reportsRefused: 0,
    /** Topics of clients for which there was no room. */
    clientTopicsOmitted: 0,
    /** News of a kind that is not known here, or not what it must be. */
    newsMalformed: 0,
    /** News that clients had no room for. */
    newsDropped: 0,
  }

  constructor(broker: string, now: () => number) {
    this.#broker = broker
    this.#now = now
  }

  get size(): number {
    return this.#records.size
  }

  /** Takes a report in; what is new in it, or undefined if it counts for nothing. */
  reported(client: ClientIdentity, json: Buffer): Report | undefined {
    const { counters } = this
    const read = readReport(json)
    if (typeof read === 'string') {
      counters.reportsMalformed += 1
      return undefined
    }
    const now = this.#now()
    const record = this.#records.get(client.instance) ?? this.#add(now, client)
    if (record === undefined || read.n <= record.n) {
      if (record === undefined) counters.reportsRefused += 1
      else counters.reportsStale += 1
      return undefined
    }
    counters.reports += 1
    const told = read.newsDropped ?? record.newsDropped
    counters.newsDropped += Math.max(0, told - record.newsDropped)
    record.newsDropped = told
    const before = record.bytes
    const room = Math.min(MAX_CLIENT_BYTES, MAX_BYTES - this.#bytes + before)
    counters.clientTopicsOmitted += record.take(now, read, room)
    this.#bytes += record.bytes - before
    // It speaks: whatever was heard of it before, it is here.
    this.#stateIs(now, record, 'up')
    return { ...read, news: this.#newsIn(read.news ?? []) }
  }

  /** A client is linked, lost its link, or is gone. */
  clientIs(client: ClientIdentity, state: ClientPart['state']): void {
    const record = this.#records.get(client.instance)
    if (record !== undefined) this.#stateIs(this.#now(), record, state)
  }

  identity(instance: string): ClientIdentity | undefined {
    return this.#records.get(instance)?.identity
  }

  /** Those that do most, as many as an answer may hold; the others are counted. */
  parts(): { clients: ClientPart[]; omitted: number } {
    const now = this.#now()
    this.#forget(now)
    const all = [...this.#records.values()]
    const total = all.reduce((sum, { bytes }) => sum + bytes, 0)
    if (all.length > MOST_PARTS || total > MOST_PART_BYTES) {
      const activity = new Map(all.map((record) => [record, record.activity(now)]))
      all.sort((a, b) => activity.get(b)! - activity.get(a)!)
    }
    let left = MOST_PART_BYTES
    const shown = all.slice(0, MOST_PARTS).filter(({ bytes }) => {
      left -= bytes
      return left >= 0
    })
    const clients = shown.map((record) => record.part(now, this.#broker))
    return { clients, omitted: all.length - clients.length }
  }

  #newsIn(news: NonNullable<ReadReport['news']>): NewsReport[] {
    return news.flatMap(({ agoMs, advisory: told }) => {
      const advisory = readAdvisory(told)
      if (advisory === undefined) this.counters.newsMalformed += 1
      return advisory === undefined ? [] : { agoMs, advisory }
    })
  }

  #add(now: number, client: ClientIdentity): ClientRecord | undefined {
    this.#forget(now)
    if (this.#records.size >= MAX_CLIENTS) {
      const [oldest] = this.#gone
      if (oldest === undefined) return undefined
      this.#drop(oldest)
    }
    const record = new ClientRecord(now, client)
    this.#records.set(client.instance, record)
    return record
  }

  #stateIs(now: number, record: ClientRecord, state: ClientPart['state']): void {
    if (record.state === state) return
    record.state = state
    record.changedAt = now
    this.#gone.delete(record)
    if (state === 'gone') this.#gone.add(record)
    this.#forget(now)
  }

  #forget(now: number): void {
    for (const record of this.#gone) {
      if (this.#gone.size <= MAX_GONE && now - record.changedAt < GONE_MS) return
      this.#drop(record)
    }
  }

  #drop(record: ClientRecord): void {
    this.#gone.delete(record)
    this.#records.delete(record.identity.instance)
    this.#bytes -= record.bytes
  }
}
