/** `finbus bench`: the benchmark, with its own options. */
import { runBench } from '../bench/main.ts'

export const bench = async (args: string[]): Promise<void> => {
  process.exitCode = await runBench(args)
}
