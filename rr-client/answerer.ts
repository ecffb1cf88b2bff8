import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Codec, encodeBody, messageOf } from '../bus/codec.ts'
import { BusError, ServiceError } from '../bus/errors.ts'
import { Flag, Reason, ReplyKind } from '../bus/frame.ts'
import { NO_BYTES } from '../bus/headers.ts'
import { Context, type ContextHost } from './context.ts'
import type { HandlerReply, Mark } from './core/mark.ts'
import { Lane } from './lanes.ts'

export type AnyHandler = (body: unknown, ctx: Context) => unknown

/** What an answerer tells the core. */
export interface AnswererHost extends ContextHost {
  readonly codec: Codec
  readonly maxBodyBytes: number
  /** Whether the handler may start now. */
  begin(mark: Mark): boolean
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
    this.#lane = new Lane(concurrency)
  }

  take(mark: Mark): void {
    this.#lane.offer((done) => this.#run(mark, done))
  }

  #run(mark: Mark, done: () => void): void {
    if (!this.#host.begin(mark)) {
      done()
      return
    }
    let body: unknown
    try {
      const isRaw = (mark.flags & Flag.raw) !== 0
      body = isRaw ? mark.body : this.#host.codec.decode(mark.body)
    } catch (error) {
      const text = `body cannot be decoded by the responder: ${messageOf(error)}`
      this.#host.reject(mark, Reason.invalid_argument, text)
      done()
      return
    }
    if (this.#schema === undefined) this.#call(mark, body, done)
    else this.#validate(this.#schema, mark, body, done)
  }

  #validate(schema: StandardSchemaV1, mark: Mark, body: unknown, done: () => void): void {
    const judge = (result: StandardSchemaV1.Result<unknown>): void => {
      if (result.issues === undefined) {
        this.#call(mark, result.value, done)
        return
      }
      this.#host.reject(mark, Reason.invalid_argument, issueText(result.issues))
      done()
    }
    const fail = (error: unknown): void => {
      this.#host.reject(mark, Reason.invalid_argument, `the schema failed: ${messageOf(error)}`)
      done()
    }
    try {
      const result = schema['~standard'].validate(body)
      if (result instanceof Promise) result.then(judge).catch(fail)
      else judge(result)
    } catch (error) {
      fail(error)
    }
  }

  #call(mark: Mark, body: unknown, done: () => void): void {
    const context = new Context(mark, this.#host)
    mark.runner = context
    let result: unknown
    try {
      result = this.#handler(body, context)
    } catch (error) {
      this.#fail(mark, error, done)
      return
    }
    if (isThenable(result)) {
      result.then(
        (value) => this.#succeed(mark, value, done),
        (error) => this.#fail(mark, error, done),
      )
    } else this.#succeed(mark, result, done)
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
              headers: NO_BYTES,
              body: bytes,
            }
    } catch (error) {
      reply = failure(`the reply cannot be encoded: ${messageOf(error)}`, {})
    }
    this.#end(mark, reply, done)
  }

  #fail(mark: Mark, error: unknown, done: () => void): void {
    this.#end(mark, replyFor(error), done)
  }

  #end(mark: Mark, reply: HandlerReply, done: () => void): void {
    mark.runner = undefined
    this.#host.finish(mark, reply)
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
  return failure(messageOf(error) || 'the handler failed', {})
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
  return { kind, flags: 0, headers: NO_BYTES, body }
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
