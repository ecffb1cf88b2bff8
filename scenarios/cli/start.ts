/** `finbus start`: a broker, until it is told to stop. */
import { accessSync, constants } from 'node:fs'
import type { Command } from 'commander'
import { type Broker, type BrokerOptions, type BrokerTls, startBroker } from '../../broker/index.ts'
import { BusError } from '../../rr-client/index.ts'
import { Failure, messageOf, runCommand, UsageError } from './failure.ts'
import { terminalLog } from './log.ts'
import {
  DEFAULT_URL,
  defined,
  type Flags,
  LOG_LEVELS,
  readSettings,
  readTextFile,
  type Settings,
} from './settings.ts'
import { untilSignal } from './signals.ts'

export const addStart = (program: Command): void => {
  program
    .command('start')
    .summary('run a broker')
    .description(
      'Runs a broker until Ctrl-C. Off loopback it starts only with TLS and tokens. Every option but ' +
        '--json is in the environment as FINBUS_… and in the file of --config, too.',
    )
    .option('--listen <url>', `where; ws://, wss:// or unix:/path (default: ${DEFAULT_URL})`)
    .option('--idc <name>', 'the data centre it stands in (default: local)')
    .option('--id <name>', 'its id, unlike that of any other broker (default: a random one)')
    .option('--tokens <file>', 'JSON file: [{"token": "…", "request": ["account.*"], "reply": []}]')
    .option('--tls-cert <file>', 'its certificate chain, PEM, for wss://')
    .option('--tls-key <file>', 'the key of the certificate, PEM')
    .option('--tls-client-ca <file>', 'ask clients for a certificate of this authority, PEM')
    .option('--max-depth <n>', 'requests that may wait in one queue (default: 10000)')
    .option('--max-depth-bytes <n>', 'the same in bytes (default: 33554432)')
    .option('--max-body-bytes <n>', 'the largest body (default: 1048576)')
    .option('--log <level>', `on stderr: ${LOG_LEVELS.join(', ')} (default: warn)`)
    .option('--config <file>', 'JSON file with settings, such as {"idc": "sz", "maxDepth": 500}')
    .option('--json', 'print the address as JSON, and log JSON lines')
    .action((flags: Flags) => runCommand(flags.json === true, () => start(flags)))
}

const start = async (flags: Flags): Promise<void> => {
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
  try {
    const stopped = untilSignal()
    process.stdout.write(isJson ? readyJson(broker) : readyText(broker, settings))
    await stopped
  } finally {
    await broker.close()
  }
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
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('--tls-cert and --tls-key go together')
  }
  return {
    cert: readTextFile(tlsCert, 'TLS certificate'),
    key: readTextFile(tlsKey, 'TLS key'),
    ...(tlsClientCa === undefined ? {} : { clientCa: readTextFile(tlsClientCa, 'TLS authority') }),
  }
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
    url === DEFAULT_URL ? '' : ` --url ${url}`,
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
