/**
 * The closed error table, and the two error classes that a caller can meet.
 *
 * Every failure says whether the work was done: `outcome`. The table gives the default for a code,
 * the error itself the fact.
 */

/** What is known about the execution of a call that failed. */
export type Outcome = 'not_executed' | 'unknown' | 'executed'

export interface ErrorMeaning {
  readonly outcome: Outcome
  /** Whether sending the same call again can help. Safe only if not executed, or idempotent. */
  readonly retryable: boolean
  readonly meaning: string
  readonly remedy: string
}

/** Every code of the bus. Lower case; services' own codes are upper case, so none can be forged. */
export const ERROR_TABLE = {
  no_responder: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'No instance answers this topic on any broker of the home IDC.',
    remedy: 'Start the service, or wait for it with `waitForResponder: true`.',
  },
  overloaded: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'A queue, the broker or a link is full, or the wait would outlast the deadline.',
    remedy: 'Retry after `retryAfterMs`; add responders or raise their concurrency.',
  },
  circuit_open: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'The circuit of this topic is open after too many failures.',
    remedy: 'Retry after `retryAfterMs`; look at `bus.circuit(topic)` and at the service.',
  },
  expired: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'The deadline passed before any handler started.',
    remedy: 'Give the call more time, or the service more responders.',
  },
  not_connected: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'No broker is linked, or the bus is closed.',
    remedy: 'Check the address and the broker; a connected bus reconnects by itself.',
  },
  draining: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'The bus, or the responder asked, is closing and takes no new work.',
    remedy: 'Send the call through another instance.',
  },
  too_large: {
    outcome: 'not_executed',
    retryable: false,
    meaning: 'The encoded body or the headers exceed the limit.',
    remedy: 'Send less, or raise `maxBodyBytes` on the broker.',
  },
  invalid_argument: {
    outcome: 'not_executed',
    retryable: false,
    meaning: 'An option, name or body is not what it must be; the message names the place.',
    remedy: 'Correct the argument.',
  },
  forbidden: {
    outcome: 'not_executed',
    retryable: false,
    meaning: 'The token does not allow this topic, or another group answers it.',
    remedy: 'Use a token whose allow-list names the topic, or the group that owns it.',
  },
  unauthenticated: {
    outcome: 'not_executed',
    retryable: false,
    meaning: 'The broker does not know the token, or the session belongs to another client.',
    remedy: 'Give a valid `token`.',
  },
  too_many_inflight: {
    outcome: 'not_executed',
    retryable: true,
    meaning: 'This client has `maxInFlight` calls open already.',
    remedy: 'Await some of them, or raise `maxInFlight`.',
  },
  incompatible_version: {
    outcome: 'not_executed',
    retryable: false,
    meaning: 'Client and broker share no protocol version.',
    remedy: 'Upgrade the older side.',
  },
  deadline_exceeded: {
    outcome: 'unknown',
    retryable: true,
    meaning: 'No reply came within `timeoutMs`.',
    remedy: 'Wait `details.mayStartForMs`, then reconcile; repeat at once only if idempotent.',
  },
  cancelled: {
    outcome: 'unknown',
    retryable: false,
    meaning: 'The caller aborted the call, or `close()` gave it up.',
    remedy: 'Reconcile if the work matters.',
  },
  responder_lost: {
    outcome: 'unknown',
    retryable: true,
    meaning: 'The instance that had the call is gone from every broker.',
    remedy: 'Wait `details.mayStartForMs`, then reconcile; repeat at once only if idempotent.',
  },
  broker_lost: {
    outcome: 'unknown',
    retryable: true,
    meaning:
      'The link to the broker was lost with the call in flight and did not come back in time.',
    remedy: 'Wait `details.mayStartForMs`, then reconcile; repeat at once only if idempotent.',
  },
  internal: {
    outcome: 'unknown',
    retryable: false,
    meaning: 'A defect in the bus, or bytes from a peer that make no sense.',
    remedy: 'Report it with `toJSON()` of the error.',
  },
  handler_failed: {
    outcome: 'executed',
    retryable: false,
    meaning: 'The handler threw, or its reply is too large or cannot be encoded.',
    remedy: 'Look into the service; `details` says what it threw.',
  },
  reply_lost: {
    outcome: 'executed',
    retryable: false,
    meaning: 'The handler ran, but its reply was lost and is no longer kept.',
    remedy: 'Ask the service for the result.',
  },
} as const satisfies Record<string, ErrorMeaning>

export type BusErrorCode = keyof typeof ERROR_TABLE

export const isBusErrorCode = (code: string): code is BusErrorCode =>
  Object.hasOwn(ERROR_TABLE, code)

export interface ErrorDetails {
  /** The bound that was hit and its value at that moment. */
  limit?: number
  current?: number
  /** Where the call was stopped: `requester`, `link`, `broker`, `queue`, `responder`, `handler`. */
  stage?: string
  /** How many times the call was sent. */
  attempts?: number
  /** After so many milliseconds no copy of the call can start any more: reconciling is safe. */
  mayStartForMs?: number
  topic?: string
  correlationId?: string
  [key: string]: unknown
}

export interface BusErrorOptions {
  outcome?: Outcome
  retryable?: boolean
  retryAfterMs?: number
  details?: ErrorDetails
  cause?: unknown
}

const BUS_ERROR = Symbol.for('finbus.BusError')
const SERVICE_ERROR = Symbol.for('finbus.ServiceError')

const isBranded = (value: unknown, brand: symbol): boolean =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true

/** What the bus itself says about one call. `code` is closed (see `ERROR_TABLE`). */
export class BusError extends Error {
  readonly code: BusErrorCode
  readonly outcome: Outcome
  readonly retryable: boolean
  declare readonly retryAfterMs?: number
  readonly details: ErrorDetails

  constructor(code: BusErrorCode, message: string, options: BusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const meaning: ErrorMeaning = ERROR_TABLE[code]
    this.name = 'BusError'
    this.code = code
    this.outcome = options.outcome ?? meaning.outcome
    this.retryable = options.retryable ?? meaning.retryable
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    this.details = options.details ?? {}
    Object.defineProperty(this, BUS_ERROR, { value: true })
  }

  /** True for a BusError of any installed copy of finbus. */
  static is(value: unknown): value is BusError {
    return isBranded(value, BUS_ERROR)
  }

  toJSON(): Record<string, unknown> {
    const { code, outcome, retryable, retryAfterMs, message, details } = this
    const base = { name: this.name, code, outcome, retryable, message, details }
    return retryAfterMs === undefined ? base : { ...base, retryAfterMs }
  }
}

const SERVICE_CODE = /^[A-Z][A-Z0-9_]*$/
/** Longest service code, in characters. */
export const MAX_SERVICE_CODE = 64

export const isServiceCode = (code: unknown): code is string =>
  typeof code === 'string' && code.length <= MAX_SERVICE_CODE && SERVICE_CODE.test(code)

/**
 * A service's own answer "no": thrown by a handler, it reaches the caller as the same class with
 * the same code, message and details, and outcome `executed`.
 */
export class ServiceError extends Error {
  readonly code: string
  readonly outcome = 'executed' as const
  readonly retryable = false as const
  readonly details: Record<string, unknown>

  constructor(code: string, message = code, details: Record<string, unknown> = {}) {
    super(message)
    if (!isServiceCode(code)) {
      throw new BusError(
        'invalid_argument',
        `service error code must be capitals, digits and _ (at most ${MAX_SERVICE_CODE}), such as ` +
          `INSUFFICIENT_FUNDS; got ${JSON.stringify(code)}`,
      )
    }
    this.name = 'ServiceError'
    this.code = code
    this.details = details
    Object.defineProperty(this, SERVICE_ERROR, { value: true })
  }

  static is(value: unknown): value is ServiceError {
    return isBranded(value, SERVICE_ERROR)
  }

  toJSON(): Record<string, unknown> {
    const { code, outcome, retryable, message, details } = this
    return { name: this.name, code, outcome, retryable, message, details }
  }
}

/** The error for an argument that is wrong: what it is called, what was given, what would be right. */
export const invalid = (what: string, must: string, got?: unknown): BusError =>
  new BusError(
    'invalid_argument',
    got === undefined ? `${what} ${must}` : `${what} ${must}; got ${show(got)}`,
    { details: { stage: 'requester' } },
  )

const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  return typeof value === 'object' || typeof value === 'function'
    ? value === null
      ? 'null'
      : `a ${typeof value}`
    : String(value)
}
