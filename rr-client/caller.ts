import { setMaxListeners } from 'node:events'
import { type Codec, keepable, messageOf } from '../bus/codec.ts'
import { BusError, isServiceCode, ServiceError } from '../bus/errors.ts'
import { Flag, ReplyKind } from '../bus/frame.ts'
import type { CallFacts, RequestResponseFuture } from './core/future.ts'
import type { ReplyNews } from './core/state.ts'

/** The user's side of one call: its promise, and its signal while that is listened to. */
export class Caller {
  readonly promise: Promise<unknown>
  readonly facts: CallFacts
  readonly #codec: Codec
  future: RequestResponseFuture | undefined
  /** Wants to know the id of the call. */
  onAccepted: ((correlationId: string) => void) | undefined
  /** The circuit itself runs the call, and counts how it ends. */
  isTrial = false
  /** When it began, by the loop's `stepUs`, if somebody looks. */
  isTimed = false
  beganUs = 0
  #resolve: (value: unknown) => void
  #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  #onAbort: (() => void) | undefined

  constructor(facts: CallFacts, codec: Codec) {
    this.facts = facts
    this.#codec = codec
    this.promise = new Promise(takeResolvers)
    this.#resolve = taken.resolve
    this.#reject = taken.reject
  }

  /** Calls `cancel` when the signal aborts, as long as the call is open. */
  listen(signal: AbortSignal, cancel: (caller: Caller) => void): void {
    this.#signal = signal
    // One signal may end a thousand calls: no leak, for each call takes its listener away again.
    setMaxListeners(0, signal)
    this.#onAbort = () => cancel(this)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Why the user aborted, as the cause of the error. */
  get abortReason(): unknown {
    return this.#signal?.aborted === true ? this.#signal.reason : undefined
  }

  /** The reply has come; its bytes are valid now only. Returns the error, if it says one. */
  fulfil(reply: ReplyNews): unknown {
    this.#unlisten()
    const { bytes, bodyStart, end } = reply
    if (reply.kind === ReplyKind.ok) {
      if ((reply.flags & Flag.raw) !== 0) {
        this.#resolve(keepable(bytes, bodyStart, end))
        return undefined
      }
      try {
        this.#resolve(this.#codec.decode(bytes.subarray(bodyStart, end)))
        return undefined
      } catch (error) {
        return this.#refuse(undecodable(this.facts.topic, error))
      }
    }
    return this.#refuse(errorIn(reply, this.facts.topic))
  }

  fail(error: unknown): void {
    this.#unlisten()
    this.#reject(error)
  }

  #refuse(error: unknown): unknown {
    this.#reject(error)
    return error
  }

  #unlisten(): void {
    if (this.#onAbort === undefined) return
    this.#signal!.removeEventListener('abort', this.#onAbort)
    this.#onAbort = undefined
  }
}

/** One executor for all promises: a closure less for every call. */
const taken: { resolve: (value: unknown) => void; reject: (error: unknown) => void } = {
  resolve: () => {},
  reject: () => {},
}
const takeResolvers = (
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): void => {
  taken.resolve = resolve
  taken.reject = reject
}

const undecodable = (topic: string, cause: unknown): BusError =>
  new BusError('internal', `the reply of ${topic} cannot be decoded: ${messageOf(cause)}`, {
    outcome: 'executed',
    details: { stage: 'requester', topic },
    cause,
  })

/** What a responder says of a failure; anything odd in it is taken as little as possible. */
const errorIn = (reply: ReplyNews, topic: string): Error => {
  const details = { stage: 'handler', topic }
  if (reply.kind === ReplyKind.reply_lost) {
    const text = `${topic} was executed, but its reply is no longer kept`
    return new BusError('reply_lost', text, { details })
  }
  const told = toldIn(reply)
  if (reply.kind === ReplyKind.service_error && isServiceCode(told.code)) {
    return new ServiceError(told.code, told.message, told.details)
  }
  return new BusError('handler_failed', told.message, { details: { ...told.details, ...details } })
}

interface Told {
  code: unknown
  message: string
  details: Record<string, unknown>
}

const toldIn = ({ bytes, bodyStart, end }: ReplyNews): Told => {
  const told: Told = { code: undefined, message: 'the handler failed', details: {} }
  try {
    const parsed = JSON.parse(bytes.toString('utf8', bodyStart, end)) as Record<
      string,
      unknown
    > | null
    told.code = parsed?.code
    if (typeof parsed?.message === 'string') told.message = parsed.message
    if (typeof parsed?.details === 'object' && parsed.details !== null) {
      told.details = parsed.details as Record<string, unknown>
    }
  } catch {
    // An answer that is no JSON is still the answer of a handler that ran.
  }
  return told
}
