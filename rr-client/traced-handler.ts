import { BusError, ServiceError } from '../bus/errors.ts'
import { Flag, ReplyKind } from '../bus/frame.ts'
import { type HandleTrace, handles, type ReceiveMessage, receives } from './channels.ts'
import type { Context } from './context.ts'
import { correlationIdOf } from './core/failure.ts'
import type { Mark } from './core/mark.ts'

export interface HandlerPlace {
  readonly instance: string
  readonly idc: string
  now(): number
}

/** The request waits for its turn from now on. */
export const traceReceived = (mark: Mark, { instance }: HandlerPlace): void => {
  const { topic, group } = mark.registration
  const message: ReceiveMessage = {
    topic,
    group,
    correlationId: correlationIdOf(mark.peer.instance, mark),
    attempt: mark.attempt,
    instance,
    requester: mark.peer.instance,
    broker: mark.way.link.broker,
    queue: mark.queue || undefined,
    isPinned: (mark.flags & Flag.pinned) !== 0,
  }
  receives.publish(message)
}

/** Runs the handler as one that is watched, inside what subscribers put around it. */
export const traceHandler = (
  mark: Mark,
  context: Context,
  place: HandlerPlace,
  run: () => unknown,
): unknown => {
  const { topic, group } = mark.registration
  const trace: HandleTrace = {
    topic,
    group,
    correlationId: context.correlationId,
    attempt: mark.attempt,
    instance: place.instance,
    idc: place.idc,
    requester: mark.peer.instance,
    broker: mark.way.link.broker,
    queue: mark.queue || undefined,
    headers: context.headers,
    waitedMs: Math.max(0, place.now() - mark.way.readAt),
    enter: undefined,
    code: undefined,
  }
  context.trace = trace
  return handles.start.runStores(trace, () => {
    try {
      return trace.enter === undefined ? run() : trace.enter(run)
    } finally {
      handles.end.publish(trace)
    }
  })
}

/** The handler has ended, and its answer is on its way. */
export const traceAnswered = (trace: HandleTrace, kind: number, thrown: unknown): void => {
  if (kind === ReplyKind.ok) trace.code = 'ok'
  else {
    trace.code =
      kind === ReplyKind.service_error && ServiceError.is(thrown) ? thrown.code : 'handler_failed'
    trace.error = thrown ?? new BusError('handler_failed', 'its reply cannot be sent')
    handles.error.publish(trace)
  }
  handles.asyncStart.publish(trace)
  handles.asyncEnd.publish(trace)
}
