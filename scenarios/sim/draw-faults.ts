/** Draws what goes wrong in a plan: first which kinds of faults there are, then how many, and when. */
import type { Target } from '../drills/targets.ts'
import type { Act } from '../drills/words.ts'
import type { Fault, FaultPlan } from './plan.ts'

/** A source of chance. */
export interface Chance {
  below(bound: number): number
  chance(share: number): boolean
  one<T>(list: readonly T[]): T
}

interface Named {
  readonly name: string
  readonly idc: string
}

/** Whom there is to hurt. */
export interface FaultCast {
  readonly idcs: readonly string[]
  readonly brokers: readonly Named[]
  readonly responders: readonly Named[]
  readonly requesters: readonly Named[]
}

type Kind =
  | 'lose'
  | 'reset'
  | 'cut'
  | 'part'
  | 'freezeClient'
  | 'freezeBroker'
  | 'killBroker'
  | 'killResponder'
  | 'stopResponder'
  | 'slow'
  | 'scale'
  | 'idc'
  | 'close'

/** Each kind as often as it is named here, if it is drawn at all. */
const WEIGHTS: Record<Kind, number> = {
  lose: 5,
  reset: 5,
  cut: 6,
  part: 3,
  freezeClient: 3,
  freezeBroker: 3,
  killBroker: 3,
  killResponder: 3,
  stopResponder: 2,
  slow: 2,
  scale: 1,
  idc: 4,
  close: 1,
}
const KINDS = Object.keys(WEIGHTS) as Kind[]

export function drawFaults(chance: Chance, cast: FaultCast, chaosMs: number): FaultPlan[] {
  const drawn = KINDS.filter(
    (kind) => chance.chance(0.5) && (kind !== 'idc' || cast.idcs.length > 1),
  )
  const kinds = drawn.length > 0 ? drawn : [chance.one(KINDS.slice(0, 5))]
  const tickets = kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind))
  const count = chance.one([1, 1, 2, 3, 5, 8, 15, 30])
  const drawer = new FaultDraw(chance, cast)
  return Array.from({ length: count }, () => ({
    at: chance.below(chaosMs),
    kind: 'fault' as const,
    fault: drawer.fault(chance.one(tickets)),
  }))
}

class FaultDraw {
  readonly #chance: Chance
  readonly #cast: FaultCast

  constructor(chance: Chance, cast: FaultCast) {
    this.#chance = chance
    this.#cast = cast
  }

  fault(kind: Kind): Fault {
    const { idcs, brokers, responders, requesters } = this.#cast
    const client = this.#client()
    const broker = { kind: 'broker' as const, name: this.#chance.one(brokers).name }
    const responder = { kind: 'responder' as const, name: this.#chance.one(responders).name }
    switch (kind) {
      case 'lose': {
        const told = this.#chance.one(['client', 'broker', 'nobody'] as const)
        return { verb: 'lose', client, broker: broker.name, told }
      }
      case 'reset':
        return { verb: 'reset', target: client, from: broker }
      case 'cut':
        return this.#cut(client, broker)
      case 'part':
        return { verb: 'part', target: client, from: broker, forMs: this.#spell(1_500) }
      case 'freezeClient':
        return { verb: 'freeze', target: client, forMs: this.#spell(3_000) }
      case 'freezeBroker':
        return { verb: 'freeze', target: broker, forMs: this.#spell(3_000) }
      case 'killBroker':
        return { verb: 'kill', target: broker, forMs: this.#spell(900) }
      case 'killResponder':
        return { verb: 'kill', target: responder, forMs: this.#spell(500) }
      case 'stopResponder':
        return this.#chance.chance(0.5)
          ? { verb: 'stop', target: responder }
          : { verb: 'restart', target: responder }
      case 'slow': {
        const byMs = 50 + this.#chance.below(1_500)
        return { verb: 'slow', target: responder, byMs, forMs: this.#spell(2_000) }
      }
      case 'scale': {
        const verb = this.#chance.one(['add', 'remove'] as const)
        return { verb, count: 1 + this.#chance.below(3), idc: this.#chance.one(idcs) }
      }
      case 'idc':
        return this.#idc(this.#chance.one(idcs))
      case 'close': {
        const { name } = this.#chance.one(requesters)
        return { verb: 'close', name, withinMs: this.#chance.below(800) }
      }
    }
  }

  /** Nothing arrives in one direction or in both, and nobody is told. */
  #cut(client: Target, broker: Target): Act {
    const forMs = this.#spell(2_500)
    if (this.#chance.chance(0.4)) return { verb: 'cut', target: client, from: broker, forMs }
    const [target, from] = this.#chance.chance(0.5) ? [client, broker] : [broker, client]
    return { verb: 'cut', target, from, isOneWay: true, forMs }
  }

  /** Killed, frozen, or cut off from another one. */
  #idc(name: string): Act {
    const target = { kind: 'idc' as const, name }
    const forMs = this.#spell(2_500)
    const others = this.#cast.idcs.filter((idc) => idc !== name)
    const verb = this.#chance.one(['kill', 'freeze', 'cut'] as const)
    if (verb !== 'cut') return { verb, target, forMs }
    const from = { kind: 'idc' as const, name: this.#chance.one(others) }
    const isOneWay = this.#chance.chance(0.5)
    return { verb, target, from, forMs, ...(isOneWay ? { isOneWay } : {}) }
  }

  #client(): { kind: 'requester' | 'responder'; name: string } {
    const { requesters, responders } = this.#cast
    const at = this.#chance.below(requesters.length + responders.length)
    return at < requesters.length
      ? { kind: 'requester', name: requesters[at]!.name }
      : { kind: 'responder', name: responders[at - requesters.length]!.name }
  }

  /** Rather short than long. */
  #spell(mostMs: number): number {
    return 1 + this.#chance.below(this.#chance.chance(0.5) ? mostMs : Math.ceil(mostMs / 4))
  }
}
