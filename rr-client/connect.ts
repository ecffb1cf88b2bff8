import { BusError, invalid } from '../bus/errors.ts'
import { ACCEPT, type MemoryHost } from '../bus/io/link-memory.ts'
import type { AnyContracts, Bus, ConnectOptions } from './api.ts'
import { Client } from './client.ts'
import { checkConnect, checkUrl, notYet } from './options.ts'

/** Where to connect to: one url, several, or a broker of this process. */
export type ConnectTarget = string | readonly string[] | { readonly url: string }

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
 * `incompatible_version` when every broker has refused.
 */
export const connect = async <C = AnyContracts>(
  target: ConnectTarget,
  options: ConnectOptions = {},
): Promise<Bus<C>> => {
  const checked = checkConnect(options)
  const targets = targetsOf(target)
  const client = new Client(targets, checked)
  try {
    await firstLink(client, targets.length, checked.connectTimeoutMs)
  } catch (error) {
    await client.close({ timeoutMs: 0 })
    throw error
  }
  return client as unknown as Bus<C>
}

const firstLink = (client: Client, brokers: number, timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const refusing = new Set<unknown>()
    const end = (error: BusError | undefined): void => {
      clearTimeout(timer)
      client.onLink = () => {}
      if (error === undefined) resolve()
      else reject(error)
    }
    const timer = setTimeout(() => end(noBroker(client.goneReason, timeoutMs)), timeoutMs)
    client.onLink = (error, link) => {
      if (error === undefined) end(undefined)
      else if (FINAL.has(error.code)) {
        refusing.add(link)
        if (refusing.size >= brokers) end(error)
      }
    }
    client.start()
  })

const noBroker = (reason: string, timeoutMs: number): BusError => {
  const why = reason === '' ? 'no broker answered' : reason
  return new BusError('not_connected', `no broker accepted within ${timeoutMs} ms (${why})`, {
    details: { stage: 'requester', limit: timeoutMs },
  })
}

const targetsOf = (target: ConnectTarget): (string | MemoryHost)[] => {
  if (typeof target === 'string') return [checkUrl(target)]
  if (Array.isArray(target)) {
    if (target.length === 0) throw invalid('broker urls', 'must be at least one')
    return [...new Set(target.map(checkUrl))]
  }
  if (typeof target === 'object' && target !== null) {
    if (ACCEPT in target) return [target as MemoryHost]
    if ('registry' in target) throw notYet('a registry')
  }
  throw invalid('connect target', 'must be a url, a list of urls or a broker', target)
}
