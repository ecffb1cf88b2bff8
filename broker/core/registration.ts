import type { Credit, Queue } from './queue.ts'
import type { Topic } from './topic.ts'

/** A session's offer to answer a topic, and the queue it got for it. */
export interface Registration extends Credit {
  readonly topic: Topic
  queue: Queue | undefined
}
