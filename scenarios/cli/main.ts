#!/usr/bin/env node
/** The command line: `finbus start`, `finbus request`, `finbus reply` and what looks at a broker. */
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { addBench } from './bench.ts'
import { EXIT_OK, EXIT_USAGE, report } from './failure.ts'
import { AFTER_HELP, DESCRIPTION } from './help.ts'
import { addQueues } from './queues.ts'
import { addReply } from './reply.ts'
import { addRequest } from './request.ts'
import { addStart } from './start.ts'
import { addTopics } from './topics.ts'

const main = async (argv: readonly string[]): Promise<void> => {
  try {
    await buildProgram().parseAsync(argv)
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    } else process.exitCode = report(error, false)
  }
}

const buildProgram = (): Command => {
  const program = new Command('finbus')
    .description(DESCRIPTION)
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this, or after a command its own help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', AFTER_HELP)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(finbus --help lists the commands; finbus help COMMAND its options)')
    // Subcommands inherit it, so it stands before them.
    .exitOverride()
  addStart(program)
  addReply(program)
  addRequest(program)
  addTopics(program)
  addQueues(program)
  addBench(program)
  return program
}

const ownVersion = (): string => {
  const own = createRequire(import.meta.url)('finbus/package.json') as { version: string }
  return own.version
}

// `finbus request … | head -1` is no failure: whoever reads has read enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}
process.on('uncaughtException', (error) => process.exit(report(error, false)))

await main(process.argv)
