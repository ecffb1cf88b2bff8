import { isSpanContextValid, type TextMapPropagator, TraceFlags, trace } from '@opentelemetry/api'

const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** W3C trace context, as the SDKs register it: `traceparent`, and a `tracestate` as it comes. */
export const w3c: TextMapPropagator = {
  fields: () => ['traceparent', 'tracestate'],
  inject: (context, carrier, setter) => {
    const span = trace.getSpanContext(context)
    if (span === undefined || !isSpanContextValid(span)) return
    const flags = (span.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
    setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-${flags}`)
    if (span.traceState !== undefined) {
      setter.set(carrier, 'tracestate', span.traceState.serialize())
    }
  },
  extract: (context, carrier, getter) => {
    const found = FORM.exec(String(getter.get(carrier, 'traceparent')))
    if (found === null) return context
    const [, traceId, spanId, flags] = found
    return trace.setSpanContext(context, {
      traceId: traceId!,
      spanId: spanId!,
      traceFlags: Number.parseInt(flags!, 16),
      isRemote: true,
    })
  },
}
