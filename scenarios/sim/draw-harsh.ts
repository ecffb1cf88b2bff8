/** Draws the rarer faults: of narrow and doubled links, of deaths within a turn, of registries. */
import type { Chance, FaultCast } from './draw-faults.ts'
import type { Fault, FaultPlan } from './plan.ts'

type Kind = 'delay' | 'clog' | 'duplicate' | 'swallow' | 'swizzle' | 'crash' | 'registry'

const KINDS: readonly Kind[] = [
  'delay',
  'clog',
  'duplicate',
  'swallow',
  'swizzle',
  'crash',
  'registry',
]
const MOODS = ['empty', 'garbled', 'stale'] as const
/** A history in so many has any of them. */
const HARSH_SHARE = 0.4

export function drawHarsh(
  chance: Chance,
  cast: FaultCast,
  registries: number,
  chaosMs: number,
): FaultPlan[] {
  if (!chance.chance(HARSH_SHARE)) return []
  const drawn = KINDS.filter(
    (kind) => chance.chance(0.5) && (kind !== 'registry' || registries > 0),
  )
  if (drawn.length === 0) return []
  const count = chance.one([1, 2, 3, 5, 10])
  return Array.from({ length: count }, () => ({
    at: chance.below(chaosMs),
    kind: 'fault' as const,
    fault: faultOf(chance.one(drawn), chance, cast, registries),
  }))
}

const faultOf = (kind: Kind, chance: Chance, cast: FaultCast, registries: number): Fault => {
  const { requesters, responders, brokers } = cast
  const isRequester = chance.chance(0.5)
  const { name } = chance.one(isRequester ? requesters : responders)
  const client = { kind: isRequester ? ('requester' as const) : ('responder' as const), name }
  const broker = chance.one(brokers).name
  const forMs = 1 + chance.below(1_500)
  switch (kind) {
    case 'delay': {
      const from = { kind: 'broker' as const, name: broker }
      return { verb: 'delay', target: client, from, byMs: 1 + chance.below(300), forMs }
    }
    case 'clog':
    case 'duplicate':
    case 'swallow':
      return { verb: kind, client, broker, bytesPerMs: 1 + chance.below(200), forMs }
    case 'swizzle':
      return { verb: kind, bytesPerMs: 1 + chance.below(20), spreadMs: 1 + chance.below(700) }
    case 'crash': {
      const target = chance.chance(0.5) ? { kind: 'broker' as const, name: broker } : client
      return { verb: 'crash', target, steps: 1 + chance.below(40), forMs }
    }
    case 'registry':
      return registryFault(chance, 1 + chance.below(registries), forMs)
  }
}

const registryFault = (chance: Chance, number: number, forMs: number): Fault => {
  const name = `${number}`
  const target = { kind: 'registry' as const, name }
  const roll = chance.below(3)
  if (roll === 0) return { verb: 'kill', target, forMs }
  if (roll === 1) return { verb: 'freeze', target, forMs }
  return { verb: 'mislead', registry: name, mood: chance.one(MOODS), forMs }
}
