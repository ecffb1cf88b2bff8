import { BusError, invalid, isBusErrorCode } from '../bus/errors.ts'
import { ACCEPT, type MemoryHost, memoryHost } from '../bus/io/link-memory.ts'
import { nodeRuntime } from '../bus/io/runtime.ts'
import type { AnyContracts, Bus, ConnectOptions } from './api.ts'
import { Client, type Targets } from './client.ts'
import { checkConnect, checkRegistries, checkUrl } from './options.ts'

/**
 * Where to connect to: one url, several, a broker of this process, or the registries that know the
 * brokers.
 */
export type ConnectTarget =
  | string
  | readonly string[]
  | { readonly url: string }
  | { readonly registry: string | readonly string[] }

/** Refusals that no further try can change; `not_connected` is told for a bad certificate only. */
const FINAL: ReadonlySet<string> = new Set([
  'unauthenticated',
  'incompatible_version',
  'invalid_argument',
  'not_connected',
])

/**
 * Joins the bus. Resolves when one broker has accepted; from then on the bus reconnects for ever.
 * Rejects with `not_connected` after `connectTimeoutMs`, or at once with `unauthenticated` or
 * `incompatible_version` when every broker, or every registry, has refused.
 */
export const connect = async <C = AnyContracts>(
  target: ConnectTarget,
  options: ConnectOptions = {},
): Promise<Bus<C>> => {
  const checked = checkConnect(options)
  const client = new Client(targetsOf(target), checked, nodeRuntime)
  await join(client, checked.connectTimeoutMs)
  return client as unknown as Bus<C>
}

/** Starts a client and waits for its first link; without one it is closed. */
export const join = async (client: Client, timeoutMs: number): Promise<void> => {
  try {
    await firstLink(client, timeoutMs)
  } catch (error) {
    await client.close({ timeoutMs: 0 })
    throw error
  }
}

const firstLink = (client: Client, timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const { follower, runtime } = client
    const refusing = new Set<unknown>()
    const end = (error: BusError | undefined): void => {
      runtime.clearTimer(timer)
      client.onLink = () => {}
      if (follower !== undefined) follower.onRefused = () => {}
      if (error === undefined) resolve()
      else reject(error)
    }
    const timer = runtime.setTimer(() => end(noBroker(client, timeoutMs)), timeoutMs)
    client.onLink = (error, link) => {
      if (error === undefined) end(undefined)
      else if (FINAL.has(error.code)) {
        refusing.add(link)
        if (refusing.size >= client.brokers) end(error)
      }
    }
    if (follower !== undefined) {
      follower.onRefused = ({ url, code, message }) => {
        if (client.brokers === 0) end(refusedBy(url, code, message))
      }
    }
    client.start()
  })

const refusedBy = (url: string, code: string, message: string): BusError =>
  new BusError(
    isBusErrorCode(code) ? code : 'not_connected',
    `registry ${url} refused this client: ${message}`,
    { details: { stage: 'registry' } },
  )

/** Names the step that failed: no registry, no broker in it, or none of those that answers. */
const noBroker = (client: Client, timeoutMs: number): BusError => {
  const details = { stage: 'requester', limit: timeoutMs }
  const registries = client.follower?.snapshot() ?? []
  if (registries.length > 0 && client.brokers === 0) {
    const empty = registries.find(({ state }) => state === 'known')
    const silent = registries
      .map(({ url, reason }) => `${url}: ${reason || 'no answer yet'}`)
      .join('; ')
    const message =
      empty === undefined
        ? `no registry answered within ${timeoutMs} ms (${silent})`
        : `registry ${empty.url} knows no broker, nor did one come within ${timeoutMs} ms`
    return new BusError('not_connected', message, { details })
  }
  const why = client.goneReason === '' ? 'no broker answered' : client.goneReason
  return new BusError('not_connected', `no broker accepted within ${timeoutMs} ms (${why})`, {
    details,
  })
}

const targetsOf = (target: ConnectTarget): Targets => {
  if (typeof target === 'string') return { brokers: [checkUrl(target)], registries: [] }
  if (Array.isArray(target)) {
    if (target.length === 0) throw invalid('broker urls', 'must be at least one')
    return { brokers: [...new Set(target.map(checkUrl))], registries: [] }
  }
  if (typeof target === 'object' && target !== null) {
    if (ACCEPT in target) return { brokers: [memoryHost(target as MemoryHost)], registries: [] }
    if ('registry' in target) return { brokers: [], registries: checkRegistries(target.registry) }
  }
  const kinds = 'a url, a list of urls, a broker or { registry }'
  throw invalid('connect target', `must be ${kinds}`, target)
}
