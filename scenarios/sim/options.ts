/** What the simulator can be told on the command line. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { didYouMean } from '../../bus/index.ts'

export interface Settings {
  readonly from: number
  readonly seeds: number
  readonly jobs: number
  /** One seed, told in full. */
  readonly seed: number | undefined
  /** Names of planted bugs to look for. */
  readonly plants: readonly string[]
  /** Shrunk plans of failures are written to `scenarios/sim/kept`. */
  readonly keep: boolean
  readonly help: boolean
}

export const USAGE = `npm run simulate -- [options]: whole clusters with faults, in virtual time

  --seeds N      histories to walk (default: 20000)
  --from N       the first seed (default: 1)
  --jobs N       processes (default: one a core)
  --seed N       this seed alone: its plan, and what came of it
  --plant NAME   walk with this planted bug until it is caught; "all" for a table of all of them
  --keep         keep the shrunk plan of each failure, to be played in every test run
  --help
`

const OPTIONS = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  jobs: { type: 'string' },
  seed: { type: 'string' },
  plant: { type: 'string' },
  keep: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** An option that is not what it must be; its message is for the user. */
export class UsageError extends Error {}

export function parseSettings(args: string[], plants: readonly string[]): Settings {
  const values = parse(args)
  const seed = values.seed === undefined ? undefined : whole('seed', values.seed, 2 ** 31)
  return {
    seed,
    from: whole('from', values.from ?? '1', 2 ** 31),
    seeds: whole('seeds', values.seeds ?? '20000', 1e8),
    jobs: whole('jobs', values.jobs ?? `${availableParallelism()}`, 64),
    plants: plantsOf(values.plant, plants),
    keep: values.keep ?? false,
    help: values.help ?? false,
  }
}

const parse = (args: string[]) => {
  for (const arg of args) {
    const [name = ''] = arg.replace(/^--/, '').split('=')
    if (!arg.startsWith('--') || name === '' || Object.hasOwn(OPTIONS, name)) continue
    throw new UsageError(`unknown option --${name}${didYouMean(name, Object.keys(OPTIONS))}`)
  }
  try {
    return parseArgs({ args, options: OPTIONS }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

const plantsOf = (name: string | undefined, all: readonly string[]): readonly string[] => {
  if (name === undefined) return []
  if (name === 'all') return all
  if (all.includes(name)) return [name]
  throw new UsageError(`no planted bug is called "${name}"${didYouMean(name, all)}`)
}

const whole = (name: string, text: string, most: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new UsageError(`--${name} must be a whole number from 1 to ${most}, not "${text}"`)
}
