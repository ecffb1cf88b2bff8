import { TOPIC } from '../draw.ts'
import { isPeace } from '../plan.ts'
import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'local first'
/** Even in peace a call needs the time that its handler takes, and a handler that is free. */
const PATIENT_MS = 1_000
const AMPLE = 64

/** Nobody is hurt: what a data centre with a broker and a responder asks, it answers itself. */
export const localFirst = (scene: Scene): Checker => ({
  name: NAME,
  onQuiet() {
    const { plan, world } = scene
    if (!isPeace(plan) || plan.rules.length > 0) return
    const isTight = plan.responders.some(({ answers }) =>
      answers.some(({ concurrency }) => concurrency < AMPLE),
    )
    for (const asked of scene.asked) {
      const { by, call } = asked
      if (call.ask.topic !== TOPIC) continue
      if (call.end !== 'reply') {
        if (call.timeoutMs < PATIENT_MS || isTight) continue
        throw new Violation(NAME, `not answered: ${describe(scene, asked)}`)
      }
      const { idc } = by.facts
      const locals = scene.clients('responder').filter(({ facts }) => facts.idc === idc)
      if (locals.length === 0 || !plan.brokers.some((broker) => broker.idc === idc)) continue
      const [ran] = world.ledger.of(by.idOf(call))
      if (locals.some(({ instance }) => instance === ran?.instance)) continue
      throw new Violation(NAME, `answered elsewhere: ${describe(scene, asked)}`)
    }
  },
})
