/** What spans and measurements say, by the semantic conventions for RPC and for messaging. */
import type { Attributes } from '@opentelemetry/api'

const SYSTEM = 'finbus'

/** Which older names go beside the present ones. */
export interface Conventions {
  readonly isRpcTwice: boolean
  readonly isMessagingTwice: boolean
}

/**
 * Reads `OTEL_SEMCONV_STABILITY_OPT_IN`. There never was an instrumentation of finbus by the older
 * conventions, so that the present ones are the default; `rpc/dup` and `messaging/dup` add the older.
 */
export const conventionsFrom = (optIn: string | undefined): Conventions => {
  const words = (optIn ?? '').split(',').map((word) => word.trim().toLowerCase())
  return {
    isRpcTwice: words.includes('rpc/dup'),
    isMessagingTwice: words.includes('messaging/dup'),
  }
}

/** A call, at either end. */
export const rpcAttributes = (topic: string, { isRpcTwice }: Conventions): Attributes => {
  const attributes: Attributes = { 'rpc.system.name': SYSTEM, 'rpc.method': topic }
  if (isRpcTwice) attributes['rpc.system'] = SYSTEM
  return attributes
}

/** How a call ended: the same on spans and on measurements. */
export const endAttributes = (code: string): Attributes =>
  code === 'ok' ? { 'rpc.status_code': code } : { 'rpc.status_code': code, 'error.type': code }

/** Older names of what is done with a message. */
const OLD_OPERATIONS = { send: 'publish', process: 'process' } as const

/** What is done with a message of a topic. */
export const messagingAttributes = (
  operation: 'send' | 'process',
  topic: string,
  { isMessagingTwice }: Conventions,
): Attributes => {
  const attributes: Attributes = {
    'messaging.system': SYSTEM,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': topic,
  }
  if (isMessagingTwice) attributes['messaging.operation'] = OLD_OPERATIONS[operation]
  return attributes
}

/** The message itself; for spans only, since every call has its own. */
export const messageAttributes = (message: {
  correlationId: string
  attempt: number
  instance: string
  broker: string
  queue: number | undefined
}): Attributes => {
  const attributes: Attributes = {
    'messaging.message.conversation_id': message.correlationId,
    'messaging.client.id': message.instance,
    'finbus.attempt': message.attempt,
    'finbus.broker': message.broker,
  }
  if (message.queue !== undefined) {
    attributes['messaging.destination.partition.id'] = String(message.queue)
  }
  return attributes
}
