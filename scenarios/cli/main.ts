#!/usr/bin/env node
/** The command line: `finbus start`, `finbus request`, `finbus reply` and what looks at a broker. */
import { createRequire } from 'node:module'
import { CommanderError } from 'commander'
import { EXIT_OK, EXIT_USAGE, report } from './failure.ts'
import { buildProgram } from './program.ts'

const main = async (argv: readonly string[]): Promise<void> => {
  try {
    await buildProgram(ownVersion()).parseAsync(argv)
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    } else process.exitCode = report(error, false)
  }
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
