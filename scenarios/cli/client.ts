/** What all commands that talk to a broker have in common: the way in. */
import { type Bus, type ConnectOptions, connect, type TlsOptions } from '../../rr-client/index.ts'
import { DEFAULT_URL } from './defaults.ts'
import { UsageError } from './failure.ts'
import { defined, readTextFile, type Settings } from './settings.ts'
import { readAuthority, readIdentity } from './tls.ts'

/** The common options that commands themselves look at. */
export interface ClientFlags {
  json?: boolean
  [key: string]: unknown
}

export const urlsOf = (settings: Settings): string[] => settings.url ?? [DEFAULT_URL]

/** Connects as the settings say. Whoever calls it closes the bus. */
export const connectBus = (settings: Settings, options: ConnectOptions = {}): Promise<Bus> =>
  connect(urlsOf(settings), {
    name: `finbus-${process.pid}`,
    ...defined({
      name: settings.name,
      group: settings.group,
      idc: settings.idc,
      token: tokenOf(settings),
      tls: tlsOf(settings),
      connectTimeoutMs: settings.connectTimeout,
    }),
    ...options,
  })

const tokenOf = (settings: Settings): string | undefined => {
  if (settings.token !== undefined || settings.tokenFile === undefined) return settings.token
  const token = readTextFile(settings.tokenFile, 'token').trim()
  if (token === '') throw new UsageError(`token file ${settings.tokenFile} is empty`)
  return token
}

const tlsOf = ({ tlsCa, tlsCert, tlsKey }: Settings): TlsOptions | undefined => {
  const identity = readIdentity(tlsCert, tlsKey)
  const ca = readAuthority(tlsCa)
  if (identity === undefined && ca === undefined) return undefined
  return { ...identity, ...defined({ ca }) }
}
