/** `npm start`: everything that takes part in a call, a few calls, and what to type next. */
import { once } from 'node:events'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { connect } from '../../rr-client/index.ts'
import { DEFAULT_ADMIN } from '../cli/defaults.ts'
import type { AccountsContracts } from '../examples/contracts.ts'
import { asTyped, creditTransferFile } from '../examples/sample-files.ts'
import { PAYER, tour } from './tour.ts'
import { DEFAULT_PORT, World, type WorldOptions } from './world.ts'

interface Options {
  port?: number
  journal?: string
  once?: true
  load: number
}

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const MAX_PORT = 65_535
const LOAD = 5
const MAX_LOAD = 1_000

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const main = async (argv: readonly string[]): Promise<void> => {
  const { once: endsAfterCalls, load, ...options } = readOptions(argv)
  const stop = untilStopped()
  const world = await start({ ...options, say }, stop)
  if (world === undefined) return
  try {
    introduce(world)
    await makeCalls(world.broker.url)
    if (endsAfterCalls) return
    if (load > 0) await world.serveTeller(load)
    explain(world, load)
    if (!stop.aborted) await once(stop, 'abort')
    say('\nEnding: the service drains, then the broker closes.')
  } finally {
    await world.close()
  }
}

/** Nothing when Ctrl-C came first: it reaches the service, too, which cannot drain yet. */
const start = async (options: WorldOptions, stop: AbortSignal): Promise<World | undefined> => {
  try {
    return await World.start(options)
  } catch (error) {
    if (stop.aborted) return undefined
    throw error
  }
}

const introduce = ({ broker, service, journal, admin }: World): void => {
  say('')
  say(`  broker            ${broker.url}  pid ${process.pid}`)
  say(`  accounts service  in its own process, pid ${service.pid}`)
  say(`  its books         ${asTyped(journal)}`)
  say(`  dashboard         ${admin}`)
  say('')
}

const makeCalls = async (url: string): Promise<void> => {
  await using bus = await connect<AccountsContracts>(url, { name: 'tour' })
  await tour(bus, say)
}

const explain = ({ broker: { url }, admin }: World, load: number): void => {
  const to = url === `ws://127.0.0.1:${DEFAULT_PORT}` ? '' : ` --url ${url}`
  say('')
  say('Now type in a second terminal:')
  say('')
  say(`  npx finbus request account.balance '{"account":"${PAYER}"}'${to}`)
  say(`  npx finbus request payments.transfer @${asTyped(creditTransferFile())}${to}`)
  say(`  npx finbus top${admin === DEFAULT_ADMIN ? '' : ` --admin ${admin}`}`)
  say('')
  say(`Or open ${admin} in a browser: the dashboard.${tellerText(load)}`)
  say('Send the second one twice: nothing is paid twice. Ctrl-C ends everything.')
}

const tellerText = (load: number): string =>
  load > 0 ? ` A teller asks for balances meanwhile, about ${load} times a second.` : ''

/** Ctrl-C under npm arrives twice, so a second signal must not cut the drain short. */
const untilStopped = (): AbortSignal => {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort())
  }
  // Whoever read what we print is gone, as in `npm start | head`.
  process.stdout.on('error', () => stop.abort())
  return stop.signal
}

const readOptions = (argv: readonly string[]): Options => {
  const command = new Command('npm start --')
    .description('Starts a broker and a sample accounts service, makes some calls and stays up.')
    .option(
      '--port <port>',
      `the broker's port (default: ${DEFAULT_PORT}, or a free one)`,
      readPort,
    )
    .option('--journal <file>', 'keep the books in this file (default: a temporary one)')
    .option('--load <n>', 'calls a second to look at in the dashboard, 0 for none', readLoad, LOAD)
    .option('--once', 'end after the calls')
    .showSuggestionAfterError()
    .exitOverride()
  try {
    return command.parse(argv).opts<Options>()
  } catch (error) {
    const isHelp = error instanceof CommanderError && error.exitCode === 0
    process.exit(isHelp ? 0 : EXIT_USAGE)
  }
}

const readPort = (text: string): number => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= MAX_PORT) return port
  throw new InvalidArgumentError(`must be a number from 0 to ${MAX_PORT}.`)
}

const readLoad = (text: string): number => {
  const rate = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (rate <= MAX_LOAD) return rate
  throw new InvalidArgumentError(`must be a number from 0 to ${MAX_LOAD}.`)
}

try {
  await main(process.argv)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}
