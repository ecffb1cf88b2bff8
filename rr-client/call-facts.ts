import { type Codec, encodeBody } from '../bus/codec.ts'
import { BusError } from '../bus/errors.ts'
import { Flag } from '../bus/frame.ts'
import { encodeHeaders, type Headers, OwnHeader } from '../bus/headers.ts'
import type { RequestOptions } from './api.ts'
import type { Context } from './context.ts'
import type { CallFacts } from './core/future.ts'
import { checkRequest } from './options.ts'

/** What the client brings to every call. */
export interface CallDefaults {
  readonly instance: string
  readonly idc: string
  readonly codec: Codec
  readonly maxBodyBytes: number
  readonly timeoutMs: number
  /** The client's label as a header, if it has one. */
  readonly label: Buffer
  now(): number
  /** Code of the user that is called beside a call has thrown. */
  onUserError(where: string, error: unknown): void
}

/** Makes a call ready for the wire. Throws what is wrong with it, before anything is sent. */
export const callFacts = (
  defaults: CallDefaults,
  topic: string,
  body: unknown,
  options: RequestOptions | undefined,
  parent: Context | undefined,
): CallFacts => {
  if (options !== undefined) checkRequest(options)
  const { signal, idempotent, key, waitForResponder, headers } = options ?? NO_OPTIONS
  if (signal?.aborted === true) throw abortedBefore(topic, signal)
  const { bytes, isRaw } = encodeBody(defaults.codec, body)
  if (bytes.length > defaults.maxBodyBytes) throw tooLarge(topic, bytes, defaults.maxBodyBytes)
  let flags = isRaw ? Flag.raw : 0
  if (idempotent === true) flags |= Flag.idempotent
  let timeoutMs = options?.timeoutMs ?? defaults.timeoutMs
  let sent = defaults.label
  if (parent !== undefined) {
    flags |= Flag.nested
    if (parent.path.includes(topic)) flags |= Flag.loop
    timeoutMs = Math.min(timeoutMs, parent.nestedMs())
    if (timeoutMs < 1) throw noTimeLeft(topic)
    sent = nestedHeaders(parent, headers)
  } else if (headers !== undefined) {
    sent = Buffer.concat([defaults.label, encodeHeaders(headers)])
  }
  // The other side must know what to read it with, unless it is what everybody reads.
  if (!isRaw && defaults.codec.name !== 'json') {
    sent = Buffer.concat([encodeHeaders({}, { [OwnHeader.codec]: defaults.codec.name }), sent])
  }
  return {
    topic,
    body: bytes,
    headers: sent,
    flags,
    timeoutMs,
    key,
    waitForResponder: waitForResponder === true,
    tracer: undefined,
  }
}

const NO_OPTIONS: RequestOptions = {}

/** A nested call tells where it comes from, and keeps its parent's trace and label. */
const nestedHeaders = (parent: Context, headers: Headers = {}): Buffer => {
  const own: Record<string, string> = { [OwnHeader.path]: parent.path.join(' ') }
  if (parent.label !== undefined) own[OwnHeader.label] = parent.label
  return encodeHeaders({ ...parent.traceHeaders(headers), ...headers }, own)
}

const abortedBefore = (topic: string, signal: AbortSignal): BusError =>
  new BusError('cancelled', 'the signal was aborted before the call', {
    outcome: 'not_executed',
    details: { stage: 'requester', topic, attempts: 0 },
    cause: signal.reason,
  })

const tooLarge = (topic: string, { length }: Buffer, limit: number): BusError =>
  new BusError('too_large', `the body has ${length} bytes; at most ${limit}`, {
    details: { limit, current: length, stage: 'requester', topic, attempts: 0 },
  })

const noTimeLeft = (topic: string): BusError =>
  new BusError('expired', 'the calling handler has no time left for a call', {
    details: { stage: 'requester', topic, attempts: 0 },
  })
