import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Codec, encodeBody, messageOf } from '../bus/codec.ts'
import { BusError, ServiceError } from '../bus/errors.ts'
import { Flag, Reason, ReplyKind } from '../bus/frame.ts'
import type { Runtime } from '../bus/io/runtime.ts'
import { handles, isWatched, receives } from './channels.ts'
import { Context, type ContextHost } from './context.ts'
import type { HandlerReply, Mark } from './core/mark.ts'
import { Lane } from './lanes.ts'
import { traceAnswered, traceHandler, traceReceived } from './traced-handler.ts'

export type AnyHandler = (body: unknown, ctx: Context) => unknown

/** What an answerer tells the core. */
export interface AnswererHost extends ContextHost {
  readonly instance: string
  readonly codec: Codec
  readonly maxBodyBytes: number
  readonly runtime: Runtime
  /** Whether the handler may start now. */
  begin(mark: Mark): boolean
  /** Whether a call that began, and whose body has been checked since, may still start. */
  mayStart(mark: Mark): boolean
  finish(mark: Mark, reply: HandlerReply): void
  reject(mark: Mark, reason: Reason, text: string): void
}

/**
 * Runs the handler of one registration, in its lane, and turns whatever it does into one answer:
 * returned, thrown, rejected, too large, or impossible to encode. Nothing escapes it.
 */
export class Answerer {
  readonly #handler: AnyHandler
  readonly #schema: StandardSchemaV1 | undefined
  readonly #host: AnswererHost
  readonly #lane: Lane

  constructor(
    handler: AnyHandler,
    schema: StandardSchemaV1 | undefined,
    concurrency: number,
    host: AnswererHost,
  ) {
    this.#handler = handler
    this.#schema = schema
    this.#host = host
    this.#lane = new Lane(concurrency, host.runtime.soon)
  }

  take(mark: Mark): void {
    if (receives.hasSubscribers) traceReceived(mark, this.#host)
    this.#lane.offer((done) => this.#run(mark, done))
  }

  #run(mark: Mark, done: () => void): void {
    if (!this.#host.begin(mark)) {
      done()
      return
    }
    const context = new Context(mark, this.#host)
    mark.runner = context
    let body: unknown
    try {
      const isRaw = (mark.flags & Flag.raw) !== 0
      if (!isRaw && context.codec !== this.#host.codec.name) throw otherCodec(context, this.#host)
      body = isRaw ? mark.body : this.#host.codec.decode(mark.body)
    } catch (error) {
      const text = `body cannot be decoded by the responder: ${readable(error)}`
      this.#reject(mark, Reason.invalid_argument, text, done)
      return
    }
    if (this.#schema === undefined) this.#call(mark, body, context, done)
    else this.#validate(this.#schema, mark, body, context, done)
  }

  #validate(
    schema: StandardSchemaV1,
    mark: Mark,
    body: unknown,
    context: Context,
    done: () => void,
  ): void {
    const judge = (result: StandardSchemaV1.Result<unknown>): void => {
      const issues = issuesOf(result)
      // While a schema took its time the caller may have gone, or another instance become the active
      // one: then nothing may start any more.
      if (context.isOver) this.#reject(mark, Reason.expired, '', done)
      else if (!this.#host.mayStart(mark)) this.#reject(mark, Reason.stale, '', done)
      else if (issues !== undefined) this.#reject(mark, Reason.invalid_argument, issues, done)
      else this.#call(mark, (result as { value: unknown }).value, context, done)
    }
    const fail = (error: unknown): void => {
      const text = `the schema failed: ${readable(error)}`
      this.#reject(mark, Reason.invalid_argument, text, done)
    }
    let result: ReturnType<StandardSchemaV1['~standard']['validate']>
    try {
      result = schema['~standard'].validate(body)
      if (isThenable(result)) {
        Promise.resolve(result).then(judge, fail)
        return
      }
    } catch (error) {
      fail(error)
      return
    }
    judge(result)
  }

  #reject(mark: Mark, reason: Reason, text: string, done: () => void): void {
    mark.runner = undefined
    this.#host.reject(mark, reason, text)
    done()
  }

  #call(mark: Mark, body: unknown, context: Context, done: () => void): void {
    let result: unknown
    let later: Promise<unknown> | undefined
    try {
      result = isWatched(handles)
        ? traceHandler(mark, context, this.#host, () => this.#handler(body, context))
        : this.#handler(body, context)
      // A promise as it is; around anything else one that calls back once, whatever its `then` does.
      if (isThenable(result)) later = Promise.resolve(result)
    } catch (error) {
      this.#fail(mark, error, done)
      return
    }
    if (later === undefined) this.#succeed(mark, result, done)
    else {
      later.then(
        (value) => this.#succeed(mark, value, done),
        (error) => this.#fail(mark, error, done),
      )
    }
  }

  #succeed(mark: Mark, value: unknown, done: () => void): void {
    let reply: HandlerReply
    try {
      const { bytes, isRaw } = encodeBody(this.#host.codec, value)
      const limit = this.#host.maxBodyBytes
      reply =
        bytes.length > limit
          ? failure(`the reply has ${bytes.length} bytes; at most ${limit}`, {
              limit,
              current: bytes.length,
            })
          : {
              kind: ReplyKind.ok,
              flags: isRaw ? Flag.raw : 0,
              body: bytes,
            }
    } catch (error) {
      reply = failure(`the reply cannot be encoded: ${readable(error)}`, {})
    }
    this.#end(mark, reply, done)
  }

  #fail(mark: Mark, error: unknown, done: () => void): void {
    let reply: HandlerReply
    try {
      reply = replyFor(error)
    } catch {
      reply = failure('the handler failed, and its error cannot be read', {})
    }
    this.#end(mark, reply, done, error)
  }

  #end(mark: Mark, reply: HandlerReply, done: () => void, thrown?: unknown): void {
    const { trace } = mark.runner as Context
    mark.runner = undefined
    this.#host.finish(mark, reply)
    if (trace !== undefined) traceAnswered(trace, reply.kind, thrown)
    done()
  }
}

/** A service's own error travels as it is; whatever else was thrown is `handler_failed`. */
const replyFor = (error: unknown): HandlerReply => {
  if (ServiceError.is(error)) {
    const { code, message, details } = error
    try {
      return errorReply(ReplyKind.service_error, { code, message, details })
    } catch {
      return errorReply(ReplyKind.service_error, { code, message, details: {} })
    }
  }
  // A bus error of a nested call says nothing of this one, which did run (WIRE-SAFETY C3).
  if (BusError.is(error)) {
    const nested = { code: error.code, outcome: error.outcome, message: error.message }
    return failure(`the handler failed: ${error.message}`, { nested })
  }
  return failure(readable(error) || 'the handler failed', {})
}

const failure = (message: string, details: Record<string, unknown>): HandlerReply =>
  errorReply(ReplyKind.handler_failed, { message, details })

/** Errors of services are for people: longer texts are cut, larger details left out. */
const MAX_MESSAGE = 4_096
const MAX_DETAILS = 65_536

const errorReply = (
  kind: number,
  error: { code?: string; message: string; details: Record<string, unknown> },
): HandlerReply => {
  const message = error.message.slice(0, MAX_MESSAGE)
  let body = Buffer.from(JSON.stringify({ ...error, message }))
  if (body.length > MAX_DETAILS) {
    body = Buffer.from(JSON.stringify({ ...error, message, details: { cut: true } }))
  }
  return { kind, flags: 0, body }
}

const otherCodec = (context: Context, { codec }: AnswererHost): Error =>
  new Error(`it was made with codec ${context.codec}, and this service reads ${codec.name}`)

/** Whatever was thrown, as a text: its own may throw in turn. */
const readable = (error: unknown): string => {
  try {
    return String(messageOf(error))
  } catch {
    return 'an error that cannot be read'
  }
}

/** What a schema found wrong, as a text; undefined if nothing. */
const issuesOf = (result: StandardSchemaV1.Result<unknown> | undefined): string | undefined => {
  if (typeof result !== 'object' || result === null) return 'the schema gave no result'
  return result.issues === undefined ? undefined : issueText(result.issues)
}

const issueText = (issues: readonly StandardSchemaV1.Issue[]): string => {
  const issue = issues[0]
  if (issue === undefined) return 'body does not fit the schema'
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return `body${path.length > 0 ? `.${path.join('.')}` : ''}: ${issue.message}`
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { then?: unknown }).then === 'function'
