import type { Advisory } from '../bus/advisory.ts'
import { fnv1a, hashText } from '../bus/hash.ts'
import type { Loop } from '../bus/io/loop.ts'
import type { Runtime, Timer } from '../bus/io/runtime.ts'
import { LEAST_REPORT_MS } from '../bus/observe-frames.ts'
import type { Circuits } from './circuits.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { ClientCore } from './core/client-core.ts'
import { NewsRoom } from './news.ts'
import { Reports } from './reports.ts'

/** News of a state that people look at: reported at once. */
const URGENT: ReadonlySet<Advisory['kind']> = new Set([
  'circuit',
  'circuit_forced',
  'queue_isolated',
  'queue_restored',
  'queue_forced',
  'link_up',
  'link_down',
  'standby_active',
  'standby_passive',
])

/**
 * Tells one broker of those that look at this client how it does: one at home that is linked, or else
 * any. As often as that one wants, if there is something to say, and at once when a state changes.
 */
export class Reporter {
  readonly #runtime: Runtime
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #news = new NewsRoom()
  readonly #reports: Reports
  #link: BrokerLink | undefined
  #generation = 0
  #timer: Timer | undefined
  #dueAt = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(runtime: Runtime, core: ClientCore, loop: Loop, circuits: Circuits) {
    this.#runtime = runtime
    this.#core = core
    this.#loop = loop
    this.#reports = new Reports(core, circuits, this.#news)
  }

  /** What brokers ask for, or which of them are linked, may have changed. */
  retarget(): void {
    const link = this.#choose()
    if (link === undefined) {
      this.#disarm()
      this.#link = undefined
      return
    }
    if (link !== this.#link || link.generation !== this.#generation) {
      this.#link = link
      this.#generation = link.generation
      this.#reports.beginAnew()
      this.hurry()
    } else this.#arm(this.#lastAt + link.asksNow!.everyMs)
  }

  /** Something has happened. */
  tell(advisory: Advisory): void {
    // While nobody looks this is all.
    if (this.#core.state.trace === undefined) return
    this.#news.take(this.#runtime.now(), advisory)
    if (!URGENT.has(advisory.kind)) return
    if (advisory.kind === 'link_up' || advisory.kind === 'link_down') this.retarget()
    this.hurry()
  }

  /** The next report is wanted as soon as one may follow the last. */
  hurry(): void {
    if (this.#link !== undefined) this.#arm(this.#lastAt + LEAST_REPORT_MS)
  }

  /** The last words, before the goodbye and in its step. */
  last(now: number): void {
    this.retarget()
    if (this.#link !== undefined) this.#send(now, this.#link, 'closed')
    this.close()
  }

  close(): void {
    this.#isClosed = true
    this.#disarm()
  }

  #disarm(): void {
    this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
  }

  /** At home if one there asks; by rendezvous hash, so that the brokers share the clients. */
  #choose(): BrokerLink | undefined {
    const { links, facts } = this.#core.state
    const asking = links.filter((link) => link.asksNow !== undefined)
    const home = asking.filter(({ isHome }) => isHome)
    const seed = fnv1a(facts.instance)
    const placeOf = ({ broker }: BrokerLink): number => hashText(broker, seed)
    let best: BrokerLink | undefined
    for (const link of home.length > 0 ? home : asking) {
      if (best === undefined || placeOf(link) > placeOf(best)) best = link
    }
    return best
  }

  /** Wakes then, unless it is awake earlier. */
  #arm(instant: number): void {
    if (this.#isClosed) return
    const now = this.#runtime.now()
    const dueAt = Math.max(now + 1, instant)
    if (this.#timer !== undefined && this.#dueAt <= dueAt) return
    this.#disarm()
    this.#dueAt = dueAt
    this.#timer = this.#runtime.setTimer(this.#wake, dueAt - now)
  }

  readonly #wake = (): void => {
    this.#timer = undefined
    const link = this.#link
    if (link?.asksNow === undefined) return
    const { everyMs } = link.asksNow
    this.#loop.post((now) => this.#send(now, link, this.#core.state.phase), undefined)
    this.#arm(this.#runtime.now() + everyMs)
  }

  /** A link that has too much to send already is left alone: the next report says the same. */
  #send(now: number, link: BrokerLink, state: 'open' | 'draining' | 'closed'): void {
    const { asksNow, outbox } = link
    if (asksNow === undefined || outbox.isClogged) return
    const json = this.#reports.next(now, asksNow.maxBytes, state)
    if (json === undefined) return
    this.#lastAt = now
    this.#core.report(now, link, json)
  }
}
