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
    const { world } = scene
    let returns = scene
      .clients('requester')
      .filter(isGone)
      .map((client) => new Return(client))
    for (const until = world.now + MOST_MS; world.now < until && returns.length > 0; ) {
      returns = returns.filter((one) => one.goesOn(scene))
      world.run(EVERY_MS)
    }
  },
})

/** One caller on its way home. */
class Return {
  readonly #client: ClientNode
  /** Calls since the first that went home, and those of them that did. */
  #count = 0
  #home = 0

  constructor(client: ClientNode) {
    this.#client = client
  }

  /** Makes a call. False when it is known how it ends. */
  goesOn(scene: Scene): boolean {
    const client = this.#client
    // Without somewhere else to be there is nothing to return from.
    if ((this.#count === 0 && !isAway(client)) || !hasElsewhere(client)) return false
    const { call } = scene.probe(client, TOPIC, TIMEOUT_MS)
    if (call.future?.current?.queue?.tier === 0) this.#home += 1
    if (this.#home > 0) this.#count += 1
    if (this.#count < FIRST) return true
    if (this.#home <= MOST) return false
    const what = `${this.#home} of the first ${FIRST} calls of ${client.name} go home at once`
    throw new Violation(NAME, what)
  }
}

/** Nobody of it has begun to return. */
const isGone = ({ core, now }: ClientNode): boolean => {
  const { homing } = core.requester.topics.find(TOPIC) ?? {}
  return homing?.isAway === true && homing.share(now) === 0
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
