/** Buffers that outboxes gather frames in, used again and again and shared by all links. */

export const SLAB_BYTES = 65_536
/** Slabs kept for the next batch; a burst may use more, which the collector takes back. */
const KEPT_SLABS = 64

export class Slabs {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  /** Gives a slab back; the caller is sure that nobody reads from it any more. */
  give(slab: Buffer): void {
    if (this.#free.length < KEPT_SLABS) this.#free.push(slab)
  }
}
