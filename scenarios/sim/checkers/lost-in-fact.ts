import type { Asked, Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'lost in fact'
/** A way that was there for so long is known to both ends. */
const STEADY_MS = 400
const LOST: ReadonlySet<string> = new Set(['responder_lost', 'broker_lost'])

/**
 * A call is given up as lost only when its responder is: while a broker links both, sending it again
 * costs nothing, whatever became of other links (WIRE-SAFETY H1, H5, H6).
 */
export const lostInFact = (scene: Scene): Checker => {
  /** Since when each client has had a good way to each broker. */
  const since = new Map<ClientNode, Map<string, number>>()
  const note = (client: ClientNode): void => {
    const ways = since.get(client) ?? new Map<string, number>()
    since.set(client, ways)
    for (const { name } of scene.of('broker')) {
      if (!hasWay(scene, client, name)) ways.delete(name)
      else if (!ways.has(name)) ways.set(name, scene.world.now)
    }
  }
  const isSteady = (client: ClientNode, broker: string): boolean => {
    const at = since.get(client)?.get(broker)
    return at !== undefined && scene.world.now - at >= STEADY_MS && hasWay(scene, client, broker)
  }
  return {
    name: NAME,
    onTick() {
      for (const client of scene.clients('requester')) note(client)
      for (const client of scene.clients('responder')) note(client)
    },
    onSettled(asked) {
      const { call, by } = asked
      const responder = LOST.has(call.error?.code ?? '') ? beganAt(scene, asked) : undefined
      // An idempotent call that has cost two responders their link goes to no third.
      if (responder === undefined || call.ask.idempotent === true) return
      const broker = scene
        .of('broker')
        .find(({ name }) => isSteady(by, name) && isSteady(responder, name))
      if (broker === undefined) return
      const way = `${broker.name} links it with ${responder.name}`
      throw new Violation(NAME, `${way}: ${describe(scene, asked)}`)
    },
  }
}

/** Who runs it, or has run it, and lives. */
const beganAt = (scene: Scene, { by, call }: Asked): ClientNode | undefined => {
  const [ran] = call.future === undefined ? [] : scene.world.ledger.of(by.idOf(call))
  return scene.clients('responder').find(({ instance }) => instance === ran?.instance)
}

const hasWay = ({ world }: Scene, client: ClientNode, broker: string): boolean => {
  const node = world.brokers.get(broker)
  if (node?.isAlive !== true || node.isFrozen || client.isFrozen) return false
  if (!client.links.some((link) => link.broker === broker && link.isUp)) return false
  if (!world.hasLink(client, broker)) return false
  const { up, down } = world.link(client, broker)
  if (up.isHeld || down.isHeld) return false
  for (const { session } of node.core.links) {
    if (session?.instance === client.instance) return true
  }
  return false
}
