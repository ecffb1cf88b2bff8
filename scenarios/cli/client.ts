/** What all commands that talk to a broker have in common: their options, and the way in. */
import { type Command, Option } from 'commander'
import { type Bus, type ConnectOptions, connect, type TlsOptions } from '../../rr-client/index.ts'
import { UsageError } from './failure.ts'
import { DEFAULT_URL, defined, readTextFile, type Settings } from './settings.ts'

/** The common options that commands themselves look at. */
export interface ClientFlags {
  json?: boolean
  [key: string]: unknown
}

export const addClientOptions = (command: Command): Command =>
  command
    .optionsGroup(
      'Options of every command that talks to a broker (in the environment as FINBUS_…):',
    )
    .option('--url <url>', `broker; repeat it or use commas (default: ${DEFAULT_URL})`, collect)
    .option('--idc <name>', 'the data centre you are in (default: local)')
    .option('--token-file <file>', 'file with the token; or FINBUS_TOKEN holds the token itself')
    .option('--tls-ca <file>', "authority that signed the broker's certificate, PEM (wss://)")
    .option('--tls-cert <file>', 'certificate to show to the broker, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--connect-timeout <ms>', 'how long to try to reach a broker (default: 5000)')
    .option('--config <file>', 'JSON file with settings, such as {"url": "…", "idc": "sz"}')
    .addOption(secretOption())
    .optionsGroup('')
    .option('--json', 'print JSON, for programs; errors too')
    .optionsGroup('')

/** Puts the values of a repeated option into a list. */
export const collect = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

/** There is no such option, and whoever tries it should be told why. */
const secretOption = (): Option =>
  new Option('--token <secret>').hideHelp().argParser(() => {
    throw new UsageError(
      'a token on the command line can be read by others; use --token-file or FINBUS_TOKEN',
    )
  })

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
  if (tlsCa === undefined && tlsCert === undefined && tlsKey === undefined) return undefined
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together')
  }
  return defined({
    ca: tlsCa && readTextFile(tlsCa, 'TLS authority'),
    cert: tlsCert && readTextFile(tlsCert, 'TLS certificate'),
    key: tlsKey && readTextFile(tlsKey, 'TLS key'),
  })
}
