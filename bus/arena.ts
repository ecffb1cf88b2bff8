/**
 * Bytes that must outlive the turn they were read in, kept in shared chunks: a Buffer of its own
 * for every small message costs more to make and to collect than the message itself.
 */

const CHUNK_BYTES = 131_072
/** Larger ranges get a chunk of their own. */
const SHARED_BYTES = 65_536
/** Empty chunks kept for the next ones. */
const KEPT_CHUNKS = 16

export interface Chunk {
  readonly bytes: Buffer
  /** Ranges of it that are still needed. */
  live: number
}

export class Arena {
  #current: Chunk = newChunk(0)
  #used = 0
  readonly #free: Chunk[] = []
  #heldBytes = 0
  /** Where the range of the last `keep` starts in its chunk. */
  at = 0

  /** Bytes of the chunks that something is kept in: one small range holds a whole chunk. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Copies a range; it starts at `at` of the chunk returned. Every `keep` needs one `release`. */
  keep(source: Buffer, start: number, end: number): Chunk {
    const size = end - start
    if (size > SHARED_BYTES) {
      const own = newChunk(size)
      source.copy(own.bytes, 0, start, end)
      own.live = 1
      this.#heldBytes += size
      this.at = 0
      return own
    }
    if (this.#used + size > this.#current.bytes.length) this.#next()
    const chunk = this.#current
    this.at = this.#used
    source.copy(chunk.bytes, this.#used, start, end)
    this.#used += size
    if (chunk.live === 0) this.#heldBytes += chunk.bytes.length
    chunk.live += 1
    return chunk
  }

  release(chunk: Chunk): void {
    chunk.live -= 1
    if (chunk.live > 0) return
    this.#heldBytes -= chunk.bytes.length
    if (chunk === this.#current) this.#used = 0
    else if (chunk.bytes.length === CHUNK_BYTES && this.#free.length < KEPT_CHUNKS) {
      this.#free.push(chunk)
    }
  }

  #next(): void {
    const full = this.#current
    this.#current = this.#free.pop() ?? newChunk(CHUNK_BYTES)
    this.#used = 0
    // It may have been emptied while it was the current one, and then nobody releases it again.
    if (full.live === 0 && full.bytes.length === CHUNK_BYTES && this.#free.length < KEPT_CHUNKS) {
      this.#free.push(full)
    }
  }
}

const newChunk = (size: number): Chunk => ({ bytes: Buffer.allocUnsafeSlow(size), live: 0 })
