/** Where admin APIs listen: free ports where none is said, and one sentence where one is taken. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { DEFAULT_ADMIN, DEFAULT_URL } from './defaults.ts'
import { Failure } from './failure.ts'

/** What decides where it listens unless told otherwise. */
interface Beside {
  listen?: string | undefined
  tlsCert?: string | undefined
}

/** Beside a broker that takes any port, at any port, too; with a certificate by that. */
export const defaultAdminOf = ({ listen = DEFAULT_URL, tlsCert }: Beside): string => {
  const url = tlsCert === undefined ? DEFAULT_ADMIN : DEFAULT_ADMIN.replace('http:', 'https:')
  return /:0\/?$/.test(listen) ? url.replace(/\d+$/, '0') : url
}

/**
 * The same addresses, with a free port of each that has port 0: the others of a cluster must know it
 * before it listens. A Failure if one is taken.
 */
export const heldAddresses = async (urls: readonly string[]): Promise<string[]> => {
  const servers: Server[] = []
  try {
    const found: string[] = []
    // Each is held until all are found, so that no two get the same.
    for (const url of urls) {
      const server = await listeningAt(url)
      servers.push(server)
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const at = new URL(url)
      found.push(
        at.port === '0' ? `${at.protocol}//${at.hostname}:${port}` : url.replace(/\/$/, ''),
      )
    }
    return found
  } finally {
    await Promise.all(servers.map(closed))
  }
}

/** The address if nobody listens there, or another port of the same host. */
export const freeAddress = async (url: string): Promise<string> => {
  const [host] = url.split(/:\d+$/)
  const [found] = await heldAddresses([url]).catch(() => heldAddresses([`${host}:0`]))
  return found!
}

const listeningAt = async (url: string): Promise<Server> => {
  const { hostname, port, protocol } = new URL(url)
  const server = createServer()
  const host = hostname.replace(/^\[|\]$/g, '')
  server.listen(Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port), host)
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    throw new Failure(
      `the admin API cannot listen on ${url}: ${reasonOf(error)}; say where else: --admin http://host:port, or --admin off`,
      { cause: error, facts: { code: 'invalid_argument', admin: url } },
    )
  }
}

const reasonOf = (error: unknown): string => {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'the address is taken (is another broker running there?)'
  if (code === 'EACCES') return 'this user may not listen there'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address'
  return message
}

const closed = async (server: Server): Promise<void> => {
  server.close()
  await once(server, 'close')
}
