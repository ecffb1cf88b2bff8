/** What brokers say of themselves, asked one by one. */
import { z } from 'zod'
import type { BrokerSnapshot, QueueSnapshot, TopicSnapshot } from '../../broker/index.ts'
import { brokersOf, connectBus } from './client.ts'
import { EXIT_FAILED, Failure, report } from './failure.ts'
import type { Settings } from './settings.ts'

/** A topic at one broker. */
export interface TopicAt extends TopicTold {
  broker: string
}

/** What the commands read of a queue and of a topic. */
export type QueueTold = Omit<QueueSnapshot, 'ownerLabel' | 'waitedMs' | 'ends' | 'latency'>
type TopicTold = Pick<TopicSnapshot, 'topic' | 'group' | 'standbys' | 'watchers'> & {
  queues: QueueTold[]
}

const queue = z.looseObject({
  queue: z.number(),
  epoch: z.number(),
  state: z.string(),
  owner: z.string(),
  ownerName: z.string(),
  ownerIdc: z.string(),
  waiting: z.number(),
  unanswered: z.number(),
  depthBytes: z.number(),
  window: z.number(),
}) satisfies z.ZodType<QueueTold>

const topic = z.looseObject({
  topic: z.string(),
  group: z.string(),
  queues: z.array(queue),
  standbys: z.number(),
  watchers: z.number(),
}) satisfies z.ZodType<TopicTold>

/** What the commands read of it; a newer broker may say more. */
const snapshot = z.looseObject({ id: z.string(), idc: z.string(), topics: z.array(topic) })

/**
 * The topics of all brokers that were named, sorted. A broker that does not answer is reported and
 * the others shown; if none answers, the first one's error is thrown.
 */
export const topicsOfAll = async (
  settings: Settings,
): Promise<{ topics: TopicAt[]; isMany: boolean }> => {
  const urls = await brokersOf(settings)
  const answers = await Promise.allSettled(urls.map((url) => inspect(settings, url)))
  const topics: TopicAt[] = []
  const errors: unknown[] = []
  for (const answer of answers) {
    if (answer.status === 'rejected') errors.push(answer.reason)
    else for (const at of answer.value.topics) topics.push({ ...at, broker: answer.value.id })
  }
  if (errors.length === answers.length) throw errors[0]
  for (const error of errors) process.exitCode = report(error, false) || EXIT_FAILED
  topics.sort((a, b) => compare(a.topic, b.topic) || compare(a.broker, b.broker))
  // It takes a column to tell the brokers apart.
  return { topics, isMany: urls.length > 1 }
}

const inspect = async (
  settings: Settings,
  url: string,
): Promise<Pick<BrokerSnapshot, 'id' | 'idc'> & { topics: TopicTold[] }> => {
  const bus = await connectBus({ ...settings, url: [url], registry: undefined })
  try {
    const parsed = snapshot.safeParse(await bus.inspect())
    if (!parsed.success)
      throw new Failure(`${url} describes itself in a way this finbus cannot read`)
    return parsed.data
  } finally {
    await bus.close()
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
