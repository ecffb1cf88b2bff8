import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import {
  type Conventions,
  endAttributes,
  messagingAttributes,
  rpcAttributes,
} from './attributes.ts'

/** Seconds: what the conventions advise, and three bounds below that, for most calls end there. */
const BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
const SECONDS = { unit: 's', advice: { explicitBucketBoundaries: BOUNDS } }

/** The instruments of one end of a call. */
export class Meters {
  readonly #conventions: Conventions
  readonly #duration: Histogram
  /** By the older convention, in milliseconds. */
  readonly #oldDuration: Histogram | undefined
  readonly #messages: Counter
  readonly #operation: 'send' | 'process'
  readonly #processing: Histogram | undefined
  /** Attributes of messages by topic: made once. */
  readonly #byTopic = new Map<string, Attributes>()

  constructor(meter: Meter, end: 'client' | 'server', conventions: Conventions) {
    const isClient = end === 'client'
    this.#conventions = conventions
    this.#operation = isClient ? 'send' : 'process'
    this.#duration = meter.createHistogram(`rpc.${end}.call.duration`, {
      ...SECONDS,
      description: isClient ? 'Duration of calls, retries included' : 'Duration of handlers',
    })
    if (conventions.isRpcTwice) {
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
    this.#messages.add(1, this.#messageAttributes(topic))
  }

  /** A call, or the run of a handler, has ended; `waitedMs` before it began. */
  noteEnd(topic: string, code: string, ms: number, waitedMs = 0): void {
    const attributes = { ...rpcAttributes(topic, this.#conventions), ...endAttributes(code) }
    this.#duration.record(ms / 1_000, attributes)
    this.#oldDuration?.record(ms, attributes)
    this.#processing?.record((waitedMs + ms) / 1_000, this.#messageAttributes(topic))
  }

  #messageAttributes(topic: string): Attributes {
    const known = this.#byTopic.get(topic)
    if (known !== undefined) return known
    const attributes = messagingAttributes(this.#operation, topic, this.#conventions)
    if (this.#byTopic.size < MAX_TOPICS) this.#byTopic.set(topic, attributes)
    return attributes
  }
}

const MAX_TOPICS = 10_000
