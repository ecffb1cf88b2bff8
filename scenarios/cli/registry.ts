/** `finbus registry`: one copy of the name server, until it is told to stop. */
import { type Registry, startRegistry } from '../../broker/index.ts'
import { DEFAULT_REGISTRY } from './defaults.ts'
import { didStart } from './failure.ts'
import { reachable } from './hints.ts'
import { terminalLog } from './log.ts'
import { defined, type Flags, readableFile, readSettings, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { readIdentity } from './tls.ts'

export const registry = async (flags: Flags): Promise<void> => {
  const { listen, ...others } = flags
  const settings = readSettings({ ...others, registryListen: listen })
  const isJson = flags.json === true
  const started = await didStart('registry', () =>
    startRegistry({
      listen: settings.registryListen ?? DEFAULT_REGISTRY,
      logger: terminalLog(settings.log ?? 'warn', isJson),
      ...defined({
        tokens: readableFile(settings.tokens, 'token'),
        tls: readIdentity(settings.tlsCert, settings.tlsKey),
        leaseMs: settings.lease,
      }),
    }),
  )
  await withSignal(async (signalled) => {
    process.stdout.write(
      isJson ? `${JSON.stringify({ url: started.url })}\n` : ready(started, settings),
    )
    await signalled
    await started.close()
  })
}

const ready = ({ url }: Registry, settings: Settings): string => {
  const way = ` --registry ${reachable(url)}`
  const token = settings.tokens === undefined ? '' : ' --token-file FILE'
  const how = `${way}${token}${settings.tlsCert === undefined ? '' : ' --tls-ca FILE'}`
  return [
    `finbus registry listens on ${url}`,
    'Next, in other terminals:',
    `  finbus start${how}`,
    `  finbus reply demo.echo --echo${how}`,
    `  finbus request demo.echo '{"hello":"world"}'${how}`,
    'Ctrl-C stops it; brokers and clients that know each other go on without it.',
    '',
  ].join('\n')
}
