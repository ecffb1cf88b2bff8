/** `finbus start`: a broker, or several in processes of their own, until it is told to stop. */
import {
  type AdminOptions,
  type Broker,
  type BrokerOptions,
  type BrokerTls,
  startBroker,
} from '../../broker/index.ts'
import { defaultAdminOf, heldAddresses } from './admin-address.ts'
import { tlsOf as clientTlsOf, tokenOf } from './client.ts'
import { runCluster } from './cluster.ts'
import { planOf } from './cluster-plan.ts'
import { DEFAULT_URL } from './defaults.ts'
import { didStart, UsageError } from './failure.ts'
import { dashboardLines, nextSteps, reachable } from './hints.ts'
import { checkLoad, Load } from './load.ts'
import { terminalLog } from './log.ts'
import { defined, type Flags, readableFile, readSettings, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { readAuthority, readIdentity } from './tls.ts'
import { TryIt } from './try-it.ts'

export const start = async (flags: Flags): Promise<void> => {
  const settings = readSettings(flags)
  const isJson = flags.json === true
  const options: BrokerOptions = {
    listen: settings.listen ?? DEFAULT_URL,
    logger: terminalLog(settings.log ?? 'warn', isJson, defined({ id: settings.id })),
    ...defined({
      idc: settings.idc,
      id: settings.id,
      tokens: readableFile(settings.tokens, 'token'),
      rules: readableFile(settings.rules, 'rules'),
      tls: tlsOf(settings),
      advertise: settings.advertise,
      ...registryOf(settings),
      maxDepth: settings.maxDepth,
      maxDepthBytes: settings.maxDepthBytes,
      maxBodyBytes: settings.maxBodyBytes,
    }),
  }
  checkLoad(settings)
  const plan = planOf(settings)
  // What is wrong with an option has been said by now, once, and not by each process.
  if (plan !== undefined) return runCluster(plan, settings, isJson)
  const tryIt = tryItOf(settings)
  const admin = await adminFor(settings, tryIt)
  const broker = await didStart('broker', () => startBroker({ ...options, ...defined({ admin }) }))
  tryIt?.serve(broker)
  await withSignal(async (signalled) => {
    const load = loadOf(broker, settings, isJson)
    process.once('exit', () => load?.kill())
    try {
      const outcome = await Promise.race([signalled, load?.start().then(() => 'ready')])
      if (outcome !== undefined || load === undefined) {
        process.stdout.write(
          isJson ? readyJson(broker, admin?.listen) : readyText(broker, admin?.listen, settings),
        )
      }
      await signalled
    } finally {
      await load?.stop()
      await tryIt?.close()
      await broker.close()
    }
  })
}

const adminFor = async (
  settings: Settings,
  tryIt: TryIt | undefined,
): Promise<AdminOptions | undefined> => {
  const { admin = defaultAdminOf(settings), adminPeer: peers, tlsCa } = settings
  if (admin === 'off') return undefined
  const [listen] = await heldAddresses([admin])
  const peerTls = peers === undefined ? undefined : clientTlsOf({ tlsCa })
  return { listen: listen!, ...defined({ peers, peerTls, tryIt: tryIt?.call }) }
}

/** Where brokers ask for a token and none is known here, nobody can call. */
const tryItOf = (settings: Settings): TryIt | undefined => {
  const token = tokenOf(settings)
  if (settings.tokens !== undefined && token === undefined) return undefined
  return new TryIt(defined({ token }))
}

const loadOf = ({ url, idc }: Broker, settings: Settings, isJson: boolean): Load | undefined => {
  const { load: rate, log = 'warn' } = settings
  if (rate === undefined) return undefined
  const target = { url: [url] }
  return new Load({ rate, idcs: [idc], target, settings, isJson, log: terminalLog(log, isJson) })
}

/** To a registry a broker is what any client is: it shows a token, and may check a certificate. */
const registryOf = (settings: Settings) =>
  settings.registry === undefined
    ? {}
    : {
        registry: settings.registry,
        registryToken: tokenOf(settings),
        registryTls: clientTlsOf({ tlsCa: settings.tlsCa }),
      }

const tlsOf = ({ tlsCert, tlsKey, tlsClientCa }: Settings): BrokerTls | undefined => {
  const identity = readIdentity(tlsCert, tlsKey)
  const clientCa = readAuthority(tlsClientCa)
  if (identity !== undefined) return { ...identity, ...defined({ clientCa }) }
  if (clientCa !== undefined) throw new UsageError('--tls-client-ca needs a --tls-cert')
  return undefined
}

const readyJson = ({ url, id, idc }: Broker, admin: string | undefined): string =>
  `${JSON.stringify({ url, id, idc, ...defined({ admin }) })}\n`

const readyText = (
  { url, id, idc }: Broker,
  admin: string | undefined,
  settings: Settings,
): string => {
  const where = url === DEFAULT_URL ? '' : ` --url ${reachable(url)}`
  return [
    `finbus broker ${id} in IDC ${idc} listens on ${url}`,
    ...dashboardLines(admin),
    ...(settings.load === undefined
      ? []
      : [`Sample services and callers make about ${settings.load} requests a second.`]),
    `${nextSteps(settings, where, { admin })}Ctrl-C stops it.`,
    '',
  ].join('\n')
}
