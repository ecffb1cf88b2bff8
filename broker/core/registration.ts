import type { Credit, Queue } from './queue.ts'
import type { Topic } from './topic.ts'

/** A session's offer to answer a topic, and the queue it got for it. */
export interface Registration extends Credit {
  readonly topic: Topic
  queue: Queue | undefined
  /** Declared on the present link: what a client that is back does not declare again is over. */
  isDeclared: boolean
}
