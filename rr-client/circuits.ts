import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import type { Advisory } from '../bus/advisory.ts'
import { BusError } from '../bus/errors.ts'
import type { Runtime, Timer } from '../bus/io/runtime.ts'
import type { CircuitReport } from '../bus/report.ts'
import type { CircuitView, ForceOptions } from './api.ts'

/** The share of failures, in a window, that opens a circuit, and what it takes to judge. */
const SETTINGS = {
  errorThresholdPercentage: 50,
  rollingCountTimeout: 10_000,
  rollingCountBuckets: 10,
  volumeThreshold: 20,
  resetTimeout: 2_000,
}
const ROTATE_MS = SETTINGS.rollingCountTimeout / SETTINGS.rollingCountBuckets
/** A circuit that nobody asked for is let go after so many quiet turns of its window's buckets. */
const QUIET_TURNS = 60

type ForceField = 'to' | 'reason' | 'forMs'
type Thunk = () => Promise<unknown>

/** What an operator wants, and until when; `under`: what holds when that is over. */
export interface CircuitForcing {
  readonly to: 'open' | 'closed'
  readonly until: number
  readonly reason: string
  readonly under?: CircuitForcing | undefined
}

interface Entry {
  readonly breaker: CircuitBreaker
  /** The user holds it: it is never let go. */
  isAsked: boolean
  quietTurns: number
  /** The one error of the present opening: rejecting must cost next to nothing. */
  error: BusError | undefined
  forced: CircuitForcing | undefined
  /** An operator lets one call through. */
  isProbeDue: boolean
}

/** What the service, not the call or the load, is to blame for. */
const SICKNESS: ReadonlySet<string> = new Set([
  'deadline_exceeded',
  'responder_lost',
  'handler_failed',
  'reply_lost',
  'expired',
])

const CLOSED: CircuitReport = { state: 'closed' }
const STATES = ['closed', 'open', 'half-open'] as const

const stateOf = ({ opened, halfOpen }: CircuitBreaker): CircuitReport['state'] =>
  opened ? 'open' : halfOpen ? 'half-open' : 'closed'

const isSick = (error: unknown): boolean => BusError.is(error) && SICKNESS.has(error.code)

/**
 * The circuits of a client, one per topic, around the whole call: opossum's, so that users and
 * operators see and force what they know.
 *
 * A circuit appears with a topic's first failure, or when asked for. While it is closed the calls
 * run beside it and it is told how they ended; `fire` itself is used for failures, and for the
 * trials of a half-open circuit, where it decides. That keeps half a microsecond and a second
 * promise off every call that succeeds.
 */
export class Circuits {
  readonly #entries = new Map<string, Entry>()
  readonly #rotation = new EventEmitter()
  readonly #advise: (advisory: Advisory) => void
  readonly #runtime: Runtime
  #timer: Timer | undefined

  constructor(runtime: Runtime, advise: (advisory: Advisory) => void) {
    this.#runtime = runtime
    this.#advise = advise
    this.#rotation.setMaxListeners(0)
  }

  get size(): number {
    return this.#entries.size
  }

  /** The circuit of a topic, for the user. */
  ask(topic: string): CircuitBreaker {
    const entry = this.#entry(topic)
    entry.isAsked = true
    return entry.breaker
  }

  /**
   * An operator decides: `probe` lets one call through, `auto` takes an earlier word back. `under`: other
   * words about it, which hold when this one does not. Returns how many circuits that meant.
   */
  force(
    topic: string,
    { to, reason, forMs }: Required<Pick<ForceOptions, ForceField>>,
    under?: CircuitForcing,
  ): number {
    const isState = to === 'open' || to === 'closed'
    if (!isState && !this.#entries.has(topic)) return 0
    const entry = this.#entry(topic)
    const before = this.#forced(entry)
    entry.error = undefined
    entry.isProbeDue = to === 'probe'
    entry.forced = isState ? { to, until: this.#runtime.now() + forMs, reason, under } : under
    if (to === 'closed') entry.breaker.close()
    const now = isState ? { to, reason } : this.#forced(entry)
    const isSame = now !== undefined && before?.to === now.to && before.reason === now.reason
    const told = to === 'probe' ? { to, reason } : (now ?? { to, reason })
    if (!isSame) this.#advise({ kind: 'circuit_forced', topic, to: told.to, reason: told.reason })
    return 1
  }

  /** The circuit of a topic as people see it. */
  reportOf(topic: string): CircuitReport {
    const entry = this.#entries.get(topic)
    return entry === undefined ? CLOSED : this.#reportOf(entry)
  }

  /** A number that is another one when the report of the circuit would say something else. */
  fingerprint(topic: string): number {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return 0
    const forced = this.#forced(entry)
    return (
      STATES.indexOf(stateOf(entry.breaker)) + 1 + (forced === undefined ? 0 : forced.until * 8)
    )
  }

  /** All there are. */
  get views(): CircuitView[] {
    return [...this.#entries].map(([topic, entry]) => {
      const { successes, failures, rejects } = entry.breaker.stats
      return { topic, ...this.#reportOf(entry), counts: { successes, failures, rejects } }
    })
  }

  /** The call that an operator let through has succeeded. */
  restore(topic: string): void {
    this.#entries.get(topic)?.breaker.close()
  }

  /** How a call goes: freely, as an operator's probe, not at all (an error), or as the circuit decides. */
  gate(topic: string): 'free' | 'probe' | BusError | CircuitBreaker {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return 'free'
    const { breaker } = entry
    if (entry.isProbeDue) {
      entry.isProbeDue = false
      return breaker.closed ? 'free' : 'probe'
    }
    const forced = this.#forced(entry)
    if (forced !== undefined) return forced.to === 'closed' ? 'free' : this.#rejection(topic, entry)
    if (!breaker.enabled || breaker.closed) return 'free'
    if (breaker.opened && !breaker.pendingClose) return this.#rejection(topic, entry)
    return breaker
  }

  /** A free call has succeeded. */
  succeed(topic: string): void {
    const entry = this.#entries.get(topic)
    if (entry === undefined || entry.breaker.opened) return
    entry.breaker.emit('fire')
    entry.breaker.emit('success')
  }

  /** A free call has failed. `before`: how many were answered lately, of which a new circuit knows. */
  fail(topic: string, error: unknown, before: () => number): void {
    if (!this.#entries.has(topic)) {
      if (!isSick(error)) return
      this.#entry(topic, before())
    }
    const { breaker } = this.#entry(topic)
    if (!breaker.opened && this.#forced(this.#entries.get(topic)!) === undefined)
      breaker.fire(() => Promise.reject(error)).catch(() => {})
  }

  /** The rejection that `fire` means when it does not let a trial pass; undefined: the trial failed. */
  rejectionIn(topic: string, error: unknown): BusError | undefined {
    if ((error as { code?: unknown } | null)?.code !== 'EOPENBREAKER') return undefined
    const entry = this.#entries.get(topic)
    return entry === undefined ? openError(topic) : this.#rejection(topic, entry)
  }

  close(): void {
    this.#runtime.clearTimer(this.#timer)
    for (const { breaker } of this.#entries.values()) breaker.shutdown()
    this.#entries.clear()
  }

  #entry(topic: string, successes = 0): Entry {
    const known = this.#entries.get(topic)
    if (known !== undefined) return known
    const breaker = new CircuitBreaker((thunk: Thunk) => thunk(), {
      ...SETTINGS,
      name: topic,
      timeout: false,
      errorFilter: (error: unknown) => !isSick(error),
      status: CircuitBreaker.newStatus({
        ...SETTINGS,
        rollingPercentilesEnabled: false,
        rotateBucketController: this.#rotation,
        stats: { fires: successes, successes },
      } as unknown as CircuitBreaker.StatusOptions),
    } as CircuitBreaker.Options)
    this.#runtime.adopt?.(breaker)
    const entry: Entry = {
      breaker,
      isAsked: false,
      quietTurns: 0,
      error: undefined,
      forced: undefined,
      isProbeDue: false,
    }
    const tell = (state: 'open' | 'half-open' | 'closed'): void =>
      this.#advise({ kind: 'circuit', topic, state })
    breaker.on('open', () => {
      entry.error = undefined
      tell('open')
    })
    breaker.on('halfOpen', () => tell('half-open'))
    breaker.on('close', () => tell('closed'))
    this.#entries.set(topic, entry)
    this.#timer ??= this.#runtime.setTicker(this.#rotate, ROTATE_MS)
    return entry
  }

  #reportOf(entry: Entry): CircuitReport {
    const forced = this.#forced(entry)
    if (forced === undefined) return { state: stateOf(entry.breaker) }
    const { to, reason, until } = forced
    const leftMs = Math.max(0, until - this.#runtime.now())
    return { state: to, forced: { to, reason, leftMs } }
  }

  #rejection(topic: string, entry: Entry): BusError {
    entry.breaker.emit('reject')
    entry.error ??= openError(topic, this.#forced(entry), this.#runtime.now())
    return entry.error
  }

  /** An operator's word, while it holds. */
  #forced(entry: Entry): Entry['forced'] {
    while (entry.forced !== undefined && entry.forced.until <= this.#runtime.now()) {
      entry.forced = entry.forced.under
      entry.error = undefined
    }
    return entry.forced
  }

  readonly #rotate = (): void => {
    this.#rotation.emit('rotate')
    for (const [topic, entry] of this.#entries) {
      const { breaker } = entry
      const isForced = this.#forced(entry) !== undefined
      const isQuiet = breaker.closed && !isForced && breaker.stats.failures === 0
      entry.quietTurns = isQuiet ? entry.quietTurns + 1 : 0
      if (entry.isAsked || entry.quietTurns < QUIET_TURNS) continue
      breaker.shutdown()
      this.#entries.delete(topic)
    }
  }
}

const openError = (topic: string, forced?: Entry['forced'], now = 0): BusError => {
  const details = { stage: 'requester', topic, attempts: 0 }
  if (forced === undefined) {
    const retryAfterMs = SETTINGS.resetTimeout
    return new BusError('circuit_open', `the circuit of ${topic} is open`, {
      retryAfterMs,
      details,
    })
  }
  const retryAfterMs = Math.max(1, Math.ceil(forced.until - now))
  const message = `the circuit of ${topic} was opened by an operator: ${forced.reason}`
  return new BusError('circuit_open', message, { retryAfterMs, details })
}
