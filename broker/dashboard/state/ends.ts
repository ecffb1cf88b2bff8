/** How calls ended, in the four kinds that people on call tell apart. */
import type { QueueEnds } from '../../core/view.ts'

/** Totals of settled calls. `business`: the service itself said no; `sick`: something is broken. */
export interface Tally {
  calls: number
  ok: number
  business: number
  sick: number
}

/** Neither the service nor the bus is to blame: the caller gave up, or asked for what cannot be. */
const OWN_FAULT = new Set([
  'cancelled',
  'invalid_argument',
  'too_large',
  'forbidden',
  'unauthenticated',
  'incompatible_version',
])
const SERVICE_CODE = /^[A-Z][A-Z0-9_]*$/

export type EndKind = 'ok' | 'business' | 'own' | 'sick'

/** What an end such as `deadline_exceeded unknown` means. */
export const endKind = (end: string): EndKind => {
  const [code = ''] = end.split(' ')
  if (code === 'ok') return 'ok'
  if (code === 'service_error' || SERVICE_CODE.test(code)) return 'business'
  return OWN_FAULT.has(code) ? 'own' : 'sick'
}

const emptyTally = (): Tally => ({ calls: 0, ok: 0, business: 0, sick: 0 })

export const tallyOfEnds = (ends: Readonly<Record<string, number>>): Tally => {
  const tally = emptyTally()
  for (const [end, count] of Object.entries(ends)) {
    const kind = endKind(end)
    tally.calls += count
    if (kind !== 'own') tally[kind] += count
  }
  return tally
}

/** Requests that were handed back are no ends: they go on elsewhere. */
export const tallyOfQueue = (ends: QueueEnds): Tally => {
  const { ok, serviceErrors: business } = ends
  const sick = ends.handlerFailed + ends.replyLost + ends.refused + ends.expired + ends.lost
  return { calls: ok + business + sick, ok, business, sick }
}
