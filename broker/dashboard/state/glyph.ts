/** A glyph, from numbers to paths: its area is the rate, its fill the share that failed. */
import type { Shape } from './health.ts'

export interface GlyphNumbers {
  /** Calls a second; null is unknown. */
  rate: number | null
  /** The rate at which the glyph is as large as it may be. */
  fullRate: number
  sickShare: number | null
  businessShare: number | null
  shape: Shape
}

export interface GlyphPaths {
  outline: string
  /** From the bottom up; empty if there is nothing to fill. */
  sick: string
  /** Above it. */
  business: string
  radius: number
}

type Point = readonly [x: number, y: number]

/** All glyphs are drawn in a box of this width and height. */
export const GLYPH_SIZE = 64
const CENTRE = GLYPH_SIZE / 2
const MAX_RADIUS = 29
/** Smaller ones could not be told from dust, nor their shapes from each other. */
const MIN_RADIUS = 7

const CORNERS: Readonly<Record<Shape, { count: number; turn: number; stretch: number }>> = {
  circle: { count: 40, turn: 0, stretch: 1 },
  ring: { count: 40, turn: 0, stretch: 1 },
  // Stretched so that shapes of one rate have one area.
  square: { count: 4, turn: Math.PI / 4, stretch: Math.sqrt(Math.PI / 2) },
  diamond: { count: 4, turn: 0, stretch: Math.sqrt(Math.PI / 2) },
  triangle: { count: 3, turn: -Math.PI / 2, stretch: 1.35 },
}

const glyphRadius = (rate: number | null, fullRate: number): number => {
  if (rate === null || !(rate > 0) || !(fullRate > 0)) return MIN_RADIUS
  return Math.max(MIN_RADIUS, MAX_RADIUS * Math.sqrt(Math.min(1, rate / fullRate)))
}

export const glyph = (numbers: GlyphNumbers): GlyphPaths => {
  const radius = glyphRadius(numbers.rate, numbers.fullRate)
  const outline = cornersOf(numbers.shape, radius)
  const ys = outline.map(([, y]) => y)
  const bottom = Math.max(...ys)
  const height = bottom - Math.min(...ys)
  const sick = shareOf(numbers.sickShare)
  const both = Math.min(1, sick + shareOf(numbers.businessShare))
  const sickLine = bottom - height * sick
  const bothLine = bottom - height * both
  return {
    radius,
    outline: pathOf(outline),
    sick: sick > 0 ? pathOf(cut(outline, sickLine, bottom)) : '',
    business: both > sick ? pathOf(cut(outline, bothLine, sickLine)) : '',
  }
}

/** The next 1, 2 or 5 times a power of ten: a scale that does not move with every number. */
export const fullRateOf = (rates: readonly (number | null)[]): number => {
  const most = rates.reduce<number>((max, rate) => Math.max(max, rate ?? 0), 0)
  if (most <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most) ?? most
}

const shareOf = (share: number | null): number =>
  share === null || !Number.isFinite(share) ? 0 : Math.min(1, Math.max(0, share))

const cornersOf = (shape: Shape, radius: number): Point[] => {
  const { count, turn, stretch } = CORNERS[shape]
  const reach = Math.min(radius * stretch, CENTRE - 1)
  return Array.from({ length: count }, (_, i): Point => {
    const angle = turn + (2 * Math.PI * i) / count
    return [CENTRE + reach * Math.cos(angle), CENTRE + reach * Math.sin(angle)]
  })
}

/** The part of a convex outline between two heights. */
const cut = (outline: readonly Point[], top: number, bottom: number): Point[] =>
  clip(
    clip(outline, (y) => y >= top, top),
    (y) => y <= bottom,
    bottom,
  )

const clip = (points: readonly Point[], isIn: (y: number) => boolean, line: number): Point[] =>
  points.flatMap((to, i): Point[] => {
    const from = points.at(i - 1)!
    const crossing: Point[] =
      isIn(from[1]) === isIn(to[1])
        ? []
        : [[from[0] + ((to[0] - from[0]) * (line - from[1])) / (to[1] - from[1]), line]]
    return isIn(to[1]) ? [...crossing, to] : crossing
  })

const pathOf = (points: readonly Point[]): string =>
  points.length < 3 ? '' : `M${points.map(([x, y]) => `${short(x)} ${short(y)}`).join('L')}Z`

const short = (value: number): string => String(Math.round(value * 100) / 100)
