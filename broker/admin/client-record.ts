import type { ClientIdentity } from '../steering.ts'
import type { ClientPart } from './api.ts'
import { MAX_CLIENT_COUNTERS, MAX_CLIENT_TOPICS, type ReadReport } from './report-schema.ts'
import { plainText } from './text.ts'

type ClientTopic = ClientPart['topics'][number]
type ToldTopic = NonNullable<ReadReport['topics']>[number]

/** What a client did is half forgotten after so long. */
const HALF_LIFE_MS = 10_000
/** About what one route, one other field costs in memory and in an answer. */
const ROUTE_BYTES = 250
const TOPIC_BYTES = 600
const KEY_BYTES = 50

/** One client, put together from its reports: full ones, and those that tell what changed. */
export class ClientRecord {
  readonly identity: ClientIdentity
  state: ClientPart['state'] = 'up'
  /** When it was last heard of, or its state changed. */
  heardAt: number
  changedAt: number
  n = 0
  /** As it said itself, since its `connect`. */
  newsDropped = 0
  /** About, in memory. */
  bytes = 0
  inFlight = 0
  readonly #counters = new Map<string, number>()
  #links: ClientPart['links'] = []
  #answering: ClientPart['answering'] = []
  readonly #topics = new Map<string, ClientTopic>()
  #did = 0

  constructor(now: number, { instance, name, idc, label }: ClientIdentity) {
    const most = 128
    this.identity = {
      instance,
      name: plainText(name, most),
      idc: plainText(idc, most),
      label: plainText(label, most),
    }
    this.heardAt = now
    this.changedAt = now
  }

  /** Takes a report in. Topics that find no room are left out: how many. */
  take(now: number, report: ReadReport, roomBytes: number): number {
    const aged = 0.5 ** ((now - this.heardAt) / HALF_LIFE_MS)
    this.#did = this.#did * aged + doneIn(report)
    this.heardAt = now
    this.n = report.n
    this.inFlight = report.inFlight
    if (report.isFull) {
      this.#topics.clear()
      this.#counters.clear()
      this.#links = []
      this.#answering = []
    }
    for (const [name, total] of Object.entries(report.counters ?? {})) {
      const isKnown = this.#counters.has(name)
      if (isKnown || this.#counters.size < MAX_CLIENT_COUNTERS) this.#counters.set(name, total)
    }
    if (report.links !== undefined) this.#links = report.links
    if (report.answering !== undefined) this.#answering = report.answering
    for (const topic of report.left ?? []) this.#topics.delete(topic)
    let omitted = 0
    for (const told of report.topics ?? []) {
      const isKnown = this.#topics.has(told.topic)
      if (!isKnown && this.#topics.size >= MAX_CLIENT_TOPICS) omitted += 1
      else this.#topics.set(told.topic, keptOf(told))
    }
    omitted += this.#fit(roomBytes)
    return omitted
  }

  part(now: number, broker: string): ClientPart {
    return {
      ...this.identity,
      broker,
      state: this.state,
      ageMs: now - this.heardAt,
      n: this.n,
      inFlight: this.inFlight,
      counters: Object.fromEntries(this.#counters),
      links: this.#links,
      topics: [...this.#topics.values()],
      answering: this.#answering,
    }
  }

  /** How much it does now: calls settled of late, and those in hand. */
  activity(now: number): number {
    const running = this.#answering.reduce((sum, { running }) => sum + running, 0)
    return this.inFlight + running + this.#did * 0.5 ** ((now - this.heardAt) / HALF_LIFE_MS)
  }

  /** Leaves out the topics told last until what is left fits. */
  #fit(roomBytes: number): number {
    this.bytes =
      TOPIC_BYTES * (1 + this.#answering.length) +
      ROUTE_BYTES * this.#links.length +
      KEY_BYTES * this.#counters.size
    let omitted = 0
    for (const [name, topic] of this.#topics) {
      const cost = costOf(topic)
      if (this.bytes + cost > roomBytes) {
        this.#topics.delete(name)
        omitted += 1
      } else this.bytes += cost
    }
    return omitted
  }
}

/** Without what only the next report is compared with. */
const keptOf = ({
  before: _,
  latencyBefore: __,
  sumMsBefore: ___,
  ...kept
}: ToldTopic): ClientTopic => kept

const costOf = ({ routes, ends, sentTo, latency }: ClientTopic): number =>
  TOPIC_BYTES +
  ROUTE_BYTES * routes.length +
  KEY_BYTES * (Object.keys(ends).length + Object.keys(sentTo).length) +
  8 * latency.length

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, each) => total + each, 0)

const doneIn = (report: ReadReport): number =>
  (report.topics ?? []).reduce(
    (total, { ends, before }) => total + Math.max(0, sum(ends) - sum(before)),
    0,
  )
