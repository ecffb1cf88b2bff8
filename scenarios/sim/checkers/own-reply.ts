import { ReplyKind } from '../../../bus/frame.ts'
import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'own reply'

/** A caller gets the reply to its own call, and friends never break the protocol. */
export const ownReply = (scene: Scene): Checker => ({
  name: NAME,
  onSettled(asked) {
    const settled = asked.call.settlements[0]!
    if (settled.kind !== 'reply' || settled.replyKind !== ReplyKind.ok) return
    if (settled.body === `re:${asked.call.body}`) return
    throw new Violation(NAME, `got ${settled.body.slice(0, 40)}: ${describe(scene, asked)}`)
  },
  onQuiet() {
    for (const node of scene.everybody) {
      for (const { kind, ...facts } of node.advisories) {
        if (kind !== 'protocol_error' && kind !== 'foreign_reply') continue
        throw new Violation(NAME, `${node.name}: ${kind} ${JSON.stringify(facts)}`)
      }
    }
  },
})
