import { BATCH_HEAD } from '../../bus/frame.ts'
import type { Queue } from './queue.ts'
import type { Session } from './session.ts'

/** A frame above this, alone in its batch, is passed on by reference. */
export const RELAY_BYTES = 4_096

/** A request that waits for its queue's owner to have credit. */
export interface Waiting {
  readonly id: number
  readonly origin: Session
  readonly queue: Queue
  readonly counter: number
  readonly flags: number
  readonly attempt: number
  readonly deadline: number
  readonly size: number
  /** The frame, kept so that it can be sent by reference if it is large. */
  frame: Buffer
  readonly at: number
  /** Taken out before its turn; what is left is skipped. */
  isGone: boolean
}

/** A copy of a frame that outlives its batch, with room for a batch head if it may travel alone. */
export const copyFrame = (b: Buffer, at: number, end: number): { frame: Buffer; at: number } => {
  const size = end - at
  const room = size > RELAY_BYTES ? BATCH_HEAD : 0
  const frame = Buffer.allocUnsafe(room + size)
  b.copy(frame, room, at, end)
  return { frame, at: room }
}
