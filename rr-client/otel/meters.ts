import type { Counter, Histogram, Meter } from '@opentelemetry/api'
import type { CommonAttributes } from './attributes.ts'

/** Seconds: what the conventions advise, and three bounds below that, for most calls end there. */
const BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
const SECONDS = { unit: 's', advice: { explicitBucketBoundaries: BOUNDS } }

/** The instruments of one end of a call. */
export class Meters {
  readonly #common: CommonAttributes
  readonly #duration: Histogram
  /** By the older convention, in milliseconds. */
  readonly #oldDuration: Histogram | undefined
  readonly #messages: Counter
  readonly #operation: 'send' | 'process'
  readonly #processing: Histogram | undefined

  constructor(meter: Meter, end: 'client' | 'server', common: CommonAttributes) {
    const isClient = end === 'client'
    this.#common = common
    this.#operation = isClient ? 'send' : 'process'
    this.#duration = meter.createHistogram(`rpc.${end}.call.duration`, {
      ...SECONDS,
      description: isClient ? 'Duration of calls, retries included' : 'Duration of handlers',
    })
    if (common.isRpcTwice) {
      this.#oldDuration = meter.createHistogram(`rpc.${end}.duration`, { unit: 'ms' })
    }
    const moved = isClient ? 'sent' : 'consumed'
    this.#messages = meter.createCounter(`messaging.client.${moved}.messages`, {
      unit: '{message}',
      description: isClient ? 'Requests sent, each attempt' : 'Requests taken in',
    })
    if (isClient) return
    this.#processing = meter.createHistogram('messaging.process.duration', {
      ...SECONDS,
      description: 'Duration of handlers, with the wait for their turn',
    })
  }

  noteMessage(topic: string): void {
    this.#messages.add(1, this.#common.message(this.#operation, topic))
  }

  /** A call, or the run of a handler, has ended; `waitedMs` before it began. */
  noteEnd(topic: string, code: string, ms: number, waitedMs = 0): void {
    const attributes = this.#common.ended(topic, code)
    this.#duration.record(ms / 1_000, attributes)
    this.#oldDuration?.record(ms, attributes)
    const about = this.#common.message(this.#operation, topic)
    this.#processing?.record((waitedMs + ms) / 1_000, about)
  }
}
