import type { Outcome } from '../../bus/index.ts'

/** What was told of a call against how often it was begun; what is wrong with it, if anything. */
export const lieOf = (outcome: Outcome, begun: number): string | undefined => {
  if (outcome === 'not_executed' && begun > 0) return 'told not_executed, and a handler had begun'
  if (outcome === 'executed' && begun === 0) return 'told executed, and no handler ever began'
  return undefined
}
