import { QueueState } from '../../../bus/frame.ts'
import { TOPIC } from '../draw.ts'
import type { Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'home in steps'
const EVERY_MS = 50
const TIMEOUT_MS = 1_000
/** Home must have done for a while before anybody returns, longer each time it fails again. */
const MOST_MS = 30_000
/** Of so many calls from the first that goes home on, so many at most may go there. */
const FIRST = 20
const MOST = 14

/**
 * Calls that have had to leave their data centre return in steps: those who have just recovered are
 * not run over by all of them at once.
 */
export const homecoming = (scene: Scene): Checker => ({
  name: NAME,
  onHealed() {
    if (scene.plan.rules.length > 0) return
    for (const client of scene.clients('requester')) watchReturn(scene, client)
  },
})

const watchReturn = (scene: Scene, client: ClientNode): void => {
  const { world } = scene
  let count = 0
  let home = 0
  for (const until = world.now + MOST_MS; world.now < until && count < FIRST; ) {
    // Without somewhere else to be there is nothing to return from.
    if ((count === 0 && !isAway(client)) || !hasElsewhere(client)) return
    const { call } = scene.probe(client, TOPIC, TIMEOUT_MS)
    if (call.future?.current?.queue?.tier === 0) home += 1
    if (home > 0) count += 1
    world.run(EVERY_MS)
  }
  if (home <= MOST) return
  throw new Violation(NAME, `${home} of the first ${FIRST} calls of ${client.name} go home at once`)
}

const isAway = ({ core }: ClientNode): boolean =>
  core.requester.topics.find(TOPIC)?.homing?.isAway === true

const hasElsewhere = ({ core }: ClientNode): boolean => {
  const [, near = [], far = []] = core.requester.topics.find(TOPIC)?.tiers ?? []
  return [...near, ...far].some(
    ({ state, link, isolation }) =>
      state === QueueState.writable && link.isUp && isolation === undefined,
  )
}
