import type { Registration } from '../../../rr-client/core/registration.ts'
import type { Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'credit and depth'

/** No queue holds more than it may, nobody is given more than it granted or runs more than it said. */
export const bounds = (scene: Scene): Checker => ({
  name: NAME,
  onTick() {
    for (const broker of scene.brokers) {
      if (broker.isFrozen) continue
      for (const { topic, queues } of scene.viewOf(broker).topics) {
        for (const { queue, waiting, unanswered } of queues) {
          const most = broker.limits.maxDepth
          const isDeep = waiting + unanswered > most
          if (!isDeep && waiting >= 0 && unanswered >= 0) continue
          const what = `queue ${queue} of ${topic}: ${waiting} wait, ${unanswered} unanswered`
          throw new Violation(NAME, `${broker.name}, ${what}, at most ${most}`)
        }
      }
    }
    for (const client of scene.clients('responder')) checkLanes(client)
  },
})

/** Concurrency and credit hold over all brokers together (WIRE-SAFETY H8). */
const checkLanes = (client: ClientNode): void => {
  for (const registration of client.core.registrations.all) {
    const { concurrency, topic, running, waiting } = registration
    const most = Math.max(running, client.laneOf(registration).most)
    if (most > concurrency || running < 0 || waiting < 0) {
      const what = `${most} at once of ${concurrency}, ${running} run, ${waiting} wait`
      throw new Violation(NAME, `${client.name}, ${topic}: ${what}`)
    }
    if (registration.state === 'open') checkCredit(client, registration)
  }
}

/** What those brokers may send that can: shares are rounded up, and a share is one at least. */
const checkCredit = (client: ClientNode, registration: Registration): void => {
  const { concurrency, prefetch, topic, queues } = registration
  let granted = 0
  let brokers = 0
  for (const [link, window] of registration.windows) {
    if (!link.isUp || (!link.isHome && !queues.has(link))) continue
    granted += window
    brokers += 1
  }
  const most = concurrency + prefetch + brokers
  if (granted <= most) return
  const what = `${granted} granted to ${brokers} brokers, ${concurrency} + ${prefetch} are there`
  throw new Violation(NAME, `${client.name}, ${topic}: ${what}`)
}
