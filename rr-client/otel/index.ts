/** OpenTelemetry's door: `import { instrument } from 'finbus/otel'`. Needs `@opentelemetry/api`. */
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { handles, receives, requests, sends } from '../channels.ts'
import { CommonAttributes } from './attributes.ts'
import { CallSpans } from './call-spans.ts'
import { HandlerSpans } from './handler-spans.ts'
import { Meters } from './meters.ts'

export interface InstrumentOptions {
  /** Makes the spans. Default: the one registered with the API. */
  tracerProvider?: TracerProvider
  /** Takes the measurements. Default: the one registered with the API. */
  meterProvider?: MeterProvider
}

const SCOPE = 'finbus'

/**
 * Makes spans of all calls and handlers of this process that begin from now on, takes their
 * measurements, and sends the trace context along, by the propagator and the context manager that are
 * registered with the API. Returns what ends it: spans that are still open are ended as unfinished.
 */
export const instrument = (options: InstrumentOptions = {}): (() => void) => {
  const tracer = (options.tracerProvider ?? trace).getTracer(SCOPE)
  const meter = (options.meterProvider ?? metrics).getMeter(SCOPE)
  const common = new CommonAttributes(process.env.OTEL_SEMCONV_STABILITY_OPT_IN)
  const handlers = new HandlerSpans(tracer, new Meters(meter, 'server', common), common)
  const calls = new CallSpans(
    tracer,
    new Meters(meter, 'client', common),
    common,
    handlers.contextOf,
  )
  const subscriptions = [
    on(requests.start, calls.onStart),
    on(sends, calls.onSend),
    on(requests.asyncEnd, calls.onEnd),
    on(receives, handlers.onReceive),
    on(handles.start, handlers.onStart),
    on(handles.asyncEnd, handlers.onEnd),
  ]
  return () => {
    for (const end of subscriptions.splice(0)) end()
    calls.stop()
    handlers.stop()
  }
}

const on = <M>({ name }: Channel<unknown, M>, take: (message: M) => void): (() => void) => {
  const listener = (message: unknown): void => take(message as M)
  subscribe(name, listener)
  return () => unsubscribe(name, listener)
}
