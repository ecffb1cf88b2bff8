import { u16, u32 } from '../../../bus/bytes.ts'
import { Flag, Reason, Request } from '../../../bus/frame.ts'
import type { Asked, Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { bodyIn } from './sent.ts'

const NAME = 'full queues are asked once'
/** A full queue says that it is worth another try after so long. */
const RETRY_AFTER_MS = 100
const FOR_ROOM: ReadonlySet<number> = new Set([Reason.full, Reason.too_slow, Reason.no_credit])

/**
 * A queue that has no room for a call is not asked for it again: one that refuses quickly would draw
 * the calls to itself (WIRE-SAFETY H2).
 */
export const askedOnce = (scene: Scene): Checker => {
  /** Where each call was sent last, and in which attempt. */
  const last = new Map<
    Asked,
    { readonly where: string; readonly attempt: number; readonly at: number }
  >()
  return {
    name: NAME,
    onRequest(request) {
      const { way, broker, bytes, at } = request
      const asked = way === 'up' ? scene.askedOf(bodyIn(request)) : undefined
      if (asked === undefined || asked.call.isSettled) return
      const attempt = u16(bytes, at + Request.attempt)
      // One that may have run elsewhere is not a new call: it waits, and tries again.
      const isAgain = (bytes[at + Request.flags]! & (Flag.pinned | Flag.mayHaveRun)) !== 0
      const before = last.get(asked)
      if (before !== undefined && attempt <= before.attempt) return
      const isNext = attempt === (before?.attempt ?? 0) + 1
      const where = isAgain ? '' : `queue ${u32(bytes, at + Request.queue)} of ${broker}`
      const sentAt = asked.call.future?.current?.sentAt ?? 0
      last.set(asked, { where, attempt, at: asked.by.now })
      const reason = asked.call.future?.refusal?.reason ?? 0
      if (
        before?.where !== where ||
        sentAt - before.at >= RETRY_AFTER_MS ||
        isAgain ||
        !isNext ||
        !FOR_ROOM.has(reason)
      )
        return
      if (hasRoom(scene, broker, u32(bytes, at + Request.queue))) return
      throw new Violation(NAME, `${where} again: ${describe(scene, asked)}`)
    },
  }
}

/** By now it has, and has said so. */
const hasRoom = (scene: Scene, name: string, handle: number): boolean => {
  const broker = scene.brokers.find((one) => one.name === name)
  if (broker === undefined) return false
  const queues = scene.viewOf(broker).topics.flatMap((topic) => topic.queues)
  return queues.some(({ queue, state }) => queue === handle && state === 'writable')
}
