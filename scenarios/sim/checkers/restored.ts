import { QueueState } from '../../../bus/frame.ts'
import type { RouteQueue } from '../../../rr-client/core/route-queue.ts'
import type { Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'isolated queues are restored'
/** The longest that a queue is left alone, and its probe. */
const MOST_MS = 42_000
const EVERY_MS = 100
const TIMEOUT_MS = 1_000

/** Healed, and with calls to look by, every queue that was left alone gets its calls again. */
export const restored = (scene: Scene): Checker => ({
  name: NAME,
  onHealed() {
    if (scene.plan.rules.length > 0) return
    for (const client of scene.clients('requester')) {
      for (const { name } of client.core.requester.topics.all) waitForAll(scene, client, name)
    }
  },
})

const waitForAll = (scene: Scene, client: ClientNode, topic: string): void => {
  const { world } = scene
  for (const until = world.now + MOST_MS; ; world.run(EVERY_MS)) {
    const [isolated] = isolatedAt(client, topic)
    if (isolated === undefined) return
    if (world.now >= until) {
      const { instance, link } = isolated
      throw new Violation(NAME, `${client.name} leaves ${instance} at ${link.url} alone`)
    }
    scene.probe(client, topic, TIMEOUT_MS)
  }
}

/** Queues at home that could be called and are not. */
const isolatedAt = (client: ClientNode, topic: string): readonly RouteQueue[] => {
  const { queues = [] } = client.core.requester.topics.find(topic) ?? {}
  return queues.filter(
    ({ isolation, state, link, tier }) =>
      isolation?.isOpenAt(client.now) === true &&
      state === QueueState.writable &&
      link.isUp &&
      tier === 0,
  )
}
