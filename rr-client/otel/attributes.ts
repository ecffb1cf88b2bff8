/** What spans and measurements say, by the semantic conventions for RPC and for messaging. */
import type { Attributes } from '@opentelemetry/api'

const SYSTEM = 'finbus'
/** Sets of attributes that are kept, so that they are made once and not for every call. */
const MAX_KEPT = 10_000

/**
 * The attributes that calls have in common. The present conventions are the default, since there never
 * was an instrumentation of finbus by the older ones; `rpc/dup` and `messaging/dup` add the older names.
 */
export class CommonAttributes {
  readonly isRpcTwice: boolean
  readonly #isMessagingTwice: boolean
  readonly #kept = new Map<string, Readonly<Attributes>>()

  /** `optIn` is what `OTEL_SEMCONV_STABILITY_OPT_IN` says. */
  constructor(optIn = '') {
    const words = optIn.split(',').map((word) => word.trim().toLowerCase())
    this.isRpcTwice = words.includes('rpc/dup')
    this.#isMessagingTwice = words.includes('messaging/dup')
  }

  /** A call to a topic, at either end. */
  call(topic: string): Readonly<Attributes> {
    return this.#keep(`call ${topic}`, () => {
      const attributes: Attributes = { 'rpc.system.name': SYSTEM, 'rpc.method': topic }
      if (this.isRpcTwice) attributes['rpc.system'] = SYSTEM
      return attributes
    })
  }

  /** One that has ended, for measurements. */
  ended(topic: string, code: string): Readonly<Attributes> {
    return this.#keep(`${code} ${topic}`, () => ({ ...this.call(topic), ...endAttributes(code) }))
  }

  /** What is done with a message of a topic. */
  message(operation: 'send' | 'process', topic: string): Readonly<Attributes> {
    return this.#keep(`${operation} ${topic}`, () => {
      const attributes: Attributes = {
        'messaging.system': SYSTEM,
        'messaging.operation.name': operation,
        'messaging.operation.type': operation,
        'messaging.destination.name': topic,
      }
      if (this.#isMessagingTwice) attributes['messaging.operation'] = OLD_OPERATIONS[operation]
      return attributes
    })
  }

  #keep(key: string, make: () => Attributes): Readonly<Attributes> {
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const made = make()
    if (this.#kept.size < MAX_KEPT) this.#kept.set(key, made)
    return made
  }
}

/** Older names of what is done with a message. */
const OLD_OPERATIONS = { send: 'publish', process: 'process' } as const

/** How a call ended: the same on spans and on measurements. */
export const endAttributes = (code: string): Attributes =>
  code === 'ok' ? { 'rpc.status_code': code } : { 'rpc.status_code': code, 'error.type': code }

/** The message itself; for spans only, since every call has its own. */
export const messageAttributes = (
  instance: string,
  message: { correlationId: string; attempt: number; broker: string; queue: number | undefined },
): Attributes => {
  const attributes: Attributes = {
    'messaging.message.conversation_id': message.correlationId,
    'messaging.client.id': instance,
    'finbus.attempt': message.attempt,
    'finbus.broker': message.broker,
  }
  if (message.queue !== undefined) {
    attributes['messaging.destination.partition.id'] = String(message.queue)
  }
  return attributes
}
