/** What operators do to the circuits and the queue isolation of clients. */
import { z } from '@hono/zod-openapi'
import { EVERY_TOPIC } from '../../bus/order.ts'
import type { ForceTarget } from './forces.ts'
import { type ForceWish, type Forcing, nameOf } from './forcing.ts'
import { AdminRefusal } from './refusal.ts'
import type { Deed, Ordered, Routes } from './routes.ts'
import { circuitTopic, forMs, idc, instanceId, reason, topicOrAll } from './words.ts'

const TO = z.enum(['open', 'closed', 'probe', 'auto'])
const replace = z.boolean().default(false)

export const addForceActions = (routes: Routes, forcing: Forcing): void => {
  const deedOf = (
    wish: ForceWish,
    { caller, isPassedOn }: Pick<Ordered<never, never>, 'caller' | 'isPassedOn'>,
  ): Deed => ({
    target: `${nameOf(wish.target)} to ${wish.to}`,
    topic: wish.target.topic === EVERY_TOPIC ? null : wish.target.topic,
    reason: wish.reason,
    run: () => forcing.force(wish, caller, isPassedOn),
  })

  routes.act(
    {
      ...{ method: 'post', path: '/v1/circuits/{topic}/force', action: 'force_circuit' },
      summary: 'Overrules the circuit of a topic at all requesters, or at one; auto ends it.',
      params: z.object({ topic: circuitTopic }),
      body: z.strictObject({
        ...{ to: TO, forMs, requester: instanceId.optional(), replace, reason },
      }),
    },
    ({ params: { topic }, body, ...by }) => {
      const target: ForceTarget = {
        ...{ topic, what: 'circuit', instance: body.requester ?? null, idc: null },
      }
      const path = `/v1/circuits/${topic}/force`
      return deedOf({ action: 'force_circuit', target, ...body, path, body }, by)
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/queues/force', action: 'force_queues' },
      summary: 'Overrules the isolation of queues at all requesters; auto ends it.',
      body: z.strictObject({
        topic: topicOrAll,
        instance: instanceId.optional(),
        idc: idc.optional(),
        ...{ to: TO, forMs, replace, reason },
      }),
    },
    ({ body, ...by }) => {
      const { topic, instance = null, idc = null } = body
      if (body.to === 'open' && instance === null && idc === null) {
        const message = `name the instance or the idc whose queues to isolate; to stop a topic wholly, force its circuit`
        throw new AdminRefusal('invalid_argument', message)
      }
      const target: ForceTarget = { topic, what: 'queues', instance, idc }
      return deedOf({ action: 'force_queues', target, ...body, path: '/v1/queues/force', body }, by)
    },
  )

  const queuesOf = (topic: string, idc: string): ForceTarget => ({
    ...{ topic, what: 'queues', instance: null, idc },
  })

  routes.act(
    {
      ...{ method: 'post', path: '/v1/idcs/{idc}/isolate', action: 'isolate_idc' },
      summary: 'Isolates all queues whose owners run in a data centre.',
      params: z.object({ idc }),
      body: z.strictObject({ topic: topicOrAll.default(EVERY_TOPIC), forMs, replace, reason }),
    },
    ({ params: { idc }, body, ...by }) => {
      const target = queuesOf(body.topic, idc)
      const path = `/v1/idcs/${idc}/isolate`
      return deedOf({ action: 'isolate_idc', target, to: 'open', ...body, path, body }, by)
    },
  )

  routes.act(
    {
      ...{ method: 'post', path: '/v1/idcs/{idc}/restore', action: 'restore_idc' },
      summary: 'Ends the isolation of a data centre, whoever said it.',
      params: z.object({ idc }),
      body: z.strictObject({ topic: topicOrAll.default(EVERY_TOPIC), reason }),
    },
    ({ params: { idc }, body, ...by }) => {
      const target = queuesOf(body.topic, idc)
      const rest = { to: 'auto', forMs: 60_000, replace: true } as const
      const path = `/v1/idcs/${idc}/restore`
      return deedOf({ action: 'restore_idc', target, ...rest, ...body, path, body }, by)
    },
  )
}
