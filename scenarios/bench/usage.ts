/** What processes have used so far, as the kernel counts it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** The name of a process within a measurement, and its id. */
export type Pids = Record<string, number>

export const hasProc = existsSync('/proc/self/stat')
/** Read at the start: asking starts a process, which must not happen within a window. */
const TICKS = hasProc ? ticksPerSecond() : 100

/** CPU seconds (user and system) of each process since it began; null where there is no /proc. */
export function cpuSeconds(pids: Pids): Record<string, number> | null {
  if (!hasProc) return null
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuOf(pid)]))
}

/** What was used between two readings, by name. */
export function spent(
  before: Record<string, number> | null,
  after: Record<string, number> | null,
): Record<string, number> | null {
  if (before === null || after === null) return null
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  )
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is the command in brackets and may hold spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

function ticksPerSecond(): number {
  try {
    return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'latin1' })) || 100
  } catch {
    return 100
  }
}
