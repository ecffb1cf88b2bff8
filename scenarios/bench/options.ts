/** What the benchmark can be told on the command line. */
import { parseArgs } from 'node:util'

export const SECTIONS = ['lat', 'closed', 'fan', 'growth', 'memory', 'watched', 'survival'] as const
/** Hurts processes for minutes: only when asked for by name. */
const USUAL = SECTIONS.filter((section) => section !== 'survival')
export type Section = (typeof SECTIONS)[number]

export interface Settings {
  only: readonly Section[]
  /** Of the survival cases those whose name has this. */
  match: string
  /** Bytes of a body. */
  sizes: readonly number[]
  /** Length of one measured window. */
  seconds: number
  quick: boolean
  json: string | null
  help: boolean
}

export const USAGE = `finbus bench: measures finbus in processes of its own, on loopback

  --only LIST     of ${SECTIONS.join(',')} (default: all but survival)
  --match TEXT    of survival, the cases whose name has it
  --sizes LIST    body sizes in bytes (default: 128,1024,16384)
  --seconds N     length of one measured window (default: 2)
  --quick         short windows, fewer rows: under 40 s instead of under 4 minutes
  --json FILE     all raw numbers, with machine, commit and options
  --help
`

const MAX_SIZE = 1_048_576
const MAX_SECONDS = 60

/** An option that is not what it must be; its message is for the user. */
export class UsageError extends Error {}

export function parseSettings(args: string[]): Settings {
  const values = parse(args)
  const quick = values.quick ?? false
  return {
    only: values.only === undefined ? USUAL : list('only', values.only).map(sectionOf),
    match: values.match ?? '',
    sizes:
      values.sizes === undefined
        ? quick
          ? [128, 16_384]
          : [128, 1_024, 16_384]
        : list('sizes', values.sizes).map((text) => numberOf('sizes', text, 1, MAX_SIZE, true)),
    seconds:
      values.seconds === undefined
        ? quick
          ? 0.4
          : 2
        : numberOf('seconds', values.seconds, 0.1, MAX_SECONDS, false),
    quick,
    json: values.json ?? null,
    help: values.help ?? false,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: false,
      options: {
        only: { type: 'string' },
        match: { type: 'string' },
        sizes: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function list(option: string, text: string): string[] {
  const items = text.split(',').filter((item) => item !== '')
  if (items.length === 0) throw new UsageError(`--${option} needs at least one value`)
  return items
}

function sectionOf(text: string): Section {
  const section = SECTIONS.find((known) => known === text)
  if (section === undefined) {
    throw new UsageError(`--only '${text}' is not one of ${SECTIONS.join(', ')}`)
  }
  return section
}

function numberOf(option: string, text: string, min: number, max: number, whole: boolean): number {
  const value = Number(text)
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  const kind = whole ? 'a whole number' : 'a number'
  throw new UsageError(`--${option} '${text}' is not ${kind} from ${min} to ${max}`)
}
