import { type Advisory, advisoryLevel } from '../../bus/advisory.ts'
import type { NewsReport } from '../../bus/report.ts'
import type { ClientIdentity } from '../steering.ts'
import { advisoryText } from './advisory-text.ts'
import type { AuditEntry, DrillMark, TimelineEntry } from './api.ts'
import { Feed } from './feed.ts'
import { FloodGate } from './flood-gate.ts'
import { plainText } from './text.ts'

/** News that says it is older is taken for that old: clients keep it only until the next report. */
const MAX_AGO_MS = 600_000
/** The phase that says a drill is over. */
const DRILL_ENDS = 'end'

interface Facts {
  readonly broker: string
  readonly idc: string
  readonly life: number
  readonly most: number
}

type Line = Omit<TimelineEntry, 'n' | 'broker' | 'advisory' | 'audit'> &
  Partial<Pick<TimelineEntry, 'advisory' | 'audit'>>

/** What happened here, and what clients told of: for people, so without what is below `info`. */
export class Timeline {
  readonly feed: Feed
  /** The drill that runs beside it, as it said itself. */
  drill: DrillMark | null = null
  readonly counters = { timelineEntries: 0, timelineFolded: 0 }
  readonly #facts: Facts
  readonly #now: () => number
  readonly #gate: FloodGate

  /** `now`: the wall clock. */
  constructor(facts: Facts, now: () => number) {
    this.#facts = facts
    this.#now = now
    this.feed = new Feed(facts.most)
    this.#gate = new FloodGate(now, (kind, more) => this.#fold(kind, more))
  }

  /** Oldest first, from an instant on and of one source if that is said, the newest `limit` of them. */
  entries(since: number, limit: number, source?: TimelineEntry['source']): TimelineEntry[] {
    const found: TimelineEntry[] = []
    for (const { entry } of this.feed.ring.from()) {
      if (entry.at >= since && (source ?? entry.source) === entry.source) found.push(entry)
    }
    return inOrder(found).slice(-limit)
  }

  advised(advisory: Advisory): void {
    const { broker, idc } = this.#facts
    this.#tell(advisory, { at: this.#now(), source: 'broker', node: broker, idc })
  }

  told(client: ClientIdentity, news: readonly NewsReport[]): void {
    const now = this.#now()
    const node = plainText(`${client.name} (${client.instance})`, 200)
    const idc = plainText(client.idc, 64)
    for (const { agoMs, advisory } of news) {
      const at = now - Math.min(agoMs, MAX_AGO_MS)
      this.#tell(advisory, { at, source: 'client', node, idc })
    }
  }

  audited(audit: AuditEntry, topic: string | null): void {
    const { who, action, target, reason, outcome, error } = audit
    const end = outcome === 'done' ? '' : `, refused: ${error}`
    this.#add({
      ...{ at: audit.at, source: 'operator', node: who, level: 'warn', kind: action },
      text: plainText(`${who}: ${action} ${target}${end}${reason === '' ? '' : ` (${reason})`}`),
      ...{ topic, idc: null, audit },
    })
  }

  /** A drill says where it is. */
  marked(drill: string, phase: string, text: string): TimelineEntry | undefined {
    const at = this.#now()
    this.drill = phase === DRILL_ENDS ? null : { drill, phase, at }
    return this.#add({
      ...{ at, source: 'drill', node: drill, level: 'info', kind: 'drill' },
      ...{ text: plainText(`${phase}: ${text}`), topic: null, idc: null },
    })
  }

  close(): void {
    this.#gate.close()
  }

  #tell(advisory: Advisory, by: Pick<Line, 'at' | 'source' | 'node' | 'idc'>): void {
    const level = advisoryLevel(advisory.kind)
    if (level === 'debug') return
    const topic = 'topic' in advisory ? (advisory.topic ?? null) : null
    const { kind } = advisory
    this.#add({ ...by, level, kind, text: advisoryText(advisory), topic, advisory })
  }

  #add(line: Line): TimelineEntry | undefined {
    if (this.#gate.passes(`${line.source} ${line.kind}`)) return this.#push(line)
    this.counters.timelineFolded += 1
    return undefined
  }

  #push(line: Line): TimelineEntry {
    const { broker, life } = this.#facts
    const n = this.feed.ring.end
    const entry = { n, broker, advisory: null, audit: null, ...line }
    this.counters.timelineEntries += 1
    this.feed.push({ entry, id: `${life}-${n}` })
    return entry
  }

  #fold(what: string, more: number): void {
    const [source, ...words] = what.split(' ')
    const kind = words.join(' ')
    this.#push({
      ...{ at: this.#now(), source: source as Line['source'], node: this.#facts.broker },
      ...{ level: 'info', kind, text: `${more} more of ${kind} within a second.` },
      ...{ topic: null, idc: this.#facts.idc },
    })
  }
}

/** By the instants at which it happened; what happened at one instant stays as it came. */
export const inOrder = (entries: TimelineEntry[]): TimelineEntry[] =>
  entries.sort((a, b) => a.at - b.at || (a.broker === b.broker ? a.n - b.n : 0))
