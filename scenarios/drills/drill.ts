/** What a drill is: a cluster, its load, steps with acts, and bounds that must hold. */
import { didYouMean } from '../../bus/index.ts'
import {
  type Bounds,
  type Cluster,
  DRILL,
  type DrillText,
  FIELDS,
  type Load,
} from './drill-text.ts'
import { type Player, type Target, targetFault } from './targets.ts'
import { type Act, isSteer, parseAct, WordsError } from './words.ts'

export type { BoundName, Bounds, Cluster, DrillText, Load } from './drill-text.ts'

export interface Step {
  readonly name: string
  readonly acts: readonly Act[]
  readonly forMs: number
  readonly bounds: Bounds
}

/** A drill that makes sense: every word of it has been read. */
export interface Drill {
  readonly name: string
  readonly about: string
  readonly cluster: Cluster
  readonly load: Load
  readonly steps: readonly Step[]
  readonly bounds: Bounds
}

/** A drill that does not make sense; the message says where, and what would be right. */
export class DrillError extends Error {
  override readonly name = 'DrillError'
}

/** Types for a drill in a file of its own; nothing happens here. */
export const defineDrill = (drill: DrillText): DrillText => drill

/** Reads a drill. Throws `DrillError`. Nothing has been started by then. */
export function readDrill(text: unknown): Drill {
  const parsed = DRILL.safeParse(text)
  if (!parsed.success)
    throw new DrillError(`this drill is not valid: ${told(parsed.error.issues[0]!)}`)
  const { steps, ...rest } = parsed.data
  const cast = new Cast(rest.cluster)
  const readStep = ({ do: lines, name, forMs, bounds }: (typeof steps)[number]): Step => {
    const acts = [lines].flat().map((line) => readAct(line, cast, `${rest.name}, step "${name}"`))
    return { name, acts, forMs, bounds }
  }
  return { ...rest, steps: steps.map(readStep) }
}

const readAct = (line: string, cast: Cast, where: string): Act => {
  try {
    const act = parseAct(line)
    cast.take(act)
    return act
  } catch (error) {
    if (error instanceof WordsError) throw new DrillError(`drill ${where}: ${error.message}`)
    throw error
  }
}

/** Who plays: as the cluster starts, and with those who join later. */
export class Cast {
  readonly players: Player[] = []
  readonly #idcs: readonly string[]

  constructor({ idcs, registries }: Cluster) {
    this.#idcs = Object.keys(idcs)
    for (const [idc, { brokers, responders, requesters }] of Object.entries(idcs)) {
      this.#add('broker', idc, brokers)
      this.#add('responder', idc, responders)
      this.#add('requester', idc, requesters)
    }
    for (let i = 1; i <= registries; i++) {
      this.players.push({ kind: 'registry', name: `${i}`, idc: '' })
    }
  }

  /** Checks whom an act is about, and takes in whom it adds. */
  take(act: Act): void {
    if (act.verb === 'add' || act.verb === 'remove') {
      this.#checkIdc(act.idc)
      if (act.verb === 'add') this.#add('responder', act.idc, act.count)
    }
    // A cluster of somebody's own names its brokers as it likes.
    const isStranger = isSteer(act) && act.target.kind === 'broker'
    if ('target' in act && !isStranger) this.#check(act.target)
    if ('from' in act) this.#check(act.from)
  }

  #check(target: Target): void {
    const fault = targetFault(target, this.players)
    if (fault !== undefined) throw new WordsError(fault)
  }

  #checkIdc(idc: string): void {
    if (this.#idcs.includes(idc)) return
    throw new WordsError(`there is no IDC ${idc}${didYouMean(idc, this.#idcs)}`)
  }

  #add(kind: Player['kind'], idc: string, count: number): void {
    const before = this.players.filter((p) => p.kind === kind && p.idc === idc).length
    for (let i = 1; i <= count; i++) this.players.push({ kind, name: `${idc}-${before + i}`, idc })
  }
}

interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

const told = (issue: Issue): string => {
  const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  if (issue.code !== 'unrecognized_keys') return `${where}${issue.message}`
  const [key] = issue.keys!
  return `${where}"${key}" is unknown${didYouMean(key!, FIELDS)}`
}
