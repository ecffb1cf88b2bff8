import { BusError } from '../bus/errors.ts'
import type { Headers } from '../bus/headers.ts'
import { decodeHeaders, OwnHeader, userHeaders } from '../bus/headers.ts'
import type { HandlerContext, RequestOptions } from './api.ts'
import type { HandleTrace } from './channels.ts'
import { correlationIdOf } from './core/failure.ts'
import type { Mark } from './core/mark.ts'
import { nestedMs } from './core/nested.ts'

/** What a context asks of the client it belongs to. */
export interface ContextHost {
  readonly idc: string
  now(): number
  /** Somebody listens to the signal: it must abort at the deadline. */
  watch(mark: Mark): void
  nested(parent: Context, topic: string, body: unknown, options: RequestOptions): NestedCall
}

/** A call made inside a handler, which ends with it. */
export interface NestedCall {
  readonly promise: Promise<unknown>
  cancel(): void
}

/** Headers that nested calls take over: W3C trace context and baggage. */
const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage'] as const

/** What a handler knows of its call. Everything that costs is made when it is asked for. */
export class Context implements HandlerContext {
  readonly #mark: Mark
  readonly #host: ContextHost
  #controller: AbortController | undefined
  #abortedFor: BusError | undefined
  #headers: Headers | undefined
  #open: Set<NestedCall> | undefined
  /** Present while somebody traces the handler. */
  trace: HandleTrace | undefined

  constructor(mark: Mark, host: ContextHost) {
    this.#mark = mark
    this.#host = host
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortedFor !== undefined) this.#controller.abort(this.#abortedFor)
      else if (this.remainingMs() === 0) this.abort('deadline')
      else this.#host.watch(this.#mark)
    }
    return this.#controller.signal
  }

  get attempt(): number {
    return this.#mark.attempt
  }

  get correlationId(): string {
    return correlationIdOf(this.#mark.peer.instance, this.#mark)
  }

  get topic(): string {
    return this.#mark.registration.topic
  }

  get headers(): Headers {
    return userHeaders(this.#all)
  }

  get idc(): string {
    return this.#host.idc
  }

  /** Topics of the calls that led here, this one included. */
  get path(): string[] {
    const above = this.#all[OwnHeader.path]
    return above === undefined ? [this.topic] : [...above.split(' '), this.topic]
  }

  get label(): string | undefined {
    return this.#all[OwnHeader.label]
  }

  /** Name of the codec that the body was made with. */
  get codec(): string {
    return this.#mark.headers.length === 0 ? 'json' : (this.#all[OwnHeader.codec] ?? 'json')
  }

  remainingMs(): number {
    return Math.max(0, this.#mark.deadline - this.#host.now())
  }

  /** The time a nested call may have at most. */
  nestedMs(): number {
    return nestedMs(this.remainingMs())
  }

  /** Trace headers to pass on to a call with headers of its own; a state belongs to its parent. */
  traceHeaders(own: Headers): Headers {
    const kept: Record<string, string> = {}
    for (const name of TRACE_HEADERS) {
      const value = this.#all[name]
      if (value !== undefined) kept[name] = value
    }
    if (own.traceparent !== undefined) delete kept.tracestate
    return kept
  }

  readonly request = <R>(
    topic: string,
    body: unknown,
    options: RequestOptions = {},
  ): Promise<R> => {
    if (this.#abortedFor !== undefined) return Promise.reject(tooLate(topic, this.#abortedFor))
    const call = this.#host.nested(this, topic, body, options)
    this.#open ??= new Set()
    this.#open.add(call)
    const forget = (): void => {
      this.#open?.delete(call)
    }
    call.promise.then(forget, forget)
    return call.promise as Promise<R>
  }

  /** Nobody waits for the call any more. */
  get isOver(): boolean {
    return this.#abortedFor !== undefined || this.remainingMs() === 0
  }

  /** The caller gave up, the time is over, or the bus closes. Nested calls end with it. */
  abort(why: 'cancelled' | 'deadline' | 'closing'): void {
    if (this.#abortedFor !== undefined) return
    this.#abortedFor = reasonFor(why, this.topic)
    this.#controller?.abort(this.#abortedFor)
    for (const call of this.#open ?? []) call.cancel()
  }

  get #all(): Headers {
    const { headers } = this.#mark
    this.#headers ??= decodeHeaders(headers, 0, headers.length)
    return this.#headers
  }
}

const reasonFor = (why: 'cancelled' | 'deadline' | 'closing', topic: string): BusError => {
  const details = { stage: 'handler', topic }
  if (why === 'deadline') {
    return new BusError('deadline_exceeded', 'the caller has given up: its time is over', {
      details,
    })
  }
  const text = why === 'cancelled' ? 'the caller has cancelled' : 'the bus is closing'
  return new BusError('cancelled', text, { details })
}

const tooLate = (topic: string, cause: BusError): BusError =>
  new BusError('cancelled', 'the call that this one is part of is over', {
    outcome: 'not_executed',
    details: { stage: 'requester', topic, attempts: 0 },
    cause,
  })
