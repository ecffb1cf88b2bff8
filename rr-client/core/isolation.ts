import type { Prng } from '../../bus/prng.ts'
import type { Forcing } from './standing-forces.ts'

/** So many failures in a row isolate a queue (as Envoy's outlier detection does) ... */
const FAILURES_IN_A_ROW = 5
/** ... or so many in a window, if they are this share of it. */
const FAILURES = 10
const FAILURE_SHARE = 0.5
const WINDOW_MS = 10_000
/** How long it is left alone the first time, doubling each time its probe fails, give or take. */
const FIRST_OPEN_MS = 2_000
const LAST_OPEN_MS = 30_000
const JITTER = 0.3
/** Taken back in steps: from this share of its calls to all of them. */
const RAMP_FROM = 0.1
const RAMP_MS = 5_000
/** A due probe waits so long for a call that may run twice, then takes any. */
const IDEMPOTENT_FIRST_MS = 500
/** A probe that is not answered by then has failed, whatever time its call has left. */
const LEAST_PROBE_MS = 1_000
const PROBE_FACTOR = 4

/** How a probe ended. `refused`, `unknown`: nothing is known; after a refusal the wait begins anew. */
export type ProbeEnd = 'well' | 'badly' | 'refused' | 'unknown'

/**
 * Whether one queue is left alone by this requester. Closed: it gets its calls. Open: none, except
 * one probe when its time has come. Ramping: a growing share. Only what the queue is to blame for is
 * told to it; refusals and errors of handlers are not.
 */
export class Isolation {
  #state: 'closed' | 'open' | 'ramping' = 'closed'
  #inARow = 0
  #failures = 0
  #successes = 0
  #windowAt: number
  #openMs = FIRST_OPEN_MS
  #until = 0
  #isProbing = false
  #probe = 0
  #probeUntil = 0
  /** When it was taken back last: what was sent before says nothing of it now. */
  #rampAt = Number.NEGATIVE_INFINITY
  #forced: Forcing | undefined

  constructor(now: number) {
    this.#windowAt = now
  }

  /** The word operators see. */
  stateAt(now: number): 'closed' | 'open' | 'half-open' | 'ramping' {
    const forced = this.forcedAt(now)
    if (forced !== undefined) return forced.to
    if (this.#isProbing) return 'half-open'
    if (this.#state === 'ramping' && now - this.#rampAt >= RAMP_MS) return 'closed'
    return this.#state
  }

  /** What an operator wants of it now. */
  forcedAt(now: number): Forcing | undefined {
    while (this.#forced !== undefined && this.#forced.until <= now)
      this.#forced = this.#forced.under
    return this.#forced
  }

  /** It is left alone. */
  isOpenAt(now: number): boolean {
    return (this.forcedAt(now)?.to ?? this.#state) === 'open'
  }

  /** Whether it gets this call; while it is taken back chance decides. */
  admits(now: number, prng: Prng): boolean {
    const forced = this.forcedAt(now)
    if (forced !== undefined) return forced.to === 'closed'
    if (this.#state === 'closed') return true
    if (this.#state === 'open') return false
    const share = RAMP_FROM + ((1 - RAMP_FROM) * (now - this.#rampAt)) / RAMP_MS
    return share >= 1 || prng.chance(share)
  }

  /** The instant from which a call may be its probe. */
  get probeAt(): number {
    if (this.#state !== 'open') return NEVER
    const dueAt = this.#isProbing ? this.#probeUntil : this.#until
    return Math.max(dueAt, this.#forced?.until ?? 0)
  }

  /** Takes a call as the probe, if one is due and this call may be it. The probe's number, or 0. */
  takeProbe(now: number, isIdempotent: boolean, slowMs: number, prng: Prng): number {
    if (this.#state !== 'open' || this.forcedAt(now) !== undefined) return 0
    if (this.#isProbing && now >= this.#probeUntil) this.#reopen(now, prng)
    if (this.#isProbing || now < this.#until) return 0
    if (!isIdempotent && now < this.#until + IDEMPOTENT_FIRST_MS) return 0
    this.#isProbing = true
    this.#probe += 1
    this.#probeUntil = now + Math.max(LEAST_PROBE_MS, slowMs * PROBE_FACTOR)
    return this.#probe
  }

  /** A probe has ended. False if that is no news any more: its time was over. */
  probed(now: number, probe: number, end: ProbeEnd, prng: Prng): boolean {
    if (!this.#isProbing || probe !== this.#probe) return false
    this.#isProbing = false
    if (end === 'badly') this.#reopen(now, prng)
    if (end === 'refused') this.#open(now, prng)
    if (end !== 'well') return true
    this.#state = 'ramping'
    this.#rampAt = now
    this.#clear(now)
    return true
  }

  /** A reply came. Returns true when nothing of the past matters any more. */
  succeed(now: number): boolean {
    if (this.forcedAt(now) !== undefined || this.#state === 'open') return false
    this.#inARow = 0
    this.#successes += 1
    this.#endRamp(now)
    if (this.#state === 'ramping') return false
    if (now - this.#windowAt < WINDOW_MS) return false
    if (this.#failures === 0) return true
    this.#clear(now)
    return false
  }

  /**
   * A failure of what was sent then, which the queue is to blame for. Returns for how long it is left
   * alone from now, or 0.
   */
  fail(now: number, sentAt: number, mayOpen: boolean, prng: Prng): number {
    if (this.#state === 'open' || sentAt < this.#rampAt) return 0
    this.#endRamp(now)
    if (now - this.#windowAt >= WINDOW_MS) this.#clear(now)
    this.#inARow += 1
    this.#failures += 1
    const share = this.#failures / (this.#failures + this.#successes)
    const isSick =
      this.#inARow >= FAILURES_IN_A_ROW || (this.#failures >= FAILURES && share >= FAILURE_SHARE)
    if (!isSick || !mayOpen || this.forcedAt(now) !== undefined) return 0
    if (this.#state === 'ramping') this.#openMs = Math.min(LAST_OPEN_MS, this.#openMs * 2)
    else this.#openMs = FIRST_OPEN_MS
    return this.#open(now, prng)
  }

  /** What operators want of it from now on. */
  hold(forcing: Forcing | undefined): void {
    this.#forced = forcing
  }

  /** An operator lets one call look at once, if it is left alone; that must not open it to all. */
  probeSoon(now: number): void {
    if (!this.isOpenAt(now)) return
    this.#state = 'open'
    this.#isProbing = false
    this.#until = now - IDEMPOTENT_FIRST_MS
  }

  #endRamp(now: number): void {
    if (this.#state === 'ramping' && now - this.#rampAt >= RAMP_MS) this.#state = 'closed'
  }

  #reopen(now: number, prng: Prng): void {
    this.#openMs = Math.min(LAST_OPEN_MS, this.#openMs * 2)
    this.#open(now, prng)
  }

  #open(now: number, prng: Prng): number {
    this.#state = 'open'
    this.#isProbing = false
    const jitter = 1 - JITTER + (prng.below(1_000) / 1_000) * 2 * JITTER
    const forMs = Math.round(this.#openMs * jitter)
    this.#until = now + forMs
    this.#clear(now)
    return forMs
  }

  #clear(now: number): void {
    this.#windowAt = now
    this.#inARow = 0
    this.#failures = 0
    this.#successes = 0
  }
}

const NEVER = Number.POSITIVE_INFINITY
