import { hashText } from '../../bus/hash.ts'
import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { AnswerAsk, ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { Handler } from '../../scenarios/sim/world/handlers.ts'
import { replies } from '../../scenarios/sim/world/handlers.ts'
import { World } from '../../scenarios/sim/world/world.ts'

/** Long enough for everybody to be linked, declared and told. */
export const SETTLE_MS = 200

export interface Town {
  readonly world: World
  readonly b1: BrokerNode
  readonly b2: BrokerNode
  /** The requester. */
  readonly r: ClientNode
  /** The responder. */
  readonly y: ClientNode
}

/** One requester and one responder, both linked to all of the brokers. */
export const town = (
  brokers: 1 | 2,
  handler: Handler = replies(1),
  lane: AnswerAsk = {},
  world = new World(),
): Town => {
  const b1 = world.brokers.get('b1') ?? world.broker('b1')
  const b2 = brokers === 2 ? (world.brokers.get('b2') ?? world.broker('b2')) : b1
  const y = world.client('Y')
  y.answer(handler, lane)
  const r = world.client('R')
  world.run(SETTLE_MS)
  return { world, b1, b2, r, y }
}

/** A key with which a call goes to `to` rather than to one of `others`, while it can. */
export const keyFor = (to: ClientNode, ...others: ClientNode[]): string => {
  for (let i = 0; ; i++) {
    const seed = hashText(`key${i}`)
    const rank = hashText(to.instance, seed)
    if (others.every((other) => hashText(other.instance, seed) < rank)) return `key${i}`
  }
}

/** Which broker the call's newest attempt went to. */
export const wayOf = (client: ClientNode): string | undefined =>
  client.calls.at(-1)?.future?.current?.link.url
