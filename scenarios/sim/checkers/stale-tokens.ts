import type { Scene } from '../scene.ts'
import type { BrokerNode } from '../world/broker-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'stale tokens'

interface Held {
  readonly epoch: number
  readonly owner: string
}

/**
 * A queue's owner changes only with its epoch: whatever a former owner still says, under an epoch
 * that is over, changes nothing.
 */
export const staleTokens = (scene: Scene): Checker => {
  const known = new Map<BrokerNode, Map<number, Held>>()
  const check = (broker: BrokerNode): void => {
    const before = known.get(broker)
    const now = new Map<number, Held>()
    for (const { topic, queues } of scene.viewOf(broker).topics) {
      for (const { queue, epoch, owner } of queues) {
        now.set(queue, { epoch, owner })
        const was = before?.get(queue)
        if (was === undefined || was.owner === owner || epoch > was.epoch) continue
        const what = `queue ${queue} of ${topic} went from ${was.owner} to ${owner} in epoch ${epoch}`
        throw new Violation(NAME, `${broker.name}: ${what}`)
      }
    }
    known.set(broker, now)
  }
  return {
    name: NAME,
    onTick() {
      for (const broker of scene.brokers) check(broker)
    },
  }
}
