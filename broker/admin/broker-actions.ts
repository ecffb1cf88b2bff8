/** What operators do to brokers: hold, release, limits, drain, resume, kick. */
import { z } from '@hono/zod-openapi'
import type { Steering } from '../steering.ts'
import type { Passing } from './passing.ts'
import { AdminRefusal } from './refusal.ts'
import type { Routes } from './routes.ts'
import { brokerId, forMs, instanceId, reason, topic } from './words.ts'

/** A peer is waited for so long beyond what the action itself may take. */
const PASS_MS = 3_000
const DEFAULT_DRAIN_MS = 10_000

const TOPIC = z.object({ topic })
const BROKER = z.object({ broker: brokerId })

/** `drains`: this broker takes no new work from now on; `resumes`: it does again. */
export const addBrokerActions = (
  routes: Routes,
  steering: Steering,
  passing: Passing,
  tell: { drains: () => void; resumes: () => void },
): void => {
  const here = (broker: string | undefined): string => (broker === undefined ? '' : ` at ${broker}`)

  routes.act(
    {
      ...{ method: 'post', path: '/v1/topics/{topic}/hold', action: 'hold', params: TOPIC },
      summary: 'Keeps an instance from owning a queue of the topic; what waits there goes back.',
      body: z.strictObject({
        instance: instanceId,
        broker: brokerId.optional(),
        forMs,
        reason,
      }),
    },
    ({ params: { topic }, body: { broker, ...body }, ...by }) => {
      const target = `${body.instance} of ${topic}${here(broker)}`
      const missing = `${body.instance} answers ${topic} at no broker that was asked`
      const what = { action: 'hold', target, missing }
      const path = `/v1/topics/${topic}/hold`
      const passed = { method: 'POST', path, body, withinMs: PASS_MS } as const
      const run = () =>
        passing.act(what, by, broker, passed, () =>
          steering.hold(topic, body.instance, body.reason, body.forMs)
            ? { before: null, after: { held: body.instance, forMs: body.forMs } }
            : undefined,
        )
      return { target, topic, reason: body.reason, run }
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/topics/{topic}/release', action: 'release', params: TOPIC },
      summary: 'Lets an instance own queues of the topic again.',
      body: z.strictObject({ instance: instanceId, broker: brokerId.optional(), reason }),
    },
    ({ params: { topic }, body: { broker, ...body }, ...by }) => {
      const target = `${body.instance} of ${topic}${here(broker)}`
      const what = { action: 'release', target, missing: `${body.instance} is held nowhere` }
      const path = `/v1/topics/${topic}/release`
      const passed = { method: 'POST', path, body, withinMs: PASS_MS } as const
      const run = () =>
        passing.act(what, by, broker, passed, () =>
          steering.release(topic, body.instance)
            ? { before: { held: body.instance }, after: null }
            : undefined,
        )
      return { target, topic, reason: body.reason, run }
    },
  )

  routes.act(
    {
      ...{ method: 'patch', path: '/v1/topics/{topic}/limits', action: 'limits', params: TOPIC },
      summary: 'Changes limits of each queue of the topic: those that are named, and no others.',
      body: z.strictObject({
        maxDepth: z.int().min(1).max(1_000_000).optional(),
        maxDepthBytes: z.int().min(1_024).max(Number.MAX_SAFE_INTEGER).optional(),
        broker: brokerId.optional(),
        reason,
      }),
    },
    ({ params: { topic }, body: { broker, ...body }, ...by }) => {
      const { reason, ...limits } = body
      if (Object.keys(limits).length === 0) {
        throw new AdminRefusal('invalid_argument', 'give maxDepth, maxDepthBytes or both')
      }
      const target = `${topic}${here(broker)}`
      const what = { action: 'limits', target, missing: `no broker knows topic ${topic}` }
      const path = `/v1/topics/${topic}/limits`
      const passed = { method: 'PATCH', path, body, withinMs: PASS_MS } as const
      const { maxDepth, maxDepthBytes } = limits
      const changed = {
        ...(maxDepth !== undefined && { maxDepth }),
        ...(maxDepthBytes !== undefined && { maxDepthBytes }),
      }
      const run = () =>
        passing.act(what, by, broker, passed, () => steering.setLimits(topic, changed))
      return { target, topic, reason, run }
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/brokers/{broker}/drain', action: 'drain', params: BROKER },
      summary: 'Ends a broker’s work without losing any. Answers when it is over.',
      body: z.strictObject({
        withinMs: z.int().min(0).max(600_000).default(DEFAULT_DRAIN_MS),
        reason,
      }),
    },
    ({ params: { broker }, body, ...by }) => {
      const what = { action: 'drain', target: broker, missing: `no broker ${broker} is known` }
      const path = `/v1/brokers/${broker}/drain`
      const withinMs = body.withinMs + PASS_MS
      const passed = { method: 'POST', path, body, withinMs } as const
      const run = () =>
        passing.act(what, by, broker, passed, async () => {
          const before = steering.snapshot().state
          tell.drains()
          const { handedBack, abandoned } = await steering.drain(body.withinMs)
          const { state } = steering.snapshot()
          return { before: { state: before }, after: { state, handedBack, abandoned } }
        })
      return { target: broker, topic: null, reason: body.reason, run }
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/brokers/{broker}/resume', action: 'resume', params: BROKER },
      summary: 'Ends a drain: the broker takes work again.',
      body: z.strictObject({ reason }),
    },
    ({ params: { broker }, body, ...by }) => {
      const what = { action: 'resume', target: broker, missing: `no broker ${broker} is known` }
      const path = `/v1/brokers/${broker}/resume`
      const passed = { method: 'POST', path, body, withinMs: PASS_MS } as const
      const run = () =>
        passing.act(what, by, broker, passed, () => {
          const before = steering.snapshot().state
          steering.resume()
          tell.resumes()
          return { before: { state: before }, after: { state: steering.snapshot().state } }
        })
      return { target: broker, topic: null, reason: body.reason, run }
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/sessions/{instance}/kick', action: 'kick' },
      params: z.object({ instance: instanceId }),
      summary: 'Ends a client’s session; with banMs it is not let in again for so long.',
      body: z.strictObject({
        banMs: z.int().min(0).max(86_400_000).default(0),
        broker: brokerId.optional(),
        reason,
      }),
    },
    ({ params: { instance }, body: { broker, ...body }, ...by }) => {
      const target = `${instance}${here(broker)}`
      const what = { action: 'kick', target, missing: `no broker has a session of ${instance}` }
      const path = `/v1/sessions/${instance}/kick`
      const passed = { method: 'POST', path, body, withinMs: PASS_MS } as const
      const run = () =>
        passing.act(what, by, broker, passed, () => {
          const before = steering.session(instance)
          const isDone = steering.kick(instance, body.reason, body.banMs)
          return isDone ? { before: before ?? null, after: null } : undefined
        })
      return { target, topic: null, reason: body.reason, run }
    },
  )
}
