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

const STRENGTH: readonly unknown[] = ['file', 'environment', 'option']

/** Brokers or registries: of the two the one that was said with more force. */
const targetOf = ({ url, registry, from }: Settings): string[] | { registry: string[] } => {
  if (registry === undefined) return url ?? [DEFAULT_URL]
  if (url === undefined) return { registry }
  if (from?.url === from?.registry) {
    throw new UsageError(
      'url and registry are both given; give --url for brokers, or --registry for those who know them',
    )
  }
  return STRENGTH.indexOf(from?.url) > STRENGTH.indexOf(from?.registry) ? url : { registry }
}

/** The brokers there are: those named, or those that the registry knows. */
export const brokersOf = async (settings: Settings): Promise<string[]> => {
  const target = targetOf(settings)
  if (Array.isArray(target)) return target
  const bus = await connectBus(settings)
  try {
    return bus.snapshot().links.map(({ url }) => url)
  } finally {
    await bus.close()
  }
}

/** Connects as the settings say. Whoever calls it closes the bus. */
export const connectBus = (settings: Settings, options: ConnectOptions = {}): Promise<Bus> =>
  connect(targetOf(settings), {
    name: `finbus-${process.pid}`,
    ...defined({
      name: settings.name,
      group: settings.group,
      label: settings.label,
      idc: settings.idc,
      token: tokenOf(settings),
      tls: tlsOf(settings),
      connectTimeoutMs: settings.connectTimeout,
    }),
    ...options,
  })

export const tokenOf = (settings: Settings): string | undefined => {
  if (settings.token !== undefined || settings.tokenFile === undefined) return settings.token
  const token = readTextFile(settings.tokenFile, 'token').trim()
  if (token === '') throw new UsageError(`token file ${settings.tokenFile} is empty`)
  return token
}

export const tlsOf = ({ tlsCa, tlsCert, tlsKey }: Settings): TlsOptions | undefined => {
  const identity = readIdentity(tlsCert, tlsKey)
  const ca = readAuthority(tlsCa)
  if (identity === undefined && ca === undefined) return undefined
  return { ...identity, ...defined({ ca }) }
}
