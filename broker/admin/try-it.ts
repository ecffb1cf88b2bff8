/** Sends one request by hand, for the dashboard. */
import { z } from '@hono/zod-openapi'
import { messageOf } from '../../bus/codec.ts'
import { BusError, ServiceError } from '../../bus/errors.ts'
import { admits } from '../../bus/names.ts'
import type { TryIt, TryItOptions } from '../api.ts'
import type { TryItAnswer, TryItError } from './api.ts'
import { AdminRefusal } from './refusal.ts'
import type { Routes } from './routes.ts'
import { topic } from './words.ts'

const MAX_BODY_BYTES = 1_048_576
const REASON = 'sent by hand'
const MISSING = 'this broker has no client to send requests with; finbus start gives it one'

const ANSWER = z
  .object({
    correlationId: z.string().nullable(),
    tookMs: z.number(),
    ok: z.unknown(),
    error: z
      .object({
        code: z.string(),
        outcome: z.string(),
        message: z.string(),
        retryable: z.boolean().exactOptional(),
        details: z.record(z.string(), z.unknown()).exactOptional(),
      })
      .exactOptional(),
  })
  .openapi('TryItAnswer')

export const addTryIt = (routes: Routes, tryIt: TryIt | undefined, now: () => number): void => {
  routes.act(
    {
      ...{ method: 'post', path: '/v1/request', action: 'request' },
      summary: 'Sends one request and says how it ended; ok, or error.',
      body: z.strictObject({
        topic,
        body: z.unknown(),
        timeoutMs: z.int().min(1).max(60_000).optional(),
        headers: z.record(z.string().max(64), z.string().max(16_384)).optional(),
        key: z.string().max(1_024).optional(),
        idempotent: z.boolean().optional(),
      }),
      maxBytes: MAX_BODY_BYTES,
      missing: tryIt === undefined ? MISSING : undefined,
      answer: ANSWER,
    },
    ({ body: { topic, body, ...given }, caller }) => ({
      target: topic,
      topic,
      reason: REASON,
      run: async (): Promise<TryItAnswer> => {
        if (tryIt === undefined) throw new AdminRefusal('not_there', MISSING)
        const { grant } = caller
        if (grant?.request.some((pattern) => admits(pattern, topic)) === false) {
          const message = `the token of ${caller.who} may not request ${topic}`
          throw new AdminRefusal('forbidden', message)
        }
        const since = now()
        const { timeoutMs, headers, key, idempotent } = given
        const options = {
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(headers !== undefined && { headers }),
          ...(key !== undefined && { key }),
          ...(idempotent !== undefined && { idempotent }),
        }
        const end = await endOf(tryIt, topic, body ?? null, options)
        return { tookMs: now() - since, ...end }
      },
    }),
  )
}

type End = { correlationId: string | null; tookMs?: number } & (
  | { ok: unknown }
  | { error: TryItError }
)

const endOf = async (
  tryIt: TryIt,
  topic: string,
  body: unknown,
  options: TryItOptions,
): Promise<End> => {
  try {
    const { reply, correlationId = '', tookMs } = await tryIt(topic, body, options)
    const ok =
      reply instanceof Uint8Array ? { base64: Buffer.from(reply).toString('base64') } : reply
    return {
      correlationId: correlationId === '' ? null : correlationId,
      ok: ok ?? null,
      ...(tookMs !== undefined && { tookMs }),
    }
  } catch (error) {
    const { correlationId } = BusError.is(error) ? error.details : {}
    return { correlationId: correlationId ?? null, error: toldOf(error) }
  }
}

const toldOf = (error: unknown): TryItError => {
  if (BusError.is(error) || ServiceError.is(error)) {
    const { code, outcome, message, retryable, details } = error
    return { code, outcome, message, retryable, details }
  }
  return { code: 'internal', outcome: 'unknown', message: messageOf(error) }
}
