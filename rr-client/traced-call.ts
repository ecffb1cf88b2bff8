import { BusError, ServiceError } from '../bus/errors.ts'
import { withHeader } from '../bus/headers.ts'
import { checkHeaderName, MAX_HEADERS_BYTES } from '../bus/names.ts'
import type { RequestOptions } from './api.ts'
import { isWatched, type RequestTrace, requests, type SendMessage, sends } from './channels.ts'
import type { Context, NestedCall } from './context.ts'
import type { BrokerLink } from './core/broker-link.ts'
import { correlationIdOf } from './core/failure.ts'
import type { CallTracer, RequestResponseFuture } from './core/future.ts'
import type { RouteQueue } from './core/route-queue.ts'

export const isCallTraced = (): boolean => sends.hasSubscribers || isWatched(requests)

export interface CallMaker {
  readonly instance: string
  readonly idc: string
}

/**
 * A call that somebody watches: `begin` makes it, with the headers that subscribers have added to.
 * Nothing they do can fail it, but for what they make of its headers.
 */
export const traceCall = (
  { instance, idc }: CallMaker,
  topic: string,
  given: RequestOptions | undefined,
  parent: Context | undefined,
  begin: (options: RequestOptions | undefined, tracer: CallTracer) => NestedCall,
): NestedCall => {
  const own = headersIn(given)
  const trace: RequestTrace = {
    topic,
    instance,
    idc,
    parent: parent?.trace,
    headers: { ...parent?.traceHeaders(own ?? {}), ...own },
    correlationId: undefined,
    attempts: 0,
    outcome: undefined,
    code: undefined,
  }
  let cancel = (): void => {}
  const promise = requests.tracePromise(() => {
    // What is wrong with the options is for those who check them to say.
    const options = own === undefined ? given : { ...given, headers: trace.headers }
    const call = begin(options, new SendTracer(trace))
    cancel = call.cancel
    return call.promise.then(
      (reply) => {
        trace.outcome = 'executed'
        trace.code = 'ok'
        return reply
      },
      (error: unknown) => {
        noteError(trace, error)
        throw error
      },
    )
  }, trace)
  return { promise, cancel: () => cancel() }
}

/** The user's headers; undefined if the options are not what they must be. */
const headersIn = (options: RequestOptions | undefined): Record<string, string> | undefined => {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) return undefined
  const { headers = {} } = options
  return typeof headers === 'object' && headers !== null && !Array.isArray(headers)
    ? headers
    : undefined
}

const noteError = (trace: RequestTrace, error: unknown): void => {
  if (ServiceError.is(error)) {
    trace.outcome = 'executed'
    trace.code = error.code
  } else if (BusError.is(error)) {
    trace.outcome = error.outcome
    trace.code = error.code
    trace.correlationId ??= error.details.correlationId
  }
}

/** Publishes the sends of one call. */
class SendTracer implements CallTracer {
  readonly #trace: RequestTrace

  constructor(trace: RequestTrace) {
    this.#trace = trace
  }

  sending(
    future: RequestResponseFuture,
    link: BrokerLink,
    queue: RouteQueue | undefined,
    headers: Buffer,
  ): Buffer {
    const trace = this.#trace
    const correlationId = correlationIdOf(trace.instance, future)
    trace.correlationId = correlationId
    trace.attempts = future.attempt
    if (!sends.hasSubscribers) return headers
    const message: SendMessage = {
      request: trace,
      topic: trace.topic,
      correlationId,
      attempt: future.attempt,
      queue: queue?.handle,
      isPinned: queue === undefined,
      // A pinned attempt follows one to the same instance, which has just been set aside.
      instance: queue?.instance ?? future.earlier?.at(-1)?.instance ?? '',
      idc: queue?.idc,
      broker: link.broker,
      headers: {},
    }
    sends.publish(message)
    return withAll(headers, message.headers)
  }
}

/** What is no header, or finds no room, is left out: a subscriber must not fail a call half sent. */
const withAll = (headers: Buffer, added: Record<string, string>): Buffer => {
  let all = headers
  for (const [name, value] of Object.entries(added)) {
    try {
      const more = withHeader(all, checkHeaderName(name), value)
      if (more.length <= MAX_HEADERS_BYTES) all = more
    } catch {}
  }
  return all
}
