/** How well something is, in the words and the order of people on call. */

import type { Flow } from './meter.ts'

export const HEALTHS = ['sick', 'watch', 'unknown', 'well'] as const
export type Health = (typeof HEALTHS)[number]

/** Less is worse: what stands first when trouble stands first. */
export const healthRank = (health: Health): number => HEALTHS.indexOf(health)

export const worse = (a: Health, b: Health): Health => (healthRank(a) <= healthRank(b) ? a : b)

/** Of calls that failed for a reason that is sickness. */
const WATCH_SHARE = 0.01
const SICK_SHARE = 0.1

/** Fewer in ten seconds, and some succeeded: worth a look, and not to be woken for. */
const FEW_PER_SECOND = 0.3

export const healthOfFlow = ({ rate, sickShare }: Flow): Health => {
  if (rate === null || sickShare === null || sickShare < WATCH_SHARE) return 'well'
  const isFew = sickShare < 1 && rate * sickShare < FEW_PER_SECOND
  return sickShare < SICK_SHARE || isFew ? 'watch' : 'sick'
}

/** The outline of a glyph: state is told by shape and by word, and by colour only besides. */
export type Shape = 'circle' | 'diamond' | 'square' | 'triangle' | 'ring'
