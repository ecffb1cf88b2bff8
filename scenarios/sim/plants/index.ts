/** Every planted bug there is. */
import { OF_ATTEMPTS } from './of-attempts.ts'
import { OF_LIVENESS } from './of-liveness.ts'
import { OF_MARKS } from './of-marks.ts'
import { OF_QUEUES } from './of-queues.ts'
import type { Plant } from './plant.ts'

export const PLANTS: readonly Plant[] = [...OF_ATTEMPTS, ...OF_MARKS, ...OF_QUEUES, ...OF_LIVENESS]
