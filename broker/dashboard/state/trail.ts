/** The last minutes of one tile, a point a second: what sparklines and graphs are drawn from. */
import type { Flow } from './meter.ts'

export interface TrailPoint {
  at: number
  rate: number | null
  sickShare: number | null
  p50: number | null
  p99: number | null
}

export const TRAIL_MS = 120_000
/** Snapshots that were asked for at once come between the seconds. */
const MAX_POINTS = 240

/** Which tile; one object for as long as it is on the wall, for the past refers to it, too. */
export interface TileName {
  key: string
  kind: 'circuit' | 'queue'
  topic: string
  name: string
}

export class Trail {
  readonly of: TileName
  readonly points: TrailPoint[] = []

  constructor(of: TileName) {
    this.of = of
  }

  note(at: number, { rate, sickShare, p50, p99 }: Flow): void {
    const last = this.points.at(-1)
    if (last !== undefined && at < last.at) this.points.length = 0
    this.points.push({ at, rate, sickShare, p50, p99 })
    while (
      this.points.length > MAX_POINTS ||
      (this.points[0] !== undefined && at - this.points[0].at > TRAIL_MS)
    ) {
      this.points.shift()
    }
  }
}
