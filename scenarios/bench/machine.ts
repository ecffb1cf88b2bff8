/** Where the numbers come from: without it they mean nothing later. */
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Machine {
  cpu: string
  cores: number
  memoryMiB: number
  node: string
  system: string
  /** Other work at the start: above the number of cores, tail latencies are somebody else's. */
  load: number
  openFiles: number
}

export interface Commit {
  id: string
  /** There were changes that the commit does not hold. */
  changed: boolean
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    system: `${process.platform} ${release()}`,
    load: loadavg()[0] ?? 0,
    openFiles: openFileLimit(),
  }
}

/** The commit of these sources, if they are in a git checkout that has one. */
export function describeCommit(): Commit | null {
  const id = firstLine('git', ['rev-parse', 'HEAD'])
  if (id === null) return null
  return { id, changed: firstLine('git', ['status', '--porcelain']) !== null }
}

/** Why so many more clients cannot be opened here, or null if they can. */
export function whyNotSessions(clients: number): string | null {
  const files = clients + 100
  const limit = openFileLimit()
  if (files > limit) return `the broker needs ${files} open files, \`ulimit -n\` allows ${limit}`
  const bytes = clients * BYTES_PER_CLIENT
  if (bytes > freemem()) {
    return `the clients need about ${Math.round(bytes / 2 ** 20)} MiB, free are ${Math.round(freemem() / 2 ** 20)}`
  }
  return null
}

/** Generous: a client at one end and its session at the other. */
const BYTES_PER_CLIENT = 200_000

/** Node raises its soft limit to the hard one, and what it starts inherits that. */
function openFileLimit(): number {
  const text = firstLine('sh', ['-c', 'ulimit -n'])
  return text === null || text === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(text)
}

function firstLine(command: string, args: string[]): string | null {
  try {
    const cwd = dirname(fileURLToPath(import.meta.url))
    const text = execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.split('\n')[0]?.trim() || null
  } catch {
    return null
  }
}
