/**
 * Little-endian numbers and short texts in a Buffer.
 *
 * A u64 field never holds more than 2^53 - 1, so it is a plain number here. It is put together with
 * arithmetic, never with bit operators on the whole: those wrap at 2^31 (WIRE-SAFETY C8).
 */

const TWO_32 = 0x1_0000_0000

export const u16 = (b: Uint8Array, at: number): number => b[at]! | (b[at + 1]! << 8)

export const u32 = (b: Uint8Array, at: number): number =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0

export const u64 = (b: Uint8Array, at: number): number => u32(b, at) + u32(b, at + 4) * TWO_32

export const setU16 = (b: Uint8Array, at: number, n: number): void => {
  b[at] = n
  b[at + 1] = n >>> 8
}

export const setU32 = (b: Uint8Array, at: number, n: number): void => {
  b[at] = n
  b[at + 1] = n >>> 8
  b[at + 2] = n >>> 16
  b[at + 3] = n >>> 24
}

export const setU64 = (b: Uint8Array, at: number, n: number): void => {
  const high = Math.floor(n / TWO_32)
  setU32(b, at, n - high * TWO_32)
  setU32(b, at + 4, high)
}

/** Thrown by a decoder: the bytes are not what the protocol page says. Ends the link, never more. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** Reads a control frame field by field; every length is checked against what is there first. */
export class FieldReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  #take(size: number, what: string): number {
    const at = this.#at
    if (at + size > this.#end)
      throw new WireError(`${what}: ${size} bytes wanted, ${this.left} left`)
    this.#at = at + size
    return at
  }

  u8(what: string): number {
    return this.#bytes[this.#take(1, what)]!
  }

  u16(what: string): number {
    return u16(this.#bytes, this.#take(2, what))
  }

  u32(what: string): number {
    return u32(this.#bytes, this.#take(4, what))
  }

  u64(what: string): number {
    const n = u64(this.#bytes, this.#take(8, what))
    if (n > Number.MAX_SAFE_INTEGER) throw new WireError(`${what}: above 2^53 - 1`)
    return n
  }

  /** A text with a u16 length before it, at most `max` bytes. */
  text(what: string, max: number): string {
    const size = this.u16(what)
    if (size > max) throw new WireError(`${what}: ${size} bytes, at most ${max}`)
    const at = this.#take(size, what)
    return this.#bytes.toString('utf8', at, at + size)
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#take(this.left, 'rest'), this.#end)
  }

  end(what: string): void {
    if (this.left !== 0) throw new WireError(`${what}: ${this.left} bytes too many`)
  }
}

/** Writes a control frame field by field into a buffer that grows. Not for the path of a request. */
export class FieldWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256)
  #at = 0

  #room(size: number): number {
    const at = this.#at
    if (at + size > this.#bytes.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + size))
      this.#bytes.copy(bigger, 0, 0, at)
      this.#bytes = bigger
    }
    this.#at = at + size
    return at
  }

  u8(n: number): this {
    const at = this.#room(1)
    this.#bytes[at] = n
    return this
  }

  u16(n: number): this {
    const at = this.#room(2)
    setU16(this.#bytes, at, n)
    return this
  }

  u32(n: number): this {
    const at = this.#room(4)
    setU32(this.#bytes, at, n)
    return this
  }

  u64(n: number): this {
    const at = this.#room(8)
    setU64(this.#bytes, at, n)
    return this
  }

  text(value: string): this {
    const size = Buffer.byteLength(value)
    if (size > 0xffff) throw new WireError(`a text of ${size} bytes; a frame holds 65535`)
    this.u16(size)
    const at = this.#room(size)
    this.#bytes.write(value, at)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }
}
