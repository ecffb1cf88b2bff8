import { u32 } from '../../../bus/bytes.ts'
import { Request } from '../../../bus/frame.ts'
import type { Scene } from '../scene.ts'
import { type Checker, type SeenRequest, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { slackOfTwoMs } from './slack.ts'

const NAME = 'remaining time never grows'
/** A nested call may count from a millisecond that its parent's clock had not finished. */
const TICK_MS = 2

/** From hop to hop, and from a call to those that its handler makes, there is only ever less time. */
export const timeShrinks = (scene: Scene): Checker => {
  /** The most that each call was ever sent with. */
  const most = new Map<string, number>()
  return {
    name: NAME,
    onRequest(request) {
      const { way, bytes, at } = request
      const id = idIn(request)
      const leftMs = u32(bytes, at + Request.remainingMs)
      const before = most.get(id)
      if (way === 'up') most.set(id, Math.max(before ?? 0, leftMs))
      else if (before === undefined || leftMs > before) {
        throw new Violation(NAME, `#${id} goes on with ${leftMs} ms, and was sent with ${before}`)
      }
    },
    onSettled(asked) {
      const { parent, call } = asked
      if (parent === undefined) return
      const spellMs = scene.spellsOf(asked.by).reduce((sum, { from, to }) => sum + to - from, 0)
      const overMs =
        call.startedAt + call.timeoutMs - (parent.call.startedAt + parent.call.timeoutMs)
      // The parent may have been that old when it was read, unnoticed, and so may its clock be.
      const driftMs = slackOfTwoMs(scene, parent.call.timeoutMs)
      if (overMs <= OLDEST_MS + spellMs + driftMs + TICK_MS) return
      throw new Violation(NAME, `${overMs} ms more than its parent: ${describe(scene, asked)}`)
    },
  }
}

const OLDEST_MS = 5_000

/** The number that the body begins with: unlike that of any other call. */
const idIn = ({ bytes, at, end }: SeenRequest): string => {
  const from = at + Request.head + u32(bytes, at + Request.headersLength)
  const bar = bytes.indexOf(0x7c, from)
  return bytes.toString('latin1', from, bar < 0 || bar > end ? end : bar)
}
