/** Stages of real processes for stories: drills in words, and what is seen of them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DrillText, readDrill } from '../../scenarios/drills/drill.ts'
import type { Call, Look, Stage } from '../../scenarios/drills/stage.ts'
import { parseAct } from '../../scenarios/drills/words.ts'
import { until, type World } from './world.ts'

/** A stage that is played on in words. Everything that was seen is kept. */
export class Theatre {
  readonly stage: Stage
  readonly calls: Call[] = []

  constructor(world: World, stage: Stage) {
    this.stage = stage
    // A story that went well has ended it itself, and seen how.
    world.later(() => stage.end().catch(() => {}))
  }

  /** Starts a cluster; the steps of a drill are what the story does. */
  start(cluster: DrillText['cluster'], load: DrillText['load'] = {}): Promise<void> {
    const steps = [{ name: 'the story', forMs: 10 }]
    return this.stage.start(readDrill({ name: 'story', cluster, load, steps }))
  }

  async act(...lines: string[]): Promise<void> {
    for (const line of lines) await this.stage.perform(parseAct(line))
  }

  async look(): Promise<Look> {
    const look = await this.stage.look()
    this.calls.push(...look.calls)
    return look
  }

  /** Looks until a fact is seen; on a machine that others use that may be late. */
  async sees(what: string, isSo: (look: Look) => boolean, withinMs = 25_000): Promise<void> {
    const seen = async (): Promise<boolean> => isSo(await this.look())
    await until(what, seen, withinMs)
  }

  async settle(): Promise<void> {
    this.calls.push(...(await this.stage.settle()).calls)
  }
}

export const writable = ({ queues }: Look, broker: string): number =>
  queues.filter((queue) => queue.broker === broker && queue.state === 'writable').length

export const hasProc = ((): boolean => {
  try {
    return readFileSync('/proc/self/stat').length > 0
  } catch {
    return false
  }
})()

/** A directory for temporary files of its own, so that what is left there can be told. */
export const ownTmp = (world: World): string => {
  const before = process.env.TMPDIR
  const directory = mkdtempSync(join(tmpdir(), 'finbus-test-'))
  process.env.TMPDIR = directory
  world.later(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    rmSync(directory, { recursive: true })
  })
  return directory
}

interface Seen {
  pid: number
  parent: number
  state: string
}

const processes = (): Seen[] =>
  readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const [, state = '', parent = ''] = stat.slice(stat.lastIndexOf(')')).split(' ')
      return [{ pid: Number(entry), parent: Number(parent), state }]
    } catch {
      return []
    }
  })

/** The child of this process that plays this part. */
export const childPlaying = (part: string): number => {
  const isPlaying = (pid: number): boolean =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(part)
  const found = childrenOf(process.pid).find(isPlaying)
  if (found === undefined) throw new Error(`nobody plays ${part}`)
  return found
}

export const childrenOf = (pid: number): number[] =>
  processes()
    .filter(({ parent }) => parent === pid)
    .map((seen) => seen.pid)

/** Those of them that live: one that is dead and not buried yet does not. */
export const alive = (pids: readonly number[]): number[] =>
  processes()
    .filter(({ pid, state }) => pids.includes(pid) && state !== 'Z' && state !== 'X')
    .map(({ pid }) => pid)
