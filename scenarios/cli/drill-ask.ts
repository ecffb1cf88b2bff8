/** What `finbus drill` was asked for: which drills, on what, within which bounds, told how. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { type Drill, DrillError } from '../drills/drill.ts'
import { isDrillFile, readDrillFile } from '../drills/drill-file.ts'
import { withBounds } from '../drills/overrides.ts'
import { READY, readyDrill } from '../drills/ready/index.ts'
import { messageOf, UsageError } from './failure.ts'
import type { Flags } from './settings.ts'

export interface DrillFlags extends Flags {
  all?: boolean
  virtual?: boolean
  seed?: string
  attach?: string[]
  registry?: string[]
  topic?: string
  tokenFile?: string
  admin?: string
  operator?: string
  tlsCa?: string
  report?: string
  bound?: string[]
  json?: boolean
}

export interface DrillAsk {
  readonly drills: readonly Drill[]
  readonly seed: number
  /** Where the reports go; undefined for nowhere. */
  readonly folder: string | undefined
}

const MAX_SEED = 2 ** 32 - 1

/** Undefined when drills are only to be listed. Throws a UsageError; nothing has been started. */
export const askOf = async (
  names: readonly string[],
  flags: DrillFlags,
): Promise<DrillAsk | undefined> => {
  const drills = await drillsOf(names, flags)
  if (drills === undefined) return undefined
  return { drills, seed: seedOf(flags.seed), folder: folderOf(flags.report) }
}

const drillsOf = async (
  names: readonly string[],
  flags: DrillFlags,
): Promise<Drill[] | undefined> => {
  if (flags.all === true && names.length > 0) {
    throw new UsageError(`--all plays every ready-made drill; leave out ${names.join(' ')}`)
  }
  if (flags.all !== true && names.length === 0) {
    const other = Object.keys(flags).find((flag) => flag !== 'json')
    if (other !== undefined) throw new UsageError(`${flagOf(other)} needs a drill, or --all`)
    return undefined
  }
  try {
    const drills = flags.all === true ? [...READY] : await Promise.all(names.map(drillOf))
    const twice = drills.find(({ name }, i) => drills.findIndex((one) => one.name === name) !== i)
    if (twice !== undefined) throw new UsageError(`two drills are called ${twice.name}`)
    return drills.map((drill) => withBounds(drill, flags.bound ?? []))
  } catch (error) {
    if (error instanceof DrillError) throw new UsageError(error.message)
    throw error
  }
}

const drillOf = async (name: string): Promise<Drill> =>
  isDrillFile(name) ? readDrillFile(name) : readyDrill(name)

const seedOf = (text = '1'): number => {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (seed <= MAX_SEED) return seed
  throw new UsageError(`--seed must be a whole number from 0 to ${MAX_SEED}; got "${text}"`)
}

/** It is there and can be written before anything is played. */
const folderOf = (folder: string | undefined): string | undefined => {
  if (folder === undefined) return undefined
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return folder
  } catch (error) {
    throw new UsageError(`--report: cannot write to ${folder}: ${messageOf(error)}`)
  }
}

const flagOf = (key: string): string =>
  `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
