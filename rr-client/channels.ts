/**
 * What this client publishes on `node:diagnostics_channel`, for tracers and for whoever looks. The
 * names and fields are part of the public surface. Nothing of it costs anything while nobody listens.
 */
import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel'
import type { Outcome } from '../bus/errors.ts'
import type { Headers } from '../bus/headers.ts'

/** One `bus.request` or `ctx.request`: what subscribers of `tracing:finbus.request:*` get. */
export interface RequestTrace {
  readonly topic: string
  /** The requester. */
  readonly instance: string
  readonly idc: string
  /** The handler that makes the call, if it is a nested one and somebody traces handlers. */
  readonly parent: HandleTrace | undefined
  /** Go with the call, trace headers of the calling handler included; `start` may add and change some. */
  readonly headers: Record<string, string>
  /** Known from the first attempt on, and of a call that failed without one. */
  correlationId: string | undefined
  /** Sent so far. */
  attempts: number
  /** What is known about the execution, once the call has settled. */
  outcome: Outcome | undefined
  /** `ok`, a code of the bus, or the service's own, once the call has settled. */
  code: string | undefined
  /** The reply, by the convention of tracing channels: it may be confidential. */
  result?: unknown
  error?: unknown
}

/** One run of a handler: what subscribers of `tracing:finbus.handle:*` get. */
export interface HandleTrace {
  readonly topic: string
  readonly group: string
  readonly correlationId: string
  readonly attempt: number
  /** The responder. */
  readonly instance: string
  readonly idc: string
  /** The instance that asked. */
  readonly requester: string
  /** The broker by which it came, and the queue; a pinned request came by none. */
  readonly broker: string
  readonly queue: number | undefined
  /** As they came; the bus's own are left out. */
  readonly headers: Headers
  /** How long the request had waited here for its turn, in whole milliseconds. */
  readonly waitedMs: number
  /**
   * `start` may set it: the handler is then run inside it, so that it finds the subscriber's context
   * around it. It must call `run` once, at once, and return what that returns. One that finds another
   * there calls that one inside its own.
   */
  enter: ((run: () => unknown) => unknown) | undefined
  /** Once it has ended: `ok`, `handler_failed`, or the service's own code. */
  code: string | undefined
  error?: unknown
}

/** One attempt of a call, about to be sent: what subscribers of `finbus.send` get. */
export interface SendMessage {
  readonly request: RequestTrace
  readonly topic: string
  readonly correlationId: string
  /** From 1. */
  readonly attempt: number
  /** The queue it goes into; none if it is pinned: addressed to an instance that may have it already. */
  readonly queue: number | undefined
  readonly isPinned: boolean
  /** The responder it is for, and its data centre if that is known. */
  readonly instance: string
  readonly idc: string | undefined
  readonly broker: string
  /** Empty; what is set goes with this attempt, in place of what the request says under the same name. */
  readonly headers: Record<string, string>
}

/** A request has come in and will wait for its turn: what subscribers of `finbus.receive` get. */
export interface ReceiveMessage {
  readonly topic: string
  readonly group: string
  readonly correlationId: string
  readonly attempt: number
  readonly instance: string
  readonly requester: string
  readonly broker: string
  readonly queue: number | undefined
  readonly isPinned: boolean
}

export const requests = tracingChannel<RequestTrace, RequestTrace>('finbus.request')
export const handles = tracingChannel<HandleTrace, HandleTrace>('finbus.handle')
export const sends = channel('finbus.send') as Channel<unknown, SendMessage>
export const receives = channel('finbus.receive') as Channel<unknown, ReceiveMessage>

/** Somebody listens to one of the five events of a tracing channel. */
export const isWatched = (traced: typeof requests | typeof handles): boolean =>
  traced.start.hasSubscribers ||
  traced.asyncEnd.hasSubscribers ||
  traced.error.hasSubscribers ||
  traced.end.hasSubscribers ||
  traced.asyncStart.hasSubscribers
