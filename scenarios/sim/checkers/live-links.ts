import type { Beating } from '../../../bus/heartbeat.ts'
import type { Scene } from '../scene.ts'
import type { BrokerNode } from '../world/broker-node.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'silent links end'
/** The limit holds for five times as long while nothing is in flight. */
const IDLE_FACTOR = 5
/** Links are looked at every 50 ms, and a process that was stopped has to catch up first. */
const SLACK_MS = 150

/**
 * A link by which nothing is acknowledged is given up, whatever is heard from its other end
 * (WIRE-SAFETY H3): calls that go by it would all run into their deadlines.
 */
export const liveLinks = (scene: Scene): Checker => {
  /** Since when each link has had a lease: what was silent before was idle. */
  const leasedSince = new Map<Beating, number>()
  const isLeased = (link: Beating, now: number, silenceMs: number): boolean => {
    if (link.leases === 0) leasedSince.delete(link)
    else if (!leasedSince.has(link)) leasedSince.set(link, now)
    return now - (leasedSince.get(link) ?? now) > silenceMs + SLACK_MS
  }
  const check = (node: ClientNode | BrokerNode, silenceMs: number, link: Beating): void => {
    const { pulse, busySince, progressAt } = link
    const { now } = node
    const isBusy = isLeased(link, now, silenceMs) || (busySince >= 0 && now - busySince > SLACK_MS)
    const limitMs = silenceMs * (isBusy ? 1 : IDLE_FACTOR) + SLACK_MS
    const silentMs = now - Math.max(pulse.unackedSince, progressAt)
    if (silentMs <= limitMs) return
    throw new Violation(NAME, `${node.name} has a link that is silent for ${silentMs} ms`)
  }
  const isAwake = (node: ClientNode | BrokerNode): boolean =>
    node.isAlive &&
    !node.isFrozen &&
    !scene.spellsOf(node).some(({ to }) => Math.abs(scene.world.now - to) < SLACK_MS)
  return {
    name: NAME,
    onTick() {
      for (const client of [...scene.clients('requester'), ...scene.clients('responder')]) {
        if (!isAwake(client)) continue
        for (const link of client.links) if (link.isUp) check(client, client.facts.silenceMs, link)
      }
      for (const broker of scene.brokers) {
        if (!isAwake(broker)) continue
        for (const link of broker.core.links) check(broker, broker.limits.silenceMs, link)
      }
    },
  }
}
