/**
 * A running digest of a history: two histories with the same digest went the same way, step by step.
 * It costs a few multiplications for each thing that happens, so that it is always on.
 */
export class Trace {
  #a = 0x811c9dc5
  #b = 0x2545f491
  #events = 0

  /** Things that happened by the agenda. */
  get events(): number {
    return this.#events
  }

  /** 64 bits, as text. */
  get digest(): string {
    return hex(this.#a) + hex(this.#b)
  }

  /** Something begins at this instant. */
  event(at: number, rank: number): void {
    this.#events += 1
    this.note(at, rank)
  }

  /** Something happens: what or to whom, and how much. Both are whole numbers. */
  note(what: number, size: number): void {
    const a = Math.imul(this.#a ^ what, 0x01000193) ^ size
    const b = Math.imul(this.#b + a, 0x9e3779b1)
    this.#a = (a << 7) | (a >>> 25)
    this.#b = b ^ (b >>> 15)
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
