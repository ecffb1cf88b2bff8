import { Frame } from './frame.ts'
import type { Outbox } from './outbox.ts'
import type { Pulse } from './pulse.ts'

/** What the heartbeat needs to know of a link, at either end. */
export interface Beating {
  readonly pulse: Pulse
  readonly outbox: Outbox
  /** Since when calls have been in flight on this link, or -1. */
  readonly busySince: number
  /** Leases that hang on this link: it is watched as if calls were in flight. */
  readonly leases: number
  /** The peer has not acknowledged for `pingMs`: it was pinged, and other links are better. */
  isDoubtful: boolean
  isBeating: boolean
  /** Unsent bytes when last looked at, and when they were last seen to shrink. */
  unsent: number
  progressAt: number
  ping(now: number): void
}

/** What both ends keep of a link for the heartbeat, and the calls in hand that make it busy. */
export abstract class BeatingEnd implements Beating {
  abstract readonly pulse: Pulse
  abstract readonly outbox: Outbox
  busySince = -1
  leases = 0
  isDoubtful = false
  isBeating = false
  unsent = 0
  progressAt = 0
  /** Milliseconds from a ping to its pong, the last time it was measured, or -1. */
  rttMs = -1
  #pings = 0
  #pingedAt = -1
  #calls = 0

  get calls(): number {
    return this.#calls
  }

  addCall(now: number): void {
    this.#calls += 1
    if (this.#calls === 1) this.busySince = now
  }

  dropCall(): void {
    if (this.#calls > 0) this.#calls -= 1
    if (this.#calls === 0) this.busySince = -1
  }

  /** A ping leaves with the next flush. */
  ping(now: number): void {
    if (this.#pings === 0) this.#pingedAt = now
    this.#pings += 1
    this.outbox.frame(now, Frame.ping, NOTHING)
  }

  /** Pongs come in the order of their pings: the first one is that of the ping whose time was taken. */
  pong(now: number): void {
    if (this.#pings === 0) return
    this.#pings -= 1
    if (this.#pingedAt >= 0) this.rttMs = now - this.#pingedAt
    this.#pingedAt = -1
  }

  /** A new link begins with nothing in hand. */
  protected restart(): void {
    this.busySince = -1
    this.leases = 0
    this.isDoubtful = false
    this.isBeating = false
    this.unsent = 0
    this.progressAt = 0
    this.rttMs = -1
    this.#pings = 0
    this.#pingedAt = -1
    this.#calls = 0
  }
}

export interface HeartbeatLimits {
  /** Oldest unacknowledged batch, with calls in flight, after which the peer is pinged. */
  pingMs: number
  /** The same after which the link is dead. With nothing in flight the limit is five times this. */
  silenceMs: number
}

export const DEFAULT_PING_MS = 250
export const DEFAULT_SILENCE_MS = 1_000
/** A peer with nothing to say acknowledges within this. */
const ACKNOWLEDGE_MS = 25
const IDLE_SILENCE_FACTOR = 5
const NOTHING = Buffer.alloc(0)

/**
 * Watches the links on which something is owed, unacknowledged or in flight, and only those: ten
 * thousand idle links cost nothing here (their rare pings are the cores' business).
 */
export class Heartbeat<L extends Beating> {
  readonly #limits: HeartbeatLimits
  readonly #onDead: (now: number, link: L, silentMs: number) => void
  readonly #onDoubt: (now: number, link: L) => void
  readonly #links = new Set<L>()
  #next = Number.POSITIVE_INFINITY

  /** `onDoubt` is told whenever a link becomes doubtful, or is no longer. */
  constructor(
    limits: HeartbeatLimits,
    onDead: (now: number, link: L, silentMs: number) => void,
    onDoubt: (now: number, link: L) => void = () => {},
  ) {
    this.#limits = limits
    this.#onDoubt = onDoubt
    this.#onDead = onDead
  }

  get next(): number {
    return this.#next
  }

  /** To be told of every link that sent, received, or got a call. Cheap when it is watched already. */
  touch(now: number, link: L): void {
    if (link.isBeating) return
    link.isBeating = true
    this.#links.add(link)
    if (this.#links.size === 1) this.#next = now + ACKNOWLEDGE_MS
  }

  beat(now: number): void {
    if (now < this.#next) return
    for (const link of [...this.#links]) {
      if (link.isBeating && this.#check(now, link)) continue
      this.forget(link)
    }
    this.#next = this.#links.size > 0 ? now + ACKNOWLEDGE_MS : Number.POSITIVE_INFINITY
  }

  /** To be told of a link that is gone. */
  forget(link: L): void {
    link.isBeating = false
    this.#links.delete(link)
  }

  /** A peer cannot acknowledge what a slow link has not brought yet: bytes that leave are life too. */
  #progressAt(now: number, link: L): number {
    const unsent = link.outbox.unsentBytes
    if (unsent > 0 && unsent < link.unsent) link.progressAt = now
    link.unsent = unsent
    return link.progressAt
  }

  /** Acknowledges, pings or buries; false when the link needs no watching for now. */
  #check(now: number, link: L): boolean {
    const { pulse } = link
    const silentMs = now - Math.max(pulse.unackedSince, this.#progressAt(now, link))
    const isBusy = link.busySince >= 0 || link.leases > 0
    const limitMs = this.#limits.silenceMs * (isBusy ? 1 : IDLE_SILENCE_FACTOR)
    if (silentMs > limitMs) {
      this.#onDead(now, link, silentMs)
      return false
    }
    const isDoubtful = isBusy && silentMs > this.#limits.pingMs
    // While an answer is awaited and nothing is said, only a ping can tell that the peer is gone; its
    // acknowledgement also keeps the bound on the age of batches tight.
    const isQuiet = isBusy && silentMs < 0 && pulse.ageBound(now) > this.#limits.pingMs
    if (isQuiet || (isDoubtful && !link.isDoubtful)) link.ping(now)
    if (link.isDoubtful !== isDoubtful) {
      link.isDoubtful = isDoubtful
      this.#onDoubt(now, link)
    }
    if (pulse.owes) link.outbox.acknowledge(now)
    return pulse.owes || isBusy || pulse.unackedSince !== Number.POSITIVE_INFINITY
  }
}
