import type { Arena, Chunk } from '../../bus/arena.ts'
import { BATCH_HEAD } from '../../bus/frame.ts'
import { RELAY_BYTES } from '../../bus/outbox.ts'

/** A frame that outlives its batch. */
export interface FrameCopy {
  readonly bytes: Buffer
  readonly at: number
  /** The shared chunk it lies in; a large frame has a buffer of its own. */
  readonly chunk: Chunk | undefined
}

/** Copies a frame; a large one with room for a batch head, so that it can travel by reference. */
export const copyFrame = (arena: Arena, b: Buffer, at: number, end: number): FrameCopy => {
  const size = end - at
  if (size <= RELAY_BYTES) {
    const chunk = arena.keep(b, at, end)
    return { bytes: chunk.bytes, at: arena.at, chunk }
  }
  const bytes = Buffer.allocUnsafe(BATCH_HEAD + size)
  b.copy(bytes, BATCH_HEAD, at, end)
  return { bytes, at: BATCH_HEAD, chunk: undefined }
}
