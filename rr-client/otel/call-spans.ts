import {
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { HandleTrace, RequestTrace, SendMessage } from '../channels.ts'
import { type CommonAttributes, endAttributes, messageAttributes } from './attributes.ts'
import type { Meters } from './meters.ts'
import { contextIn, putContext } from './propagation.ts'

interface OpenCall {
  readonly span: Span
  readonly context: Context
  readonly startedAt: number
}

/** The requester's spans: CLIENT `{topic}` around a call, PRODUCER `send {topic}` for each attempt. */
export class CallSpans {
  readonly #tracer: Tracer
  readonly #meters: Meters
  readonly #common: CommonAttributes
  readonly #handlerContext: (handler: HandleTrace) => Context | undefined
  readonly #open = new Map<RequestTrace, OpenCall>()

  constructor(
    tracer: Tracer,
    meters: Meters,
    common: CommonAttributes,
    handlerContext: (handler: HandleTrace) => Context | undefined,
  ) {
    this.#tracer = tracer
    this.#meters = meters
    this.#common = common
    this.#handlerContext = handlerContext
  }

  readonly onStart = (call: RequestTrace): void => {
    const parent = this.#parentOf(call)
    const attributes = this.#common.call(call.topic)
    const span = this.#tracer.startSpan(call.topic, { kind: SpanKind.CLIENT, attributes }, parent)
    const own = trace.setSpan(parent, span)
    this.#open.set(call, { span, context: own, startedAt: performance.now() })
    putContext(own, call.headers)
  }

  readonly onSend = (message: SendMessage): void => {
    this.#meters.noteMessage(message.topic)
    const open = this.#open.get(message.request)
    // Of a call that is not sampled the requester's context goes along: it says so.
    if (open === undefined || !open.span.isRecording()) return
    const attributes = this.#common.message('send', message.topic)
    const span = this.#tracer.startSpan(
      `send ${message.topic}`,
      { kind: SpanKind.PRODUCER, attributes },
      open.context,
    )
    span.setAttributes(messageAttributes(message.request.instance, message))
    span.setAttribute('finbus.responder', message.instance)
    span.setAttribute('finbus.is_pinned', message.isPinned)
    putContext(trace.setSpan(open.context, span), message.headers)
    span.end()
  }

  readonly onEnd = (call: RequestTrace): void => {
    const open = this.#open.get(call)
    if (open === undefined) return
    this.#open.delete(call)
    const code = call.code ?? 'internal'
    this.#meters.noteEnd(call.topic, code, performance.now() - open.startedAt)
    const { span } = open
    if (span.isRecording()) {
      // Executed is known by a reply only, be it one that says how the handler failed.
      if (call.outcome === 'executed') span.addEvent('reply', { 'rpc.status_code': code })
      span.setAttributes(endAttributes(code))
      span.setAttribute('finbus.idc', call.idc)
      span.setAttribute('finbus.instance', call.instance)
      span.setAttribute('finbus.attempts', call.attempts)
      if (call.outcome !== undefined) span.setAttribute('finbus.outcome', call.outcome)
      if (call.correlationId !== undefined) {
        span.setAttribute('finbus.correlation_id', call.correlationId)
      }
      // No texts: those of a service may be about its customers.
      if (code !== 'ok') span.setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end()
  }

  /** Nothing more will be heard of calls that are still open. */
  stop(): void {
    for (const { span } of this.#open.values()) {
      span.setAttribute('finbus.is_unfinished', true)
      span.end()
    }
    this.#open.clear()
  }

  /**
   * What is active where the call is made. Where nothing is, such as behind a callback that has lost
   * it, a nested call still belongs to its handler, and any to the context that its headers name.
   */
  #parentOf({ parent, headers }: RequestTrace): Context {
    const active = context.active()
    if (trace.getSpan(active) !== undefined) return active
    const handler = parent === undefined ? undefined : this.#handlerContext(parent)
    return handler ?? contextIn(headers, active)
  }
}
