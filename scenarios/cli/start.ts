/** `finbus start`: a broker, until it is told to stop. */
import { accessSync, constants } from 'node:fs'
import { type Broker, type BrokerOptions, type BrokerTls, startBroker } from '../../broker/index.ts'
import { BusError } from '../../rr-client/index.ts'
import { DEFAULT_URL } from './defaults.ts'
import { Failure, messageOf, UsageError } from './failure.ts'
import { terminalLog } from './log.ts'
import { defined, type Flags, readSettings, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { readAuthority, readIdentity } from './tls.ts'

export const start = async (flags: Flags): Promise<void> => {
  const settings = readSettings(flags)
  const isJson = flags.json === true
  const broker = await begin({
    listen: settings.listen ?? DEFAULT_URL,
    logger: terminalLog(settings.log ?? 'warn', isJson),
    ...defined({
      idc: settings.idc,
      id: settings.id,
      tokens: readable(settings.tokens),
      tls: tlsOf(settings),
      maxDepth: settings.maxDepth,
      maxDepthBytes: settings.maxDepthBytes,
      maxBodyBytes: settings.maxBodyBytes,
    }),
  })
  await withSignal(async (signalled) => {
    process.stdout.write(isJson ? readyJson(broker) : readyText(broker, settings))
    await signalled
    await broker.close()
  })
}

/** What keeps a broker from starting is said in one sentence. */
const begin = async (options: BrokerOptions): Promise<Broker> => {
  try {
    return await startBroker(options)
  } catch (error) {
    if (BusError.is(error) || isSystemError(error)) {
      throw new Failure(`the broker did not start: ${messageOf(error)}`, { cause: error })
    }
    throw error
  }
}

const isSystemError = (error: unknown): boolean =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'

const tlsOf = ({ tlsCert, tlsKey, tlsClientCa }: Settings): BrokerTls | undefined => {
  const identity = readIdentity(tlsCert, tlsKey)
  const clientCa = readAuthority(tlsClientCa)
  if (identity !== undefined) return { ...identity, ...defined({ clientCa }) }
  if (clientCa !== undefined) throw new UsageError('--tls-client-ca needs a --tls-cert')
  return undefined
}

const readable = (path: string | undefined): string | undefined => {
  if (path === undefined) return undefined
  try {
    accessSync(path, constants.R_OK)
    return path
  } catch (error) {
    throw new UsageError(`cannot read the token file: ${messageOf(error)}`)
  }
}

const readyJson = ({ url, id, idc }: Broker): string => `${JSON.stringify({ url, id, idc })}\n`

const readyText = ({ url, id, idc }: Broker, settings: Settings): string => {
  const how = [
    url === DEFAULT_URL ? '' : ` --url ${reachable(url)}`,
    settings.tokens === undefined ? '' : ' --token-file FILE',
    settings.tlsCert === undefined ? '' : ' --tls-ca FILE',
    settings.tlsClientCa === undefined ? '' : ' --tls-cert FILE --tls-key FILE',
  ].join('')
  return [
    `finbus broker ${id} in IDC ${idc} listens on ${url}`,
    'Next, in other terminals:',
    `  finbus reply demo.echo --echo${how}`,
    `  finbus request demo.echo '{"hello":"world"}'${how}`,
    `  finbus topics${how}`,
    'Ctrl-C stops it.',
    '',
  ].join('\n')
}

/** A broker that listens everywhere is reached, and certified, under a name. */
const reachable = (url: string): string => url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, '//HOST:')
