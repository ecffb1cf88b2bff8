import type { Fault } from '../plan.ts'
import type { Asked, Scene } from '../scene.ts'

/** By then links that were lost are there again, and what was frozen has caught up. */
const AFTER_MS = 1_500
/** A link that was lost without a word is found out by a ping that nobody answers. */
const UNTOLD_MS = 15_000

/** When nobody was hurt: for what must be true then, although it need not be in a storm. */
export class Calm {
  readonly #spells: { readonly from: number; readonly to: number; readonly fault: Fault }[] = []

  /** To be made before anything happens. A fault is felt for so long after its end. */
  constructor({ plan, world }: Scene, afterMs = AFTER_MS) {
    const startedAt = world.now + plan.warmMs
    for (const event of plan.events) {
      if (event.kind !== 'fault' || isGentle(event.fault)) continue
      const { at, fault } = event
      const forMs = lastsMs(fault, plan.chaosMs)
      const isUntold = fault.verb === 'lose' && fault.told !== 'client'
      const to = startedAt + at + forMs + (isUntold ? UNTOLD_MS : afterMs)
      this.#spells.push({ from: startedAt + at, to, fault })
    }
  }

  /** Nothing that could matter to this call was done between these instants, or is still felt. */
  holds(
    from: number,
    to: number,
    { by }: Asked,
    isAllowed: (fault: Fault) => boolean = () => false,
  ): boolean {
    return !this.#spells.some(
      (spell) =>
        spell.from <= to &&
        spell.to >= from &&
        !isOfOther(spell.fault, by.name) &&
        !isAllowed(spell.fault),
    )
  }
}

/** Instances come, go in good order, or are slow, and registries lie: no call may be lost through that. */
const isGentle = (fault: Fault): boolean => {
  if (fault.verb === 'slow' || fault.verb === 'add' || fault.verb === 'remove') return true
  if (fault.verb === 'mislead') return true
  if (!('target' in fault)) return false
  const { kind } = fault.target
  return kind === 'registry' || (fault.verb === 'stop' && kind === 'responder')
}

/** What is done to another caller. */
const isOfOther = (fault: Fault, caller: string): boolean => {
  if (fault.verb === 'close') return caller !== `requester ${fault.name}`
  const whom = 'client' in fault ? fault.client : 'target' in fault ? fault.target : undefined
  return whom?.kind === 'requester' && 'name' in whom && caller !== `requester ${whom.name}`
}

/** All ways are wide again when each has been narrow. */
const lastsMs = (fault: Fault, mostMs: number): number => {
  if (fault.verb === 'swizzle') return 2 * fault.spreadMs
  return 'forMs' in fault ? (fault.forMs ?? mostMs) : 0
}
