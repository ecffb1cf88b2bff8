import type { FieldReader } from '../../bus/bytes.ts'
import { Frame } from '../../bus/frame.ts'
import { decodeOrder, encodeObserve, encodeOrder } from '../../bus/observe-frames.ts'
import { CallTrace } from './call-trace.ts'
import type { Link, Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** Clients report this often, in milliseconds, and more seldom the more there are. */
const EVERY_MS = 1_000
const SESSIONS_PER_STEP = 2_000
/** Below this share of the sessions that made reports more seldom they may be more frequent again. */
const FEWER_SHARE = 0.5
const MAX_REPORT_BYTES = 65_536
/** What a client may send: one report in so many milliseconds, and so many in one bunch. */
const LEAST_BETWEEN_MS = 50
const REPORTS_AT_ONCE = 20
/** Of so much each, on average: what reading costs grows with it. Ten of the largest may come in one bunch. */
const BYTES_PER_REPORT = 6_554
const BYTES_AT_ONCE = 10 * MAX_REPORT_BYTES
/** Clients that are asked in one turn of the loop. */
const ASKED_PER_TURN = 500

/**
 * How a broker that is watched looks at its clients, and how orders reach them. One that nobody
 * watches asks for nothing, and what it is sent all the same it only counts.
 */
export class Observing {
  readonly #state: BrokerState
  #isWatched = false
  #everyMs = EVERY_MS
  /** Links that are yet to be asked, or asked anew. */
  readonly #due = new Set<Link>()

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** From now on clients report and calls are traced; whoever is here is told of. */
  watch(): void {
    const { traceEvents } = this.#state.limits
    this.#isWatched = true
    if (traceEvents > 0) this.#state.trace ??= new CallTrace(traceEvents)
    this.#stretch()
    this.#askAll()
    for (const session of this.#state.sessions.values()) {
      this.#state.effects.sessionIs(session, session.link === undefined ? 'lost' : 'up')
    }
  }

  /** There are links to be asked in the next turn of the loop. */
  get isBehind(): boolean {
    return this.#due.size > 0
  }

  onTurn(now: number): void {
    let left = ASKED_PER_TURN
    for (const link of this.#due) {
      if (left === 0) return
      left -= 1
      this.#due.delete(link)
      if (link.session?.link === link) this.#ask(now, link)
    }
  }

  /** A client was welcomed on this link. */
  onWelcome(now: number, link: Link): void {
    if (!this.#isWatched) return
    if (this.#stretch()) this.#askAll()
    this.#due.delete(link)
    this.#ask(now, link)
  }

  onReport(now: number, session: Session, reader: FieldReader): void {
    const { counters, effects } = this.#state
    const json = reader.rest()
    if (
      !this.#isWatched ||
      json.length > MAX_REPORT_BYTES ||
      !mayReport(now, session, json.length)
    ) {
      counters.reportsRefused += 1
      return
    }
    counters.reports += 1
    effects.reported(session, Buffer.from(json))
  }

  /** Sends an order under that number; false if its client is not linked. */
  order(now: number, instance: string, id: number, json: Buffer): boolean {
    const link = this.#state.byInstance.get(instance)?.link
    if (link === undefined) return false
    this.#state.counters.orders += 1
    this.#state.send(now, link, Frame.order, encodeOrder({ id, json }))
    return true
  }

  onOrdered(session: Session, reader: FieldReader): void {
    const { id, json } = decodeOrder(reader)
    this.#state.effects.ordered(session, id, json)
  }

  #ask(now: number, link: Link): void {
    const observe = encodeObserve({ everyMs: this.#everyMs, maxBytes: MAX_REPORT_BYTES })
    this.#state.send(now, link, Frame.observe, observe)
  }

  #askAll(): void {
    for (const link of this.#state.links) if (link.session !== undefined) this.#due.add(link)
  }

  /** Whether there are so many more, or fewer, that all are to report more seldom, or may more often. */
  #stretch(): boolean {
    const { size } = this.#state.sessions
    const everyMs = EVERY_MS * Math.max(1, Math.ceil(size / SESSIONS_PER_STEP))
    const isLess = everyMs < this.#everyMs
    const told = (this.#everyMs / EVERY_MS) * SESSIONS_PER_STEP
    if (everyMs === this.#everyMs || (isLess && size > told * FEWER_SHARE)) return false
    this.#everyMs = everyMs
    return true
  }
}

const mayReport = (now: number, session: Session, bytes: number): boolean => {
  const earned = (now - session.reportedAt) / LEAST_BETWEEN_MS
  session.reportedAt = now
  session.reportCredit = Math.min(REPORTS_AT_ONCE, session.reportCredit + earned)
  session.reportBytes = Math.min(BYTES_AT_ONCE, session.reportBytes + earned * BYTES_PER_REPORT)
  if (session.reportCredit < 1 || session.reportBytes < bytes) return false
  session.reportCredit -= 1
  session.reportBytes -= bytes
  return true
}
