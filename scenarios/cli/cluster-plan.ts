/** Which processes `finbus start` runs when it runs several, and where each of them listens. */
import { didYouMean } from '../../bus/index.ts'
import { defaultAdminOf } from './admin-address.ts'
import { DEFAULT_IDC, DEFAULT_URL } from './defaults.ts'
import { UsageError } from './failure.ts'
import type { Settings } from './settings.ts'

export interface BrokerPlan {
  id: string
  idc: string
  listen: string
  /** Where registries should say it is; where it listens unless there are some. */
  advertise: readonly string[]
  /** Where its admin API listens; undefined for nowhere. */
  admin: string | undefined
}

export interface Plan {
  brokers: readonly BrokerPlan[]
  /** Where its own registry listens, if it has one. */
  registry?: string
}

const CLUSTERS = ['demo']
const DEMO_IDCS = ['sz', 'sh']
const DEMO_BROKERS = 2
/** From the first port of the cluster. */
const NEXT_IDC = 10
const REGISTRY = 70

/** Undefined when one broker is wanted, which needs no process of its own. */
export const planOf = (settings: Settings): Plan | undefined => {
  if (settings.cluster !== undefined) return demo(settings, settings.cluster)
  const { brokers: count, idc = DEFAULT_IDC, listen = DEFAULT_URL, advertise = [] } = settings
  if (count === undefined) return undefined
  const name = settings.id ?? idc
  const brokers = Array.from({ length: count }, (_, i) => ({
    id: `${name}-${i + 1}`,
    idc,
    listen: listenAt(listen, i),
    advertise: advertise.map((url) => shifted('--advertise', url, i)),
    admin: adminAt(settings, i),
  }))
  return { brokers }
}

const demo = (settings: Settings, name: string): Plan => {
  if (!CLUSTERS.includes(name)) {
    const hint = didYouMean(name, CLUSTERS)
    throw new UsageError(`--cluster must be ${CLUSTERS.join(', ')}; got "${name}"${hint}`)
  }
  checkDemo(settings)
  const { listen = DEFAULT_URL } = settings
  if (listen.startsWith('unix:')) {
    throw new UsageError(`--cluster needs ports: --listen ws://host:port; got "${listen}"`)
  }
  const brokers = DEMO_IDCS.flatMap((idc, place) =>
    Array.from({ length: DEMO_BROKERS }, (_, i) => ({
      id: `${idc}-${i + 1}`,
      idc,
      listen: listenAt(listen, place * NEXT_IDC + i),
      advertise: [],
      admin: adminAt(settings, place * NEXT_IDC + i),
    })),
  )
  return { brokers, registry: listenAt(listen, REGISTRY).replace(/^ws/, 'http') }
}

const ITS_OWN: readonly [keyof Settings & string, string][] = [
  ['idc', `its IDCs are ${DEMO_IDCS.join(' and ')}`],
  ['id', `its brokers are named after their IDCs, ${DEMO_IDCS[0]}-1 and so on`],
  ['brokers', `it has ${DEMO_BROKERS} in each IDC`],
  ['registry', 'it runs one of its own'],
  ['advertise', 'its brokers are on this machine, each at its own address'],
]
const STRENGTH: readonly unknown[] = ['file', 'environment', 'option']

/** Whoever asks for the demo asks for its shape; what was set with less force gives way. */
const checkDemo = (settings: Settings): void => {
  const { from = {} } = settings
  for (const [key, why] of ITS_OWN) {
    const isWeaker = STRENGTH.indexOf(from[key]) < STRENGTH.indexOf(from.cluster)
    if (settings[key] === undefined || isWeaker) continue
    throw new UsageError(`--cluster demo does not go with --${key}: ${why}`)
  }
  const { tokens, tokenFile, token } = settings
  if (tokens !== undefined && tokenFile === undefined && token === undefined) {
    throw new UsageError(
      '--cluster demo with --tokens needs --token-file or FINBUS_TOKEN: brokers show a token to its registry',
    )
  }
}

/** An address like the first one, so many ports on. Port 0 stays: each gets a free one. */
const shifted = (option: string, url: string, by: number, standard?: string): string => {
  if (url.startsWith('unix:')) return `${url}-${by + 1}`
  const match = /^((?:wss?|https?):\/\/(?:\[[^\]]+\]|[^/:]+))(?::(\d{1,5}))?\/?$/.exec(url)
  const [, front, port = standard] = match ?? []
  if (front === undefined || port === undefined) {
    const rule =
      option === '--admin'
        ? 'http://host:port or https://host:port, or off'
        : 'ws://host:port, wss://host:port or unix:/path'
    throw new UsageError(`${option} must be ${rule}; got "${url}"`)
  }
  if (Number(port) === 0) return `${front}:0`
  if (Number(port) + by > 65_535) {
    throw new UsageError(`${option} ${url} leaves no room for a port ${by} after it`)
  }
  return `${front}:${Number(port) + by}`
}

const adminAt = (settings: Settings, by: number): string | undefined => {
  const { admin = defaultAdminOf(settings) } = settings
  return admin === 'off' ? undefined : shifted('--admin', admin, by)
}

const listenAt = (listen: string, by: number): string => shifted('--listen', listen, by, '7400')
