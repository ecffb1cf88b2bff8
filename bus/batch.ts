/** The head of a batch: its number, and the number of the last batch its sender had read. */
import { u32, u64, WireError } from './bytes.ts'
import { BATCH_HEAD, MAX_REMAINING_MS, Request } from './frame.ts'
import type { Pulse } from './pulse.ts'

/** Checks a received batch's head and lets `pulse` take note of it. Throws WireError. */
export const openBatch = (now: number, pulse: Pulse, bytes: Buffer): void => {
  if (bytes.length < BATCH_HEAD) throw new WireError(`a batch of ${bytes.length} bytes`)
  const number = u64(bytes, 0)
  if (number === 0 && bytes.length > BATCH_HEAD) throw new WireError('frames in batch 0')
  pulse.receive(now, number, u64(bytes, 8))
}

/** Past this age a batch's requests are refused unread (rule 4): no copy outlives its mark. */
export const MAX_BATCH_AGE_MS = 5_000
/** The same on a link that has been busy for longer than this already, so that acks were flowing. */
const MAX_BUSY_BATCH_AGE_MS = 1_000
/** Room for the acknowledgements of the first calls to come. */
const BUSY_GRACE_MS = 250

/** Whether what was just read may be older than a mark lives. `busySince` is -1 without calls. */
export const isTooOld = (now: number, pulse: Pulse, busySince: number): boolean => {
  const isLongBusy = busySince >= 0 && now - busySince > MAX_BUSY_BATCH_AGE_MS + BUSY_GRACE_MS
  return pulse.ageBound(now) > (isLongBusy ? MAX_BUSY_BATCH_AGE_MS : MAX_BATCH_AGE_MS)
}

/**
 * What is left of a request's time. After a stop of this process the frame may have lain unread for
 * as long as that, or as its batch can be old.
 */
export const remainingMs = (
  now: number,
  pulse: Pulse,
  stoppedMs: number,
  b: Buffer,
  at: number,
): number => {
  const told = Math.min(u32(b, at + Request.remainingMs), MAX_REMAINING_MS)
  return stoppedMs === 0 ? told : Math.max(0, told - Math.min(stoppedMs, pulse.ageBound(now)))
}
