import { setU32, setU64, u32 } from './bytes.ts'
import { BATCH_HEAD, FRAME_HEAD, Frame, PACK_BYTES, Request } from './frame.ts'
import type { Pulse } from './pulse.ts'
import { SLAB_BYTES, type Slabs } from './slabs.ts'

/** One end of a link as the outbox needs it; the shells have one for ws and one for memory. */
export interface Wire {
  /** Sends one message. The bytes may be used again once `isDrained()` says so. */
  write(message: Buffer): void
  /** Nothing written is still held in this process. */
  isDrained(): boolean
  /** Bytes written and not yet taken by the system. */
  unsentBytes(): number
  close(code: number, reason: string): void
  /** Between the two, writes may be gathered into one for the system. */
  cork(): void
  uncork(): void
}

/** Over so many unsent bytes a link takes no more work (DESIGN section 8). */
export const MAX_UNSENT_BYTES = 8 * 1_048_576
/** The same for what is gathered in one turn of the loop, before the system was offered any of it. */
export const MAX_GATHERED_BYTES = 64 * 1_048_576
/** A frame above this, alone in its batch, is passed on by reference. */
export const RELAY_BYTES = 4_096
/** Slabs waited for, at most; a link that is clogged takes no more work long before. */
const MAX_LENT = 256
/** Written as one, at most: the system reports bytes as sent only when all of a write are. */
const CORKED_BYTES = 524_288

/**
 * Gathers the frames of one turn of the loop and sends them as few batches. Frames are written
 * straight into a shared slab: `const at = outbox.reserve(now, size)`, then fill `outbox.bytes`.
 */
export class Outbox {
  /** The buffer of the last `reserve`. */
  bytes: Buffer = EMPTY
  readonly #wire: Wire
  readonly #pulse: Pulse
  readonly #slabs: Slabs
  readonly #onDirty: () => void
  #slab: Buffer | undefined
  /** Full slabs that sealed batches of this turn lie in. */
  #full: Buffer[] = []
  /** Slabs that the wire may still read from. */
  readonly #lent: Buffer[] = []
  #start = 0
  #end = 0
  #isOpen = false
  #sealed: Buffer[] = []
  #stampedAt = 0
  #isDirty = false
  #gathered = 0
  #unsent = 0

  /** `onDirty` is told once per turn that a flush is wanted. */
  constructor(wire: Wire, pulse: Pulse, slabs: Slabs, onDirty: () => void) {
    this.#wire = wire
    this.#pulse = pulse
    this.#slabs = slabs
    this.#onDirty = onDirty
  }

  /** The link holds more than it should: refuse new work for it. */
  get isClogged(): boolean {
    if (this.#unsent > 0) this.#unsent = this.#wire.unsentBytes()
    return this.#unsent > MAX_UNSENT_BYTES || this.#gathered > MAX_GATHERED_BYTES
  }

  get unsentBytes(): number {
    if (this.#unsent > 0) this.#unsent = this.#wire.unsentBytes()
    return this.#unsent + this.#gathered
  }

  /** Number of the batch that the last frame travels in. */
  get lastBatch(): number {
    return this.#pulse.sent + this.#sealed.length + (this.#isOpen ? 1 : 0)
  }

  /** Room for a frame of `size` bytes; returns where it starts in `bytes`. */
  reserve(now: number, size: number): number {
    if (!this.#isDirty) this.#touch(now)
    this.#gathered += size
    const packed = this.#end - this.#start + size
    if (!this.#isOpen || packed > PACK_BYTES || this.#end + size > SLAB_BYTES) {
      if (!this.#open(size)) {
        const alone = Buffer.allocUnsafeSlow(BATCH_HEAD + size)
        this.#sealed.push(alone)
        this.bytes = alone
        return BATCH_HEAD
      }
    }
    const at = this.#end
    this.#end = at + size
    this.bytes = this.#slab!
    return at
  }

  /** Sends on, by reference, a message that holds one whole frame; its head is written anew. */
  relay(now: number, message: Buffer): void {
    if (!this.#isDirty) this.#touch(now)
    this.#gathered += message.length
    this.#seal()
    this.#sealed.push(message)
  }

  /**
   * Puts in a frame of another batch; a large one that fills its batch goes by reference. Returns
   * where it stands in `bytes`, for what must be patched.
   */
  pass(now: number, source: Buffer, at: number, end: number): number {
    const size = end - at
    if (size > RELAY_BYTES && at === BATCH_HEAD && end === source.length) {
      this.relay(now, source)
      this.bytes = source
      return at
    }
    const to = this.reserve(now, size)
    source.copy(this.bytes, to, at, end)
    return to
  }

  /** A control frame: type and payload, which is copied. */
  frame(now: number, type: number, payload: Uint8Array): void {
    const at = this.reserve(now, FRAME_HEAD + payload.length)
    setU32(this.bytes, at, payload.length + 1)
    this.bytes[at + 4] = type
    this.bytes.set(payload, at + FRAME_HEAD)
  }

  /** Makes the next flush send at least an acknowledgement. */
  acknowledge(now: number): void {
    if (!this.#isDirty) this.#touch(now)
  }

  /** Sends what was gathered. `now` is read anew: remaining times lose what the turn took. */
  flush(now: number): void {
    this.#isDirty = false
    this.#seal()
    const sealed = this.#sealed
    if (sealed.length === 0) {
      if (this.#pulse.owes) this.#sendAcknowledgement()
      return
    }
    this.#sealed = []
    const heldMs = now - this.#stampedAt
    let corked = 0
    if (sealed.length > 1) this.#wire.cork()
    for (const batch of sealed) {
      if (heldMs > 0) ageRequests(batch, heldMs)
      setU64(batch, 8, this.#pulse.read)
      setU64(batch, 0, this.#pulse.send(now))
      this.#wire.write(batch)
      corked += batch.length
      if (corked < CORKED_BYTES || sealed.length === 1) continue
      corked = 0
      this.#wire.uncork()
      this.#wire.cork()
    }
    if (sealed.length > 1) this.#wire.uncork()
    this.#gathered = 0
    this.#settle()
  }

  #touch(now: number): void {
    this.#takeBack()
    this.#isDirty = true
    this.#stampedAt = now
    this.#onDirty()
  }

  /** Opens a batch with room for `size`; false when such a frame must travel alone. */
  #open(size: number): boolean {
    this.#seal()
    if (BATCH_HEAD + size > PACK_BYTES) return false
    if (this.#slab === undefined || this.#end + BATCH_HEAD + size > SLAB_BYTES) {
      if (this.#slab !== undefined) this.#full.push(this.#slab)
      this.#slab = this.#slabs.take()
      this.#end = 0
    }
    this.#start = this.#end
    this.#end += BATCH_HEAD
    this.#isOpen = true
    return true
  }

  #seal(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#sealed.push(this.#slab!.subarray(this.#start, this.#end))
  }

  /** Lends the turn's slabs to the wire; they come back once the system has taken every byte. */
  #settle(): void {
    if (this.#slab !== undefined) this.#lent.push(this.#slab)
    for (const slab of this.#full) this.#lent.push(slab)
    this.#slab = undefined
    if (this.#full.length > 0) this.#full = []
    this.#end = 0
    this.#takeBack()
    // A wire that never says so (TLS) leaves them to the collector.
    if (this.#lent.length > MAX_LENT) this.#lent.length = 0
    this.#unsent = this.#wire.unsentBytes()
  }

  #takeBack(): void {
    if (this.#lent.length === 0 || !this.#wire.isDrained()) return
    for (const slab of this.#lent) this.#slabs.give(slab)
    this.#lent.length = 0
  }

  #sendAcknowledgement(): void {
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 8, this.#pulse.read)
    this.#pulse.sendAcknowledgement()
    this.#wire.write(head)
  }
}

const EMPTY = Buffer.alloc(0)

/** Takes the time a batch waited for its flush off the requests in it (rule 4). */
const ageRequests = (batch: Buffer, ms: number): void => {
  for (let at = BATCH_HEAD; at < batch.length; at += 4 + u32(batch, at)) {
    if (batch[at + 4] !== Frame.request) continue
    const left = u32(batch, at + Request.remainingMs) - ms
    setU32(batch, at + Request.remainingMs, Math.max(0, left))
  }
}
