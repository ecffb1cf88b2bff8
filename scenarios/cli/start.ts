/** `finbus start`: a broker, or several in processes of their own, until it is told to stop. */
import { type Broker, type BrokerOptions, type BrokerTls, startBroker } from '../../broker/index.ts'
import { tlsOf as clientTlsOf, tokenOf } from './client.ts'
import { runCluster } from './cluster.ts'
import { planOf } from './cluster-plan.ts'
import { DEFAULT_URL } from './defaults.ts'
import { didStart, UsageError } from './failure.ts'
import { nextSteps, reachable } from './hints.ts'
import { terminalLog } from './log.ts'
import { defined, type Flags, readableFile, readSettings, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { readAuthority, readIdentity } from './tls.ts'

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
  const plan = planOf(settings)
  // What is wrong with an option has been said by now, once, and not by each process.
  if (plan !== undefined) return runCluster(plan, settings, isJson)
  const broker = await didStart('broker', () => startBroker(options))
  await withSignal(async (signalled) => {
    process.stdout.write(isJson ? readyJson(broker) : readyText(broker, settings))
    await signalled
    await broker.close()
  })
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

const readyJson = ({ url, id, idc }: Broker): string => `${JSON.stringify({ url, id, idc })}\n`

const readyText = ({ url, id, idc }: Broker, settings: Settings): string => {
  const where = url === DEFAULT_URL ? '' : ` --url ${reachable(url)}`
  return [
    `finbus broker ${id} in IDC ${idc} listens on ${url}`,
    `${nextSteps(settings, where)}Ctrl-C stops it.`,
    '',
  ].join('\n')
}
