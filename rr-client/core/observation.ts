import { parseCorrelationId } from '../../bus/correlation-id.ts'
import { LEAST_REPORT_MS, MOST_REPORT_BYTES, type Observe } from '../../bus/observe-frames.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { BrokerLink } from './broker-link.ts'
import { CallTrace } from './call-trace.ts'
import type { ClientState } from './state.ts'

/** Longest time between two reports that a broker can ask for. */
const MOST_REPORT_MS = 3_600_000
/** A broker that asked is taken to ask still while its link is down, for so many dials in vain. */
const PATIENT_DIALS = 10

/** Which brokers look at this client; while one does, its calls are traced and their times taken. */
export class Observation {
  readonly #state: ClientState
  #trace: CallTrace | undefined

  constructor(state: ClientState) {
    this.#state = state
  }

  onObserve(now: number, link: BrokerLink, { everyMs, maxBytes }: Observe): void {
    link.asks =
      everyMs === 0
        ? undefined
        : {
            everyMs: Math.min(MOST_REPORT_MS, Math.max(LEAST_REPORT_MS, everyMs)),
            maxBytes: Math.min(MOST_REPORT_BYTES, maxBytes),
            generation: link.generation,
          }
    this.#settle()
    if (link.asks !== undefined && link.rttMs < 0) this.#state.ping(now, link)
  }

  /** By then a broker that wants to look has said so on this link. */
  onPong(link: BrokerLink): void {
    if (link.asks === undefined || link.asks.generation === link.generation) return
    link.asks = undefined
    this.#settle()
  }

  /** What happens while a broker is away is what people look for afterwards. */
  onLinkDown(link: BrokerLink): void {
    if (link.asks === undefined) return
    if (link.failures >= PATIENT_DIALS) link.asks = undefined
    this.#settle()
  }

  /** What is remembered of a call; undefined if that is no correlation id. */
  traceOf(now: number, correlationId: string): TraceEvent[] | undefined {
    const call = parseCorrelationId(correlationId)
    if (call === undefined) return undefined
    return this.#trace?.of(now, this.#state.facts.instance, call) ?? []
  }

  #settle(): void {
    const isAsked = this.#state.links.some(({ asks }) => asks !== undefined)
    if (isAsked) this.#trace ??= new CallTrace()
    this.#state.trace = isAsked ? this.#trace : undefined
    this.#state.effects.observed()
  }
}
