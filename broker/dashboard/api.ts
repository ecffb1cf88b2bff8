/** The admin API that the page came from: paths in, JSON out, refusals as `ApiFailure`. */
import type { AdminError } from '../admin/api.ts'
import { cleanJson } from './state/clean-text.ts'

/** A refusal, with what the API said; `status` 0 if it did not answer at all. */
export class ApiFailure extends Error {
  readonly status: number
  readonly code: string
  readonly details: Record<string, unknown>

  constructor(status: number, code: string, message: string, details = {}) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

const ANSWER_MS = 5_000
const TOKEN = 'finbus-token'
const OPERATOR = 'finbus-operator'

/** Gone when the tab is closed; never in local storage. */
export const keepToken = (token: string): void => sessionStorage.setItem(TOKEN, token)
export const hasToken = (): boolean => sessionStorage.getItem(TOKEN) !== null
/** Who is named in the audit when there are no tokens. */
export const operatorName = (): string => localStorage.getItem(OPERATOR) ?? ''
export const keepOperatorName = (name: string): void => localStorage.setItem(OPERATOR, name)

export const adminUrl = (): string => location.origin

const headersOf = (more: Record<string, string>): Record<string, string> => {
  const token = sessionStorage.getItem(TOKEN)
  return token === null ? more : { ...more, authorization: `Bearer ${token}` }
}

const ask = async (path: string, init: RequestInit): Promise<Response> => {
  let response: Response
  try {
    response = await fetch(new URL(path, document.baseURI), { cache: 'no-store', ...init })
  } catch (error) {
    if (init.signal?.aborted === true && !isTimeout(error)) throw error
    const why = isTimeout(error) ? `no answer within ${ANSWER_MS / 1_000} s` : 'no connection'
    throw new ApiFailure(0, 'unreachable', why)
  }
  if (!response.ok) throw await failureOf(response)
  return response
}

const isTimeout = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'TimeoutError'

const failureOf = async (response: Response): Promise<ApiFailure> => {
  const { status } = response
  try {
    const { error } = (await response.json()) as AdminError
    return new ApiFailure(status, error.code, error.message, error.details)
  } catch {
    return new ApiFailure(status, `http_${status}`, `the admin API answered ${status}`)
  }
}

const jsonOf = async <T>(response: Promise<Response>): Promise<T> => {
  const answer = await response
  try {
    return JSON.parse(cleanJson(await answer.text())) as T
  } catch (error) {
    const why = isTimeout(error) ? 'its answer broke off' : 'its answer is no JSON'
    throw new ApiFailure(isTimeout(error) ? 0 : answer.status, 'unreadable', why)
  }
}

export const read = <T>(path: string): Promise<T> =>
  jsonOf<T>(ask(path, { headers: headersOf({}), signal: AbortSignal.timeout(ANSWER_MS) }))

/** Actions wait for brokers and clients, so they may take `withinMs`. */
export const act = <T>(
  method: 'POST' | 'PATCH',
  path: string,
  body: unknown,
  withinMs = 30_000,
): Promise<T> => {
  const name = operatorName()
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (name !== '' && !hasToken()) headers['x-finbus-operator'] = name
  return jsonOf<T>(
    ask(path, {
      ...{ method, body: JSON.stringify(body), headers: headersOf(headers) },
      signal: AbortSignal.timeout(withinMs),
    }),
  )
}

/** Text of a stream, piece by piece, until it ends, breaks or is aborted. */
export async function* stream(
  path: string,
  lastEventId: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const more: Record<string, string> = { accept: 'text/event-stream' }
  if (lastEventId !== '') more['last-event-id'] = lastEventId
  const { body } = await ask(path, { headers: headersOf(more), signal })
  if (body === null) return
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
