import { isOpen, type Mark, waysOf } from '../../../rr-client/core/mark.ts'
import type { Begun, Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'begun by a standing way'

/**
 * A handler begins only what came by a link that still stands (WIRE-SAFETY H11): by a lost one others
 * were told that the call is lost, and a caller may have begun to repair what it did not do.
 */
export const standingWays = (scene: Scene): Checker => ({
  name: NAME,
  onBegun(begun) {
    const mark = markOf(scene, begun)
    if (mark === undefined || waysOf(mark).some(isOpen)) return
    const { client, execution } = begun
    throw new Violation(NAME, `${client.name} began ${execution.body}, whose link was lost`)
  },
})

const markOf = (scene: Scene, { client, execution }: Begun): Mark | undefined => {
  const asked = scene.askedOf(execution.body)
  if (asked?.call.future === undefined) return undefined
  const { counter, isLong } = asked.call.future
  for (const mark of client.core.marks.all()) {
    if (mark.state !== 'running' || mark.counter !== counter || mark.isLong !== isLong) continue
    if (mark.peer.instance === asked.by.instance) return mark
  }
  return undefined
}
