import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { slackOfTwoMs } from './slack.ts'

const NAME = 'expired work never starts'
/** The oldest that a request may be when it is read (rule 4), and its way there. */
const OLDEST_MS = 5_000 + 250

/** A handler begins only while its caller waits: by its own clock always, by all clocks nearly. */
export const expiredWork = (scene: Scene): Checker => ({
  name: NAME,
  onBegun({ at, client, execution }) {
    if (execution.remainingMs() <= 0) {
      throw new Violation(NAME, `${client.name} began ${execution.body} with no time left`)
    }
    const asked = scene.askedOf(execution.body)
    if (asked === undefined) return
    const { startedAt, timeoutMs } = asked.call
    const mostMs = timeoutMs + OLDEST_MS
    if (at <= startedAt + mostMs + slackOfTwoMs(scene, mostMs)) return
    throw new Violation(NAME, `begun by ${client.name} at ${at}: ${describe(scene, asked)}`)
  },
})
