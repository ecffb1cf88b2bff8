import type { Dispatch } from './dispatch.ts'
import type { DepthLimits } from './queue.ts'
import type { BrokerState } from './state.ts'

/**
 * Other depth limits for the queues of a topic, for as long as the topic is known. Only what is named
 * is changed. A queue that is over its new limit is full from now on; nothing is taken out of it.
 */
export const setLimits = (
  now: number,
  state: BrokerState,
  dispatch: Dispatch,
  name: string,
  changes: Partial<DepthLimits>,
): { before: DepthLimits; after: DepthLimits } | undefined => {
  const topic = state.topics.get(name)
  if (topic === undefined) return undefined
  const { maxDepth, maxDepthBytes } = topic.limits
  const before = { maxDepth, maxDepthBytes }
  const after = {
    maxDepth: changes.maxDepth ?? maxDepth,
    maxDepthBytes: changes.maxDepthBytes ?? maxDepthBytes,
  }
  topic.limits = after
  state.effects.advise({ kind: 'limits_set', topic: name, ...after })
  for (const queue of topic.queues.values()) {
    if (queue.isOverLimit) dispatch.fill(now, queue)
    else dispatch.afterRoom(now, queue)
  }
  return { before, after }
}
