import { u16, u32 } from '../../../bus/bytes.ts'
import { Flag, Reason, Request } from '../../../bus/frame.ts'
import type { Asked, Scene } from '../scene.ts'
import { bodyIn, type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'full queues are asked once'
const FOR_ROOM: ReadonlySet<number> = new Set([Reason.full, Reason.too_slow, Reason.no_credit])

/**
 * A queue that has no room for a call is not asked for it again: one that refuses quickly would draw
 * the calls to itself (WIRE-SAFETY H2).
 */
export const askedOnce = (scene: Scene): Checker => {
  /** Where each call was sent last, and in which attempt. */
  const last = new Map<Asked, { readonly where: string; readonly attempt: number }>()
  return {
    name: NAME,
    onRequest(request) {
      const { way, broker, bytes, at } = request
      const asked = way === 'up' ? scene.askedOf(bodyIn(request)) : undefined
      if (asked === undefined || asked.call.isSettled) return
      const attempt = u16(bytes, at + Request.attempt)
      const isPinned = (bytes[at + Request.flags]! & Flag.pinned) !== 0
      const before = last.get(asked)
      if (before !== undefined && attempt <= before.attempt) return
      const where = isPinned ? '' : `queue ${u32(bytes, at + Request.queue)} of ${broker}`
      last.set(asked, { where, attempt })
      const reason = asked.call.future?.refusal?.reason ?? 0
      if (before?.where !== where || isPinned || !FOR_ROOM.has(reason)) return
      throw new Violation(NAME, `${where} again: ${describe(scene, asked)}`)
    },
  }
}
