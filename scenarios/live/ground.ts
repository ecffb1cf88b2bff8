/** What the clients of a live drill are linked to: brokers of the drill's own, or those of a running cluster. */
import type { Drill } from '../drills/drill.ts'
import type { QueueNow } from '../drills/stage.ts'
import type { Player } from '../drills/targets.ts'
import type { Act, SteerAct } from '../drills/words.ts'
import type { Clients } from './clients.ts'
import type { Access } from './manners.ts'
import type { Place } from './place.ts'

export interface Sight {
  queues: QueueNow[]
  /** Brokers that are up and do not answer. */
  silent: string[]
}

export interface Ground {
  /** Brokers and registries that are up. */
  players(): Player[]
  /** Those of them whose processes are the drill's own. */
  places(): readonly Place[]
  /** Why an act cannot be done here, if it cannot. */
  refusal(act: Act): string | undefined
  /** Resolves when clients can be let in. */
  start(drill: Drill): Promise<void>
  access(client: Player): Promise<Access>
  /** Resolves when the responders of the drill have their queues. */
  ready(withinMs: number): Promise<void>
  look(clients: Clients): Promise<Sight>
  /** Has the cluster do something; what is returned takes it back. */
  steer(act: SteerAct): Promise<() => Promise<void>>
  /** What it was had to do is undone. Rejects with what could not be. */
  end(): Promise<void>
}
