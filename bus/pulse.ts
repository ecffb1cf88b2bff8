import { WireError } from './bytes.ts'

const FIRST_RING = 8

/**
 * What one end of a link knows of its life: the numbers of the batches it sent, which of them the
 * peer has acknowledged, and what it owes itself. Liveness is judged per direction, from what was
 * acknowledged, never from what was heard (WIRE-SAFETY H3).
 */
export class Pulse {
  /** When each unacknowledged batch was sent: a ring, indexed by batch number. */
  #sentAt: number[] = []
  #sent = 0
  #acked = 0
  #ackedSentAt: number
  #read = 0
  #lastSentAt = 0
  #owes = false
  #owesSince = 0

  constructor(now: number) {
    this.#ackedSentAt = now
    this.#lastSentAt = now
  }

  /** Number of the newest batch read from the peer; goes out with everything sent. */
  get read(): number {
    return this.#read
  }

  /** Number of the newest batch sent. */
  get sent(): number {
    return this.#sent
  }

  /** Number of the newest batch of ours that the peer has read. */
  get acked(): number {
    return this.#acked
  }

  /** When the newest batch that the peer has acknowledged was sent. */
  get ackedSentAt(): number {
    return this.#ackedSentAt
  }

  /** When the newest batch was sent. */
  get lastSentAt(): number {
    return this.#lastSentAt
  }

  get owes(): boolean {
    return this.#owes
  }

  get owesSince(): number {
    return this.#owesSince
  }

  /** When the oldest unacknowledged batch was sent, or Infinity if there is none. */
  get unackedSince(): number {
    return this.#acked === this.#sent
      ? Number.POSITIVE_INFINITY
      : this.#sentAt[this.#slot(this.#acked + 1)]!
  }

  /** The number for a batch that leaves now. It carries the acknowledgement, so nothing is owed. */
  send(now: number): number {
    if (this.#sent - this.#acked >= this.#sentAt.length) this.#grow()
    this.#sent += 1
    this.#lastSentAt = now
    this.#sentAt[this.#slot(this.#sent)] = now
    this.#owes = false
    return this.#sent
  }

  /** A batch without frames acknowledges and is not acknowledged itself. */
  sendAcknowledgement(): void {
    this.#owes = false
  }

  /** Takes note of a batch's head. Number 0 marks a mere acknowledgement. */
  receive(now: number, number: number, ack: number): void {
    if (ack > this.#sent || ack < this.#acked) throw new WireError(`batch ${ack} was never sent`)
    if (ack > this.#acked) {
      this.#ackedSentAt = this.#sentAt[this.#slot(ack)]!
      this.#acked = ack
    }
    if (number === 0) return
    if (number !== this.#read + 1) {
      throw new WireError(`batch ${number} where ${this.#read + 1} was due`)
    }
    this.#read = number
    if (!this.#owes) {
      this.#owes = true
      this.#owesSince = now
    }
  }

  /**
   * The most that what was just read can be old, by this end's own clock: the peer wrote it after
   * reading the batch it acknowledges, and we know when we sent that one (WIRE-SAFETY C6).
   */
  ageBound(now: number): number {
    return now - this.#ackedSentAt
  }

  #slot(number: number): number {
    return number % this.#sentAt.length
  }

  #grow(): void {
    const old = this.#sentAt
    const bigger = new Array<number>(Math.max(FIRST_RING, old.length * 2)).fill(0)
    for (let n = this.#acked + 1; n <= this.#sent; n++) {
      bigger[n % bigger.length] = old[n % old.length]!
    }
    this.#sentAt = bigger
  }
}
