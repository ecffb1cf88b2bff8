import type { BusErrorCode } from '../../bus/errors.ts'
import { Reason } from '../../bus/frame.ts'

/** What follows when every attempt of a call was refused, the last one for this reason. */
export interface Verdict {
  /** `move`: elsewhere, free. `retry`: elsewhere, within the retry limits. `fail`: the end. */
  next: 'move' | 'retry' | 'fail'
  /** What the caller sees if it does not go on. */
  code: BusErrorCode
}

const VERDICTS: Record<Reason, Verdict> = {
  [Reason.expired]: { next: 'fail', code: 'expired' },
  [Reason.stale]: { next: 'move', code: 'overloaded' },
  [Reason.moved]: { next: 'move', code: 'overloaded' },
  [Reason.full]: { next: 'retry', code: 'overloaded' },
  [Reason.too_slow]: { next: 'retry', code: 'overloaded' },
  [Reason.no_credit]: { next: 'retry', code: 'overloaded' },
  [Reason.forbidden]: { next: 'fail', code: 'forbidden' },
  [Reason.draining]: { next: 'move', code: 'draining' },
  [Reason.instance_absent]: { next: 'move', code: 'no_responder' },
  [Reason.stale_batch]: { next: 'move', code: 'overloaded' },
  [Reason.cancelled]: { next: 'fail', code: 'cancelled' },
  [Reason.invalid_argument]: { next: 'fail', code: 'invalid_argument' },
  [Reason.link_full]: { next: 'retry', code: 'overloaded' },
  [Reason.marks_full]: { next: 'retry', code: 'overloaded' },
  [Reason.too_large]: { next: 'fail', code: 'too_large' },
  [Reason.link_lost]: { next: 'move', code: 'responder_lost' },
  [Reason.loop]: { next: 'retry', code: 'overloaded' },
}

export const verdictOf = (reason: Reason): Verdict =>
  VERDICTS[reason] ?? { next: 'fail', code: 'internal' }
