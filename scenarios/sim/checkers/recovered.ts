import type { Scene } from '../scene.ts'
import type { BrokerNode } from '../world/broker-node.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'recovered'

/** Healed, every instance at home owns its queue with the credit it grants, and those elsewhere none. */
export const recovered = (scene: Scene): Checker => ({
  name: NAME,
  onQuiet() {
    if (!scene.plan.rests) return
    for (const broker of scene.brokers) {
      for (const { topic, queues } of scene.viewOf(broker).topics) {
        const registered = scene.clients('responder').flatMap((client) => {
          const own = [...client.core.registrations.all].find((r) => r.topic === topic)
          return own === undefined ? [] : [{ client, own }]
        })
        if (registered.length === 0 || registered.some(({ own }) => own.isStandby)) continue
        checkOwners(
          scene,
          broker,
          topic,
          registered.map(({ client }) => client),
          queues,
        )
      }
    }
  },
})

interface Owned {
  readonly owner: string
  readonly window: number
}

const checkOwners = (
  scene: Scene,
  broker: BrokerNode,
  topic: string,
  clients: readonly ClientNode[],
  queues: readonly Owned[],
): void => {
  const { idc } = broker.limits
  const locals = clients.filter(({ facts }) => facts.idc === idc)
  // One whose death nobody could notice counted beside the one in its place for a while.
  const isShort = (broker.advised('idc_takeover').at(-1)?.local ?? 0) > 0
  // Those that rules set apart are no help to calls that no rule means.
  const ordinary = locals.filter(({ facts }) =>
    scene.plan.rules.every(({ to }) => to !== facts.label),
  )
  const due = ordinary.length > 0 && !isShort ? locals : clients
  const isBounded = scene.plan.responders.some(({ answers }) =>
    answers.some((a) => a.maxQueues > 0),
  )
  const fail = (what: string): never => {
    throw new Violation(NAME, `${broker.name}, ${topic}: ${what}`)
  }
  if (isBounded ? queues.length === 0 : queues.length < locals.length) {
    fail(`${queues.length} queues for ${locals.length} responders at home`)
  }
  for (const { owner, window } of queues) {
    const client = due.find(({ instance }) => instance === owner)
    if (client === undefined) fail(`owned by ${owner}, who should not`)
    const link = client?.core.state.links.find((l) => l.broker === broker.name && l.isUp)
    const own = [...(client?.core.registrations.all ?? [])].find((r) => r.topic === topic)
    const granted = link === undefined ? undefined : own?.windows.get(link)
    if (window !== granted) fail(`${owner} has the credit ${window} and grants ${granted}`)
  }
}
