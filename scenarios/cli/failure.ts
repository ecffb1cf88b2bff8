/** What went wrong, in words for people or JSON for programs, and the exit code that goes with it. */

import type { BusErrorCode, ErrorDetails, Outcome } from '../../bus/index.ts'
import { BusError, ERROR_TABLE, oneLine, ServiceError } from '../../bus/index.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
/** As shells say that Ctrl-C ended a command. */
export const EXIT_INTERRUPTED = 130

/** The command itself was wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

interface FailureOptions extends ErrorOptions {
  /** What to do about it, in a line of its own. */
  remedy?: string | undefined
  /** What programs are told besides, such as a code. */
  facts?: Readonly<Record<string, unknown>>
}

/** Something known, in one sentence, that is no error of a call: exit code 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly remedy: string | undefined
  readonly facts: Readonly<Record<string, unknown>>

  constructor(message: string, { remedy, facts = {}, ...options }: FailureOptions = {}) {
    super(message, options)
    this.remedy = remedy
    this.facts = facts
  }

  toJSON(): object {
    const { name, message, remedy, facts } = this
    return { name, ...facts, message, ...(remedy === undefined ? {} : { remedy }) }
  }
}

/** Does a command's work; whatever it throws becomes words and an exit code. */
export const runCommand = async (
  isJson: boolean | undefined,
  work: () => Promise<void>,
): Promise<void> => {
  try {
    await work()
  } catch (error) {
    process.exitCode = report(error, isJson === true)
  }
}

/** Tells an error: to people on stderr; to programs as one JSON object on stdout. */
export const report = (error: unknown, isJson: boolean): number => {
  if (error instanceof UsageError) {
    process.stderr.write(`error: ${printable(error.message)}\n`)
    return EXIT_USAGE
  }
  if (isJson) process.stdout.write(`${JSON.stringify({ ok: false, error: toJson(error) })}\n`)
  else process.stderr.write(`${inWords(error)}\n`)
  if (isDefect(error) && process.env.FINBUS_DEBUG === '1') {
    process.stderr.write(`${(error as Error).stack}\n`)
  }
  return EXIT_FAILED
}

/** Starts something; what keeps it from starting is said in one sentence. */
export const didStart = async <T>(what: string, start: () => Promise<T>): Promise<T> => {
  try {
    return await start()
  } catch (error) {
    if (BusError.is(error) || isSystemError(error)) {
      throw new Failure(`the ${what} did not start: ${messageOf(error)}`, { cause: error })
    }
    throw error
  }
}

const isSystemError = (error: unknown): boolean =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'

const isDefect = (error: unknown): boolean =>
  !(BusError.is(error) || ServiceError.is(error) || error instanceof Failure)

const toJson = (error: unknown): unknown => {
  if (BusError.is(error) || ServiceError.is(error)) return error.toJSON()
  if (error instanceof Failure) return error.toJSON()
  return { name: 'Defect', code: 'internal', message: messageOf(error) }
}

const inWords = (error: unknown): string => {
  if (BusError.is(error)) return busErrorInWords(error)
  if (ServiceError.is(error)) return serviceErrorInWords(error)
  if (error instanceof Failure) return failureInWords(error)
  return `internal: ${printable(messageOf(error))}`
}

const failureInWords = ({ message, remedy }: Failure): string =>
  [
    `error: ${printable(message)}`,
    ...(remedy === undefined ? [] : [`  ${printable(remedy)}`]),
  ].join('\n')

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  not_executed: 'the work was not done',
  unknown: 'the work may have been done',
  executed: 'the work was done, as far as the handler came',
}

/** What to type, where the table's remedy speaks of the library. */
const HERE: Partial<Record<BusErrorCode, string>> = {
  no_responder: 'Here: --wait; `finbus topics` lists what is answered.',
  not_connected: 'Here: `finbus start` runs a broker; --url or FINBUS_URL says where it is.',
  unauthenticated: 'Here: --token-file or FINBUS_TOKEN_FILE.',
  expired: 'Here: --timeout.',
  deadline_exceeded: 'Here: --timeout gives it longer, --idempotent lets the bus repeat it.',
}

const busErrorInWords = (error: BusError): string => {
  const lines = [
    `error: ${error.code}: ${printable(error.message)}`,
    `  ${OUTCOME_WORDS[error.outcome]}${mayStartWords(error.details)}`,
    `  ${ERROR_TABLE[error.code]?.remedy ?? 'Look at what the broker logs.'}`,
  ]
  const here = HERE[error.code]
  if (here !== undefined) lines.push(`  ${here}`)
  if (error.retryAfterMs !== undefined) lines.push(`  retry after ${error.retryAfterMs} ms`)
  return [...lines, ...detailLines(error.details)].join('\n')
}

const mayStartWords = ({ mayStartForMs }: ErrorDetails): string =>
  mayStartForMs === undefined ? '' : `; it may still start for ${mayStartForMs} ms`

const serviceErrorInWords = (error: ServiceError): string =>
  [
    `error: ${printable(error.code)}: ${printable(error.message)}`,
    "  the service's own answer: its handler ran and said no",
    ...detailLines(error.details),
  ].join('\n')

const detailLines = (details: Record<string, unknown>): string[] =>
  Object.keys(details).length === 0 ? [] : [`  details: ${printable(JSON.stringify(details))}`]

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Text from elsewhere on one line, unable to steer a terminal or to look like other lines. */
export const printable = (text: string): string => oneLine(text).trim()
