import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { isServiceCode } from '../../bus/errors.ts'
import type { HandleTrace, ReceiveMessage } from '../channels.ts'
import { type CommonAttributes, endAttributes, messageAttributes } from './attributes.ts'
import type { Meters } from './meters.ts'
import { contextIn } from './propagation.ts'

interface OpenHandler {
  /** From the arrival of the request; the wait for its turn included. */
  readonly consumer: Span
  /** Around the handler; none if the request is not sampled. */
  readonly server: Span | undefined
  readonly context: Context
  readonly startedAt: number
}

/** The responder's spans: CONSUMER `process {topic}`, and in it SERVER `{topic}` around the handler. */
export class HandlerSpans {
  readonly #tracer: Tracer
  readonly #meters: Meters
  readonly #common: CommonAttributes
  readonly #open = new Map<HandleTrace, OpenHandler>()

  constructor(tracer: Tracer, meters: Meters, common: CommonAttributes) {
    this.#tracer = tracer
    this.#meters = meters
    this.#common = common
  }

  readonly onReceive = ({ topic }: ReceiveMessage): void => {
    this.#meters.noteMessage(topic)
  }

  readonly onStart = (handler: HandleTrace): void => {
    const { topic } = handler
    // Not what is active here: that is whatever was when the link was opened.
    const above = contextIn(handler.headers, ROOT_CONTEXT)
    const { waitedMs } = handler
    const consumer = this.#tracer.startSpan(
      `process ${topic}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: this.#common.message('process', topic),
        ...(waitedMs > 0 ? { startTime: Date.now() - waitedMs } : {}),
      },
      above,
    )
    const consuming = trace.setSpan(above, consumer)
    let server: Span | undefined
    if (consumer.isRecording()) {
      consumer.setAttributes(messageAttributes(handler.instance, handler))
      consumer.setAttributes({
        'messaging.consumer.group.name': handler.group,
        'finbus.requester': handler.requester,
        'finbus.waited_ms': waitedMs,
      })
      server = this.#tracer.startSpan(
        topic,
        { kind: SpanKind.SERVER, attributes: this.#common.call(topic) },
        consuming,
      )
      server.setAttributes({
        'finbus.idc': handler.idc,
        'finbus.instance': handler.instance,
        'finbus.correlation_id': handler.correlationId,
      })
    }
    const own = server === undefined ? consuming : trace.setSpan(above, server)
    this.#open.set(handler, { consumer, server, context: own, startedAt: performance.now() })
    const { enter } = handler
    handler.enter = (run) => context.with(own, () => (enter === undefined ? run() : enter(run)))
  }

  readonly onEnd = (handler: HandleTrace): void => {
    const open = this.#open.get(handler)
    if (open === undefined) return
    this.#open.delete(handler)
    const { consumer, server, startedAt } = open
    const code = handler.code ?? 'handler_failed'
    this.#meters.noteEnd(handler.topic, code, performance.now() - startedAt, handler.waitedMs)
    if (server !== undefined) {
      server.setAttributes(endAttributes(code))
      // A service's own code is an answer as it should be; what it did not mean to throw is not.
      if (code !== 'ok' && !isServiceCode(code)) {
        server.setStatus({ code: SpanStatusCode.ERROR })
        consumer.setAttribute('error.type', code)
        consumer.setStatus({ code: SpanStatusCode.ERROR })
      }
      server.end()
    }
    consumer.end()
  }

  /** The context that a handler runs in, while it runs. */
  readonly contextOf = (handler: HandleTrace): Context | undefined =>
    this.#open.get(handler)?.context

  /** Nothing more will be heard of handlers that still run. */
  stop(): void {
    for (const { consumer, server } of this.#open.values()) {
      server?.setAttribute('finbus.is_unfinished', true)
      server?.end()
      consumer.end()
    }
    this.#open.clear()
  }
}
