import type { Log } from '../../bus/log.ts'
import type { AuditEntry } from './api.ts'
import { Ring } from './ring.ts'
import { plainText } from './text.ts'
import type { Timeline } from './timeline.ts'

const MOST = 1_000
/** Attempts of callers that nobody knows: more of them in a minute are only counted, so that they cannot push out the others. */
const MOST_UNKNOWN = 10
const MINUTE_MS = 60_000
/** What a change was from and to is kept if it is not longer than this as JSON. */
const MAX_STATE = 8_192

/** Who such callers are in the list. */
export const NOBODY = 'unauthenticated'

/** Who did what, also in vain: in memory, on the timeline and in the log. */
export class Audit {
  readonly #ring = new Ring<AuditEntry>(MOST)
  readonly #timeline: Timeline
  readonly #log: Log
  #unknown = { since: Number.NEGATIVE_INFINITY, count: 0 }
  readonly counters = { actionsDone: 0, actionsRefused: 0, actionsUnknown: 0 }

  constructor(timeline: Timeline, log: Log) {
    this.#timeline = timeline
    this.#log = log
  }

  entries(): AuditEntry[] {
    return [...this.#ring.from()]
  }

  note(given: AuditEntry, topic: string | null): void {
    const { counters } = this
    if (given.outcome === 'done') counters.actionsDone += 1
    else counters.actionsRefused += 1
    if (given.who === NOBODY && !this.#mayTell(given.at)) return
    const entry = {
      ...given,
      target: plainText(given.target),
      reason: plainText(given.reason),
      before: keptOf(given.before),
      after: keptOf(given.after),
      error: given.error === null ? null : plainText(given.error),
    }
    this.#ring.push(entry)
    this.#timeline.audited(entry, topic)
    if (entry.outcome === 'done') this.#log.info(entry, 'operator acted')
    else this.#log.warn(entry, 'operator was refused')
  }

  #mayTell(at: number): boolean {
    if (at - this.#unknown.since >= MINUTE_MS) this.#unknown = { since: at, count: 0 }
    this.#unknown.count += 1
    if (this.#unknown.count <= MOST_UNKNOWN) return true
    this.counters.actionsUnknown += 1
    return false
  }
}

const keptOf = (state: unknown): unknown => {
  const text = JSON.stringify(state)
  return text === undefined || text.length > MAX_STATE ? null : state
}
