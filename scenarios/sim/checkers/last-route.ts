import { QueueState } from '../../../bus/frame.ts'
import type { Asked, Scene } from '../scene.ts'
import type { BrokerNode } from '../world/broker-node.ts'
import { Calm } from './calm.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'last route'
/** What was so for so long has been told. */
const TOLD_MS = 300

/**
 * While a queue takes requests nobody is told that nobody answers, however sick it seemed; and while
 * nobody is hurt, one broker does not speak for the others (WIRE-SAFETY H9).
 */
export const lastRoute = (scene: Scene): Checker => {
  const calm = new Calm(scene)
  /** Since when each queue of each broker takes requests. */
  const since = new Map<BrokerNode, Map<string, number>>()
  const note = (broker: BrokerNode): void => {
    const before = since.get(broker)
    const queues = new Map<string, number>()
    for (const key of open(scene, broker)) queues.set(key, before?.get(key) ?? scene.world.now)
    since.set(broker, queues)
  }
  /** A broker that has long told of a queue which still takes requests. */
  const isAnswering = ({ by, call }: Asked) => {
    const home = scene.brokers.filter(({ limits }) => limits.idc === by.facts.idc)
    const brokers = home.length > 0 ? home : scene.brokers
    const isOf = `${call.ask.topic} `
    return brokers.find((broker) => {
      if (!by.links.some((link) => link.broker === broker.name)) return false
      return open(scene, broker).some((key) => {
        const at = key.startsWith(isOf) ? since.get(broker)?.get(key) : undefined
        return at !== undefined && scene.world.now - at >= TOLD_MS
      })
    })
  }
  return {
    name: NAME,
    onTick() {
      for (const broker of scene.brokers) if (!broker.isFrozen) note(broker)
    },
    onSettled(asked) {
      const { future, error } = asked.call
      if (future === undefined || error?.code !== 'no_responder') return
      // Rules send some calls to few instances: these may be gone while others are there.
      if (scene.plan.rules.length > 0) return
      for (const { state, link, instance } of future.topic.queues) {
        if (state !== QueueState.writable || !link.isUp || link.outbox.isClogged) continue
        if (!link.isHome) continue
        throw new Violation(NAME, `${instance} would have answered: ${describe(scene, asked)}`)
      }
      const { now } = scene.world
      const broker = calm.holds(now - TOLD_MS, now, asked) ? isAnswering(asked) : undefined
      if (broker === undefined) return
      throw new Violation(NAME, `${broker.name} has a queue for it: ${describe(scene, asked)}`)
    },
  }
}

/** Queues of a broker that take requests, as `TOPIC NUMBER EPOCH`. */
const open = (scene: Scene, broker: BrokerNode): string[] =>
  scene
    .viewOf(broker)
    .topics.flatMap(({ topic, queues }) =>
      queues
        .filter(({ state }) => state === 'writable')
        .map(({ queue, epoch }) => `${topic} ${queue} ${epoch}`),
    )
