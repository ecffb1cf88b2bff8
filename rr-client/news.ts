import { type Advisory, advisoryLevel } from '../bus/advisory.ts'
import { MAX_REPORT_NEWS } from '../bus/report.ts'

/** One advisory that no broker was told yet. */
export interface News {
  readonly at: number
  readonly advisory: Advisory
}

/** Advisories on their way into a report; when there are too many the oldest are dropped. */
export class NewsRoom {
  #kept: News[] = []
  /** Dropped since the client began. */
  dropped = 0

  get kept(): readonly News[] {
    return this.#kept
  }

  take(at: number, advisory: Advisory): void {
    if (advisoryLevel(advisory.kind) === 'debug') return
    this.#kept.push({ at, advisory })
    if (this.#kept.length > MAX_REPORT_NEWS) this.drop()
  }

  /** The oldest one finds no room. */
  drop(): void {
    this.#kept = this.#kept.slice(1)
    this.dropped += 1
  }

  /** The oldest ones have been told. */
  told(count: number): void {
    this.#kept = this.#kept.slice(count)
  }
}
