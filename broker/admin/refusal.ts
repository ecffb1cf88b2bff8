/** Why the admin API does not do what it was asked: a status, a code for programs, a sentence. */
const STATUS = {
  invalid_argument: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  internal: 500,
  not_there: 501,
  unavailable: 503,
} as const

export type RefusalCode = keyof typeof STATUS

export class AdminRefusal extends Error {
  readonly code: RefusalCode
  readonly status: (typeof STATUS)[RefusalCode]
  readonly details: Record<string, unknown> | undefined

  constructor(code: RefusalCode, message: string, details?: Record<string, unknown>) {
    super(message)
    this.code = code
    this.status = STATUS[code]
    this.details = details
  }
}
