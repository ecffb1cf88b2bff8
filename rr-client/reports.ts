import type { Report, TopicReport } from '../bus/report.ts'
import { BoundedJson, boundedList } from './bounded-json.ts'
import type { Circuits } from './circuits.ts'
import type { ClientCore } from './core/client-core.ts'
import type { TopicRoutes } from './core/routes.ts'
import type { NewsRoom } from './news.ts'
import {
  answeringReport,
  fingerprint,
  linkReport,
  type Totals,
  topicReport,
  totalsOf,
} from './report-parts.ts'

/** The most of a report that parts of it may take, so that there is room for topics in every one. */
const SHARES = { news: 1 / 4, answering: 1 / 4, links: 1 / 8, left: 1 / 8 }

const NOTHING: Totals = { ends: {}, latency: [], sumMs: 0 }

/** What brokers were told of one topic. */
interface Told {
  readonly topic: TopicRoutes
  print: number
  /** The present broker knows of it. */
  isKnown: boolean
  totals: Totals
}

/**
 * Writes reports: what has changed since the one before, topics in the order in which they changed, as
 * many as fit. What does not is first in the next one, so that none starves.
 */
export class Reports {
  readonly #core: ClientCore
  readonly #circuits: Circuits
  readonly #news: NewsRoom
  readonly #told = new Map<string, Told>()
  /** Topics that changed and were not told since. */
  readonly #due = new Set<Told>()
  /** Topics that the present broker knows and that are called no longer. */
  #left: string[] = []
  #links = ''
  #answering = ''
  #counters: Record<string, number> = {}
  /** State, open calls and dropped news as told last. */
  #gist = ''
  #number = 0
  #isFull = true

  constructor(core: ClientCore, circuits: Circuits, news: NewsRoom) {
    this.#core = core
    this.#circuits = circuits
    this.#news = news
  }

  /** The next report is for a broker that knows nothing of this client. */
  beginAnew(): void {
    this.#isFull = true
    this.#counters = {}
    this.#left = []
    this.#links = ''
    this.#answering = ''
    for (const told of this.#told.values()) {
      told.isKnown = false
      this.#due.add(told)
    }
  }

  /** The next report, of so many bytes at most; undefined if there is nothing to say, or no room. */
  next(now: number, maxBytes: number, state: Report['state']): Buffer | undefined {
    this.#lookAtTopics(now)
    const { inFlight } = this.#core.requester
    const links = this.#linksNow(maxBytes * SHARES.links)
    const answering = this.#answeringNow(maxBytes * SHARES.answering)
    const counters = this.#countersNow()
    const changed = Object.entries(counters).filter(([name, n]) => this.#counters[name] !== n)
    const gist = `${state} ${inFlight} ${this.#news.dropped}`
    const hasNews = this.#news.kept.length > 0 || this.#left.length > 0
    const isSame = links === this.#links && answering === this.#answering && gist === this.#gist
    if (isSame && !hasNews && changed.length === 0 && this.#due.size === 0) return undefined

    const text = new BoundedJson(maxBytes)
    const head = { n: this.#number + 1, isFull: this.#isFull, state, inFlight }
    for (const [name, value] of Object.entries(head)) {
      if (!text.field(name, JSON.stringify(value))) return undefined
    }
    this.#number += 1
    this.#isFull = false
    this.#gist = gist
    if (changed.length > 0) {
      const isTold = text.field('counters', JSON.stringify(Object.fromEntries(changed)))
      if (isTold) this.#counters = counters
    }
    if (links !== this.#links && text.field('links', links)) this.#links = links
    if (answering !== this.#answering && text.field('answering', answering)) {
      this.#answering = answering
    }
    this.#tellLeft(text, maxBytes * SHARES.left)
    this.#tellNews(now, text, maxBytes * SHARES.news)
    this.#tellTopics(now, text)
    return text.done()
  }

  /** Notes which topics have changed since they were told. */
  #lookAtTopics(now: number): void {
    const { topics } = this.#core.requester
    for (const [name, told] of this.#told) {
      // Called again after it was forgotten, a topic begins anew, and its totals with it.
      if (topics.find(name) === told.topic) continue
      this.#told.delete(name)
      this.#due.delete(told)
      if (told.isKnown && topics.find(name) === undefined) this.#left.push(name)
    }
    for (const topic of topics.all) {
      const print = fingerprint(now, topic, this.#circuits.fingerprint(topic.name))
      let told = this.#told.get(topic.name)
      if (told === undefined) {
        told = { topic, print: print + 1, isKnown: false, totals: NOTHING }
        this.#told.set(topic.name, told)
      }
      if (told.print !== print) this.#due.add(told)
      told.print = print
    }
  }

  /** Those at home come first, if there are too many. */
  #linksNow(maxBytes: number): string {
    const links = this.#core.state.links.map(linkReport)
    links.sort((a, b) => Number(b.isHome) - Number(a.isHome))
    return boundedList(links, JSON.stringify, maxBytes).json
  }

  /** Those with most work come first, if there are too many; nothing for a client that answers none. */
  #answeringNow(maxBytes: number): string {
    const all = [...this.#core.registrations.all].map(answeringReport)
    if (all.length === 0 && this.#answering === '') return ''
    const list = boundedList(all, JSON.stringify, maxBytes)
    if (list.count === all.length) return list.json
    all.sort((a, b) => b.running + b.waiting - a.running - a.waiting)
    return boundedList(all, JSON.stringify, maxBytes).json
  }

  #countersNow(): Record<string, number> {
    return { ...this.#core.state.counters, circuits: this.#circuits.size }
  }

  #tellLeft(text: BoundedJson, maxBytes: number): void {
    if (this.#left.length === 0) return
    const { json, count } = boundedList(this.#left, JSON.stringify, maxBytes)
    if (count > 0 && text.field('left', json)) this.#left = this.#left.slice(count)
  }

  #tellNews(now: number, text: BoundedJson, maxBytes: number): void {
    const { kept, dropped } = this.#news
    if (dropped > 0) text.field('newsDropped', String(dropped))
    if (kept.length === 0) return
    const reports = kept.map(({ at, advisory }) => ({ agoMs: Math.max(0, now - at), advisory }))
    const { json, count } = boundedList(reports, JSON.stringify, maxBytes)
    // One that would never fit makes room for the others.
    if (count === 0) this.#news.drop()
    else if (text.field('news', json)) this.#news.told(count)
  }

  #tellTopics(now: number, text: BoundedJson): void {
    const topics: string[] = []
    let left = text.left - ',"topics":[]'.length
    for (const due of this.#due) {
      const totals = totalsOf(due.topic)
      const circuit = this.#circuits.reportOf(due.topic.name)
      const report = topicReport(now, due.topic, circuit, totals, due.totals)
      const json = topics.length > 0 ? JSON.stringify(report) : fitting(report, left)
      const size = Buffer.byteLength(json) + 1
      if (size > left) {
        // Alone and without its queues it does not fit: others may.
        if (topics.length === 0) this.#putLast(due)
        break
      }
      left -= size
      topics.push(json)
      due.totals = totals
      due.isKnown = true
      this.#due.delete(due)
    }
    if (topics.length > 0) text.field('topics', `[${topics.join(',')}]`)
  }

  #putLast(due: Told): void {
    this.#due.delete(due)
    this.#due.add(due)
  }
}

/** As many of its queues as there is room for, the first in a report. */
const fitting = (report: TopicReport, maxBytes: number): string => {
  let { routes } = report
  for (;;) {
    const json = JSON.stringify({ ...report, routes })
    if (routes.length === 0 || Buffer.byteLength(json) < maxBytes) return json
    routes = routes.slice(0, Math.floor(routes.length / 2))
  }
}
