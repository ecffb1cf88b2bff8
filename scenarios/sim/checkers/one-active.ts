import { votesToStay } from '../../../rr-client/core/candidacy.ts'
import type { Registration } from '../../../rr-client/core/registration.ts'
import type { Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'one active'

/** Of an active/standby topic at most one instance may start a handler, at every instant. */
export const oneActive = (scene: Scene): Checker => {
  const standbys = (): [ClientNode, Registration][] =>
    [...scene.everybody].flatMap((node) =>
      'calls' in node && node.isAlive
        ? [...node.core.registrations.all]
            .filter(({ candidacy }) => candidacy !== undefined)
            .map((registration): [ClientNode, Registration] => [node, registration])
        : [],
    )
  const check = (): void => {
    const { now } = scene.world
    const active = standbys().filter(([client, registration]) => mayStart(client, registration))
    if (active.length <= 1) return
    const names = active.map(([{ name }]) => name).join(' and ')
    throw new Violation(NAME, `at ${now} two are active: ${names}`)
  }
  const isWatched = scene.plan.responders.some(({ answers }) => answers.some((a) => a.isStandby))
  if (!isWatched) return { name: NAME }
  return {
    name: NAME,
    onTick: check,
    onBegun({ client, execution }) {
      const own = [...client.core.registrations.all].find(({ topic }) => topic === execution.topic)
      if (own?.candidacy === undefined) return
      check()
      if (mayStart(client, own)) return
      throw new Violation(NAME, `${client.name} began ${execution.body} and is not active`)
    },
  }
}

/** A frozen one counts as it would find itself if it went on now. */
export const mayStart = (client: ClientNode, registration: Registration): boolean => {
  const { candidacy, state } = registration
  if (!client.isAlive || state !== 'open' || candidacy?.isActive !== true) return false
  const brokers = client.links.filter(({ twin }) => twin === undefined).length
  return candidacy.count(client.now) >= votesToStay(brokers)
}
