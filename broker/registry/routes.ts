import type { IncomingMessage } from 'node:http'
import { isBrokerId } from './announcement.ts'
import { Refused } from './http.ts'

/** What a request asks for. */
export type Route =
  | { kind: 'livez' }
  | { kind: 'announce' }
  | { kind: 'withdraw'; id: string; life: number; mayReturn: boolean }
  | { kind: 'list'; seen: string; waitMs: number }

/** Longest wait for a change. */
const MAX_WAIT_MS = 30_000
const PATHS = 'GET and POST /v1/brokers, DELETE /v1/brokers/ID?life=N, GET /livez'

/** Throws a Refused that says what would be right. */
export const routeOf = ({ url = '/', method = '', headers }: IncomingMessage): Route => {
  // A page in somebody's browser must not announce brokers to a registry on that machine.
  if (headers.origin !== undefined) {
    throw new Refused(403, 'forbidden', 'browsers are not served here')
  }
  const [path = '', query = ''] = url.split('?', 2)
  const given = new URLSearchParams(query)
  if (path === '/livez') {
    checkMethod(path, method, ['GET'])
    return { kind: 'livez' }
  }
  if (path === '/v1/brokers') {
    checkMethod(path, method, ['GET', 'POST'])
    return method === 'POST' ? { kind: 'announce' } : listOf(given)
  }
  const id = /^\/v1\/brokers\/([^/]+)$/.exec(path)?.[1]
  if (id === undefined) throw new Refused(404, 'not_found', `nothing is here; there is ${PATHS}`)
  checkMethod('/v1/brokers/ID', method, ['DELETE'])
  // No character of an id needs to be written otherwise in a path.
  if (!isBrokerId(id)) throw wrong(`the ID in the path must be a broker's id; got ${shown(id)}`)
  const life = wholeOf(given, 'life', 1, Number.MAX_SAFE_INTEGER)
  return { kind: 'withdraw', id, life, mayReturn: given.get('mayReturn') === 'true' }
}

const listOf = (given: URLSearchParams): Route => {
  const seen = given.get('seen') ?? ''
  if (seen !== '' && !/^[\w-]{1,64}\.\d{1,16}$/.test(seen)) {
    throw wrong(`seen must be COPY.VERSION of an answer; got ${shown(seen)}`)
  }
  const waitMs = given.has('waitMs') ? wholeOf(given, 'waitMs', 0, MAX_WAIT_MS) : 0
  return { kind: 'list', seen, waitMs }
}

const wholeOf = (given: URLSearchParams, name: string, least: number, most: number): number => {
  const text = given.get(name) ?? ''
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw wrong(`${name} must be a whole number from ${least} to ${most}; got ${shown(text)}`)
}

const checkMethod = (path: string, method: string, allowed: readonly string[]): void => {
  if (allowed.includes(method)) return
  const message = `${path} takes ${allowed.join(' or ')}; got ${method}`
  throw new Refused(405, 'method_not_allowed', message, { allow: allowed.join(', ') })
}

const wrong = (message: string): Refused => new Refused(400, 'invalid_argument', message)

const shown = (text: string): string => JSON.stringify(text.slice(0, 80))
