import { BusError, ServiceError } from '../../bus/errors.ts'
import { LatencyCounts } from '../../bus/latency.ts'

/** Data centres counted apart; what goes to more of them is counted together. */
const MAX_IDCS = 64
const OTHER_IDCS = 'others'
/** Ends counted apart; codes that services invent beyond that count as one. */
const MAX_ENDS = 64
const OTHER_CODES = 'service_error executed'

/** Attempts sent to one data centre. */
export interface SendCount {
  count: number
}

/** What became of the calls of one topic since it was first called; it is forgotten with the topic. */
export class TopicTally {
  retries = 0
  moves = 0
  recoveries = 0
  /** Durations of settled calls, those rejected by a circuit left out; only while somebody looks. */
  latency: LatencyCounts | undefined
  #ok = 0
  #failed: Map<string, number> | undefined
  readonly #sends = new Map<string, SendCount>()

  /** A call was settled: well, or with this error. */
  settled(error: unknown): void {
    if (error === undefined) {
      this.#ok += 1
      return
    }
    this.#failed ??= new Map()
    const key = endOf(error, this.#failed)
    this.#failed.set(key, (this.#failed.get(key) ?? 0) + 1)
  }

  /** How long a call took, in microseconds. */
  took(us: number): void {
    this.latency ??= new LatencyCounts()
    this.latency.noteUs(us)
  }

  /** Where to count what is sent to a data centre: kept by each queue, so that a send is an addition. */
  sendsTo(idc: string): SendCount {
    const known = this.#sends.get(idc)
    if (known !== undefined) return known
    if (this.#sends.size >= MAX_IDCS && idc !== OTHER_IDCS) return this.sendsTo(OTHER_IDCS)
    const sends = { count: 0 }
    this.#sends.set(idc, sends)
    return sends
  }

  /** `ok`, or `code outcome`, and how often. */
  get ends(): Record<string, number> {
    const ends: Record<string, number> = {}
    if (this.#ok > 0) ends.ok = this.#ok
    for (const [key, count] of this.#failed ?? []) ends[key] = count
    return ends
  }

  get sentTo(): Record<string, number> {
    const sent = [...this.#sends].filter(([, { count }]) => count > 0)
    return Object.fromEntries(sent.map(([idc, { count }]) => [idc, count]))
  }

  /** Grows with everything that is counted here. */
  get total(): number {
    let total = this.#ok + this.retries + this.moves + this.recoveries
    for (const count of this.#failed?.values() ?? []) total += count
    for (const { count } of this.#sends.values()) total += count
    return total
  }
}

const endOf = (error: unknown, known: ReadonlyMap<string, number>): string => {
  if (BusError.is(error)) return `${error.code} ${error.outcome}`
  const key = ServiceError.is(error) ? `${error.code} executed` : OTHER_CODES
  return known.size < MAX_ENDS || known.has(key) ? key : OTHER_CODES
}
