import { BATCH_HEAD } from '../../bus/frame.ts'

/** A frame above this, alone in its batch, is passed on by reference. */
export const RELAY_BYTES = 4_096

/** A copy of a frame that outlives its batch, with room for a batch head if it may travel alone. */
export const copyFrame = (b: Buffer, at: number, end: number): { frame: Buffer; at: number } => {
  const size = end - at
  const room = size > RELAY_BYTES ? BATCH_HEAD : 0
  const frame = Buffer.allocUnsafe(room + size)
  b.copy(frame, room, at, end)
  return { frame, at: room }
}
