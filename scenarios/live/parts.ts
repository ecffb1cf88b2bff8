/** What a forked process of a drill can be. Nothing but types: each part is loaded where it plays. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { bystandersPart, requesterPart } from './caller-parts.ts'
import type { networkPart } from './network-part.ts'
import type { Child, Crew } from './processes.ts'
import type { responderPart } from './responder-part.ts'
import type { brokerPart, registryPart } from './server-parts.ts'

export interface Parts {
  broker: typeof brokerPart
  registry: typeof registryPart
  responder: typeof responderPart
  requester: typeof requesterPart
  bystanders: typeof bystandersPart
  network: typeof networkPart
}

export type PartName = keyof Parts
export type PartOf<P extends PartName> = Child<ReturnType<Parts[P]>>

// The same file name whether this runs from sources or compiled.
const ROLE = fileURLToPath(new URL(`./role${extname(import.meta.url)}`, import.meta.url))

export const forkPart = <P extends PartName>(crew: Crew, part: P): PartOf<P> =>
  crew.launch(ROLE, part)
