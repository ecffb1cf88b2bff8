/** A sparkline, from points to paths; where nothing is known the line is broken. */

export interface SparkPoint {
  at: number
  value: number | null
}

export interface SparkPaths {
  line: string
  area: string
}

/** Further apart than this, two points are not joined. */
const GAP_MS = 4_000

export const spark = (
  points: readonly SparkPoint[],
  { width, height, spanMs, most }: { width: number; height: number; spanMs: number; most?: number },
): SparkPaths => {
  const end = points.at(-1)?.at ?? 0
  const top = Math.max(most ?? 0, ...points.map(({ value }) => value ?? 0)) || 1
  const x = (at: number): string => short(width - ((end - at) / spanMs) * width)
  const y = (value: number): string => short(height - 1 - (value / top) * (height - 2))
  let line = ''
  let area = ''
  for (const run of runsOf(points)) {
    const path = run.map(({ at, value }) => `${x(at)} ${y(value)}`).join('L')
    line += `M${path}`
    area += `M${x(run[0]!.at)} ${height}L${path}L${x(run.at(-1)!.at)} ${height}Z`
  }
  return { line, area }
}

const runsOf = (points: readonly SparkPoint[]): { at: number; value: number }[][] => {
  const runs: { at: number; value: number }[][] = []
  let lastAt = Number.NEGATIVE_INFINITY
  for (const { at, value } of points) {
    if (value === null) {
      lastAt = Number.NEGATIVE_INFINITY
      continue
    }
    if (at - lastAt > GAP_MS) runs.push([])
    runs.at(-1)?.push({ at, value })
    lastAt = at
  }
  return runs
}

const short = (value: number): string => String(Math.round(value * 10) / 10)
