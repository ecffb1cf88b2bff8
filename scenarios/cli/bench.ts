/** `finbus bench`: the benchmark, with its own options. */
import type { Command } from 'commander'
import { runCommand } from './failure.ts'

export const addBench = (program: Command): void => {
  program
    .command('bench')
    .summary('measure this machine; options after it are those of the benchmark')
    .argument('[options...]')
    // The benchmark knows its options, and its help.
    .allowUnknownOption()
    .helpOption(false)
    .action((_options: string[], _flags: object, command: Command) =>
      runCommand(false, () => bench(command.args)),
    )
}

const bench = async (args: string[]): Promise<void> => {
  // Only here: nobody else should wait for it to load.
  const { runBench } = await import('../bench/main.ts')
  process.exitCode = await runBench(args)
}
