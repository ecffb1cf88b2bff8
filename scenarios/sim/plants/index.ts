/**
 * Every planted bug there is. Not among them: a lease counted from hearing (H3) is hidden here by what
 * stands before it, since both ends give up a silent link long before a lease is over.
 */
import { OF_ATTEMPTS } from './of-attempts.ts'
import { OF_LIVENESS } from './of-liveness.ts'
import { OF_MARKS } from './of-marks.ts'
import { OF_QUEUES } from './of-queues.ts'
import type { Plant } from './plant.ts'

export const PLANTS: readonly Plant[] = [...OF_ATTEMPTS, ...OF_MARKS, ...OF_QUEUES, ...OF_LIVENESS]
