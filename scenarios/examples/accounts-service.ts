/**
 * The accounts service, a process of its own: `node accounts-service.js --url URL [--journal FILE]`.
 * Answers `account.balance`, `account.list`, `account.transfer` and `payments.transfer`.
 */
import { Command, CommanderError } from 'commander'
import { type Bus, connect } from '../../rr-client/index.ts'
import {
  type AccountsContracts,
  balanceRequest,
  listRequest,
  paymentRequest,
  transferRequest,
} from './contracts.ts'
import { Ledger } from './ledger.ts'
import { writePacs002 } from './pacs002.ts'
import { readPacs008 } from './pacs008.ts'
import { SAMPLE_ACCOUNTS } from './sample-accounts.ts'
import { settle } from './settlement.ts'

/** What a parent process hears: that it can send work, or why it never can. */
export type ServiceNews = { kind: 'ready'; entries: number } | { kind: 'failed'; why: string }

interface Options {
  url: string
  journal?: string
}

const EXIT_FAILED = 1
const EXIT_USAGE = 2
/** The disk failed; the next life of the process will know what is on it. */
const EXIT_BROKEN = 3

const main = async (argv: readonly string[]): Promise<void> => {
  const options = readOptions(argv)
  const bus = await connect<AccountsContracts>(options.url, {
    name: `accounts-${process.pid}`,
    group: 'accounts',
  })
  const ledger = await Ledger.open({
    accounts: SAMPLE_ACCOUNTS,
    ...(options.journal === undefined ? {} : { journal: options.journal }),
    // To end at once leaves callers with `unknown`, which is the truth: an answer would not be.
    onBroken: (error) => {
      process.stderr.write(`accounts-service: ${error.message}: ${messageOf(error.cause)}\n`)
      process.exit(EXIT_BROKEN)
    },
  })
  endOnSignal(bus, ledger)
  await answer(bus, ledger)
  tell({ kind: 'ready', entries: ledger.entries }, readyLine(options, ledger))
}

const answer = async (bus: Bus<AccountsContracts>, ledger: Ledger): Promise<void> => {
  await bus.reply(
    'account.balance',
    async ({ account }) => {
      const state = ledger.balance(account)
      // Nobody is shown money that a power cut could still undo.
      await ledger.synced()
      return state
    },
    { schema: balanceRequest },
  )
  await bus.reply(
    'account.list',
    async () => {
      const accounts = ledger.accounts()
      await ledger.synced()
      return { accounts }
    },
    { schema: listRequest },
  )
  await bus.reply('account.transfer', (order) => ledger.transfer(order), {
    schema: transferRequest,
  })
  await bus.reply(
    'payments.transfer',
    async (xml) => writePacs002(await settle(readPacs008(xml), ledger)),
    { schema: paymentRequest },
  )
}

/**
 * SIGTERM drains. So does Ctrl-C, unless a parent started us: it gets the same Ctrl-C and tells us
 * when. A second Ctrl-C ends at once.
 */
const endOnSignal = (bus: Bus<AccountsContracts>, ledger: Ledger): void => {
  let ending = false
  const end = async (): Promise<void> => {
    if (ending) return
    ending = true
    const report = await bus.close()
    await ledger.close()
    const { finished, handedBack, abandoned } = report
    const what = `${finished} finished, ${handedBack} handed back, ${abandoned} abandoned`
    if (process.send === undefined) process.stdout.write(`accounts-service drained: ${what}\n`)
    process.exit()
  }
  process.on('SIGTERM', () => void end())
  process.on('SIGINT', () => {
    if (process.send !== undefined) return
    if (ending) process.exit(EXIT_FAILED)
    void end()
  })
  // The parent died without a word: nobody would ever end us.
  process.on('disconnect', () => void end())
}

const readOptions = (argv: readonly string[]): Options => {
  const command = new Command('accounts-service')
    .description(
      'Answers the accounts topics of the finbus example from a small double-entry ledger.',
    )
    .option('--url <url>', 'the broker', 'ws://127.0.0.1:7400')
    .option('--journal <file>', 'where the books are kept; without it they end with the process')
    .showSuggestionAfterError()
    .exitOverride()
  try {
    return command.parse(argv).opts<Options>()
  } catch (error) {
    const isHelp = error instanceof CommanderError && error.exitCode === 0
    process.exit(isHelp ? 0 : EXIT_USAGE)
  }
}

const readyLine = ({ url, journal }: Options, ledger: Ledger): string => {
  const books = journal === undefined ? 'books in memory only' : `books in ${journal}`
  return `accounts-service ready on ${url}, ${books}, ${ledger.entries} orders so far`
}

const tell = (news: ServiceNews, line: string): void => {
  if (process.send === undefined) process.stdout.write(`${line}\n`)
  else process.send(news)
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

try {
  await main(process.argv)
} catch (error) {
  const why = messageOf(error)
  process.stderr.write(`accounts-service: ${why}\n`)
  // A parent learns it from the message, which must be out before the end.
  if (process.send === undefined) process.exit(EXIT_FAILED)
  process.send({ kind: 'failed', why } satisfies ServiceNews, () => process.exit(EXIT_FAILED))
}
