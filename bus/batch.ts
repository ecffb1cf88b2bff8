/** The head of a batch: its number, and the number of the last batch its sender had read. */
import { u64, WireError } from './bytes.ts'
import { BATCH_HEAD } from './frame.ts'
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
export const MAX_BUSY_BATCH_AGE_MS = 1_000
