/** Drills on real processes: what the drill engine plays on. */
import type { Stage } from '../drills/stage.ts'
import { AttachedCluster } from './attached.ts'
import { TOPIC } from './caller.ts'
import type { Target } from './manners.ts'
import type { Operator } from './operator.ts'
import { OwnCluster } from './own-cluster.ts'
import { LiveStage, type Site } from './stage.ts'

export interface LiveOptions {
  /** Of what is left to chance in the ways between processes. Default 1. */
  seed?: number
}

/** Brokers, clients and registries of the drill's own, each a process. For one drill. */
export const liveStage = ({ seed = 1 }: LiveOptions = {}): Stage =>
  new LiveStage({ seed, topic: TOPIC, ground: (site) => new OwnCluster(site) })

/** Where the cluster is: urls of brokers, or of registries that know them. */
export type AttachedOptions = LiveOptions & {
  tokenFile?: string | undefined
  /** Who asks the cluster to isolate and to drain. Default: nobody; such acts are refused. */
  operator?: Operator | undefined
  /** The drill's own; nobody else may answer it. Default `finbus.drill`. */
  topic?: string
} & ({ url: readonly string[] } | { registry: readonly string[] })

/** Clients of the drill's own, at brokers that run already. For one drill. */
export const attachedStage = (options: AttachedOptions): Stage => {
  const { tokenFile, operator, topic = 'finbus.drill', seed = 1 } = options
  const target: Target = 'url' in options ? options.url : { registry: options.registry }
  const ground = ({ ways, crew: { guard } }: Site) =>
    new AttachedCluster({ target, tokenFile, topic, ways, operator, guard })
  return new LiveStage({ seed, topic, ground })
}
