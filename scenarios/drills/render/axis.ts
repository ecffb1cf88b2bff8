/** The one time axis that all parts of the drawing share. */
import type { DrillReport } from '../report.ts'
import { h, type Markup } from './markup.ts'
import { numberText } from './text.ts'

export const WIDTH = 1_080
const LEFT = 52
const RIGHT = 18
/** A day: what is later than that is no time of a drill. */
const MAX_MS = 86_400_000
const MOST_TICKS = 12
const TICKS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * 1_000])
const LONG_TICKS_MS = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000]

export class Axis {
  readonly left = LEFT
  readonly right = WIDTH - RIGHT
  readonly endMs: number

  constructor({ durationMs, steps, acts, buckets, bucketMs }: DrillReport) {
    const times = [
      durationMs,
      ...steps.map(({ toMs }) => toMs),
      ...acts.map(({ atMs }) => atMs),
      (buckets.at(-1)?.atMs ?? -bucketMs) + bucketMs,
    ]
    this.endMs = Math.max(1, ...times.filter((ms) => ms <= MAX_MS))
  }

  get width(): number {
    return this.right - this.left
  }

  /** Where a time lies; one that is beyond the drawing lies at its edge. */
  x(ms: number): number {
    const share = Math.min(1, Math.max(0, ms / this.endMs))
    const x = this.left + (Number.isFinite(share) ? share : 0) * this.width
    // As it is written, so that what ends here and what begins here meet.
    return Math.round(x * 10) / 10
  }

  #ticks(): number[] {
    const steps = [...TICKS_MS, ...LONG_TICKS_MS].sort((a, b) => a - b)
    const step = steps.find((ms) => this.endMs / ms <= MOST_TICKS) ?? this.endMs
    return Array.from({ length: Math.floor(this.endMs / step) + 1 }, (_, i) => i * step)
  }

  /** Faint lines through all that is drawn, from `top` to `bottom`, with seconds beneath. */
  grid(top: number, bottom: number): Markup[] {
    return this.#ticks().flatMap((ms) => {
      const x = this.x(ms)
      return [
        h('line', { class: 'grid', x1: x, x2: x, y1: top, y2: bottom }),
        h('text', { class: 'tick', x, y: bottom + 14, 'text-anchor': 'middle' }, secondsOf(ms)),
      ]
    })
  }
}

const secondsOf = (ms: number): string => `${numberText(ms / 1_000)} s`
