/** What the words of requests must look like. */
import { z } from '@hono/zod-openapi'
import { isTopic } from '../../bus/names.ts'
import { EVERY_TOPIC } from '../../bus/order.ts'
import { plainText } from './text.ts'

const NAME_RULE = 'must be 1 to 64 letters, digits, _ . and -'
export const topic = z
  .string()
  .refine(isTopic, 'must be words of letters, digits, _ and - joined by dots')
export const topicOrAll = z
  .string()
  .refine((word) => word === EVERY_TOPIC || isTopic(word), 'must be a topic, or * for all')
/** A circuit is around the calls of one topic: there is none for all of them. */
export const circuitTopic = z
  .string()
  .refine(
    (word) => word !== EVERY_TOPIC,
    'must be one topic, as each has its own circuit; for all topics force queues by instance or idc (POST /v1/queues/force with topic *), or isolate a data centre',
  )
  .refine(
    (word) => word === EVERY_TOPIC || isTopic(word),
    'must be a topic: words of letters, digits, _ and - joined by dots',
  )
const id = z.string().regex(/^[\w-][\w.-]{0,63}$/, NAME_RULE)
export const brokerId = id
export const instanceId = id
export const idc = id
export const reason = z
  .string()
  .trim()
  .min(1, 'must say why')
  .max(500)
  .transform((text) => plainText(text))
export const forMs = z.int().min(1).max(86_400_000).default(60_000)
