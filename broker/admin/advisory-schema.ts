/** Advisories that come from others, read with distrust. */
import { z } from '@hono/zod-openapi'
import type { Advisory } from '../../bus/advisory.ts'
import { plainText } from './text.ts'

const text = z.string().transform((value) => plainText(value))
const number = z.number()
const flag = z.boolean()

const kind = <K extends string, S extends z.ZodRawShape>(name: K, shape: S) =>
  z.object({ kind: z.literal(name), ...shape })

const QUEUE = { topic: text, queue: number }
const QUEUE_OF = { ...QUEUE, broker: text, instance: text }

const ADVISORY = z.discriminatedUnion('kind', [
  kind('link_up', { peer: text, life: number, isResumed: flag }),
  kind('link_down', { peer: text, reason: text }),
  kind('link_refused', { peer: text, code: text, message: text }),
  kind('routes', { topic: text, writable: number, queues: number }),
  kind('rules', { topic: text, version: number, rules: number }),
  kind('rules_set', { version: number, rules: number }),
  kind('late_reply', { correlationId: text, topic: text.exactOptional() }),
  kind('foreign_reply', { correlationId: text, from: text, topic: text, attempt: number }),
  kind('two_groups', { topic: text, used: text, refused: text }),
  kind('stalled', { stoppedMs: number }),
  kind('overrun', { correlationId: text, ...QUEUE, attempt: number, overMs: number }),
  kind('session_resumed', { peer: text }),
  kind('session_ended', { peer: text, reason: text }),
  kind('queue_assigned', { ...QUEUE, owner: text, epoch: number }),
  kind('queue_gone', { ...QUEUE, owner: text, reason: text }),
  kind('queue_full', { ...QUEUE, depth: number, limit: number }),
  kind('queue_accepts', { ...QUEUE, depth: number }),
  kind('queue_isolated', { ...QUEUE_OF, forMs: number }),
  kind('queue_restored', QUEUE_OF),
  kind('queue_forced', { ...QUEUE_OF, to: text, reason: text }),
  kind('circuit', { topic: text, state: z.enum(['open', 'half-open', 'closed']) }),
  kind('circuit_forced', { topic: text, to: text, reason: text }),
  kind('queue_stalled', { ...QUEUE, owner: text, reason: text }),
  kind('queue_answers', { ...QUEUE, owner: text }),
  kind('unknown_idc', { idc: text, known: text }),
  kind('duplicate_broker', { broker: text, url: text, message: text }),
  kind('idc_takeover', { topic: text, local: number, remote: number }),
  kind('idc_handover', { topic: text, local: number, remote: number }),
  kind('standby_active', { topic: text, votes: number, brokers: number }),
  kind('standby_passive', { topic: text, votes: number, brokers: number }),
  kind('protocol_error', { peer: text, message: text }),
  kind('registry_found', { url: text }),
  kind('registry_lost', { url: text, reason: text }),
  kind('registry_refused', { url: text, code: text, message: text }),
  kind('broker_found', { id: text, idc: text, url: text }),
  kind('draining', { deliveries: number }),
  kind('drained', { handedBack: number, abandoned: number }),
  kind('resumed', {}),
  kind('queue_held', { topic: text, instance: text, reason: text, forMs: number }),
  kind('queue_released', { topic: text, instance: text }),
  kind('session_kicked', { peer: text, reason: text, forMs: number }),
  kind('limits_set', { topic: text, maxDepth: number, maxDepthBytes: number }),
])

/** The advisory, its texts cut; undefined if it is none that is known here: a newer one may be. */
export const readAdvisory = (value: unknown): Advisory | undefined => ADVISORY.safeParse(value).data
