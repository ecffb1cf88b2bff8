/** Glyphs and lines are pictures of numbers: their areas, shares and gaps are what the numbers say. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fullRateOf, GLYPH_SIZE, glyph } from '../broker/dashboard/state/glyph.ts'
import type { Shape } from '../broker/dashboard/state/health.ts'
import { mapArrow, mapLayout } from '../broker/dashboard/state/map-layout.ts'
import { spark } from '../broker/dashboard/state/spark.ts'

const pointsOf = (path: string): [number, number][] =>
  [...path.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])

const areaOf = (path: string): number => {
  const points = pointsOf(path)
  const twice = points.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length]!
    return sum + x * nextY - nextX * y
  }, 0)
  return Math.abs(twice) / 2
}

const drawn = (rate: number | null, sickShare: number, shape: Shape = 'circle') =>
  glyph({ rate, fullRate: 100, sickShare, businessShare: 0, shape })

describe('a glyph', () => {
  test('has an area in proportion to the rate', () => {
    const [full, half, quarter] = [100, 50, 25].map((rate) => areaOf(drawn(rate, 0).outline))
    assert.ok(Math.abs(half! / full! - 0.5) < 0.01)
    assert.ok(Math.abs(quarter! / full! - 0.25) < 0.01)
  })

  test('can still be seen when little or nothing is known of it', () => {
    for (const rate of [null, 0, Number.NaN]) assert.ok(areaOf(drawn(rate, 0).outline) > 100)
    assert.equal(
      glyph({ rate: 5, fullRate: 0, sickShare: null, businessShare: null, shape: 'ring' }).sick,
      '',
    )
  })

  test('is filled from below by the share that failed, whole when all did', () => {
    for (const shape of ['square', 'circle', 'diamond', 'triangle'] as const) {
      const { outline, sick } = drawn(80, 1, shape)
      assert.ok(Math.abs(areaOf(sick) - areaOf(outline)) < 1, shape)
      assert.equal(drawn(80, 0, shape).sick, '')
    }
    const { outline, sick } = drawn(80, 0.5, 'square')
    assert.ok(Math.abs(areaOf(sick) / areaOf(outline) - 0.5) < 0.01)
    assert.ok(Math.min(...pointsOf(sick).map(([, y]) => y)) >= GLYPH_SIZE / 2 - 0.01)
  })

  test('puts business errors above sickness, and never more than there is room', () => {
    const { sick, business } = glyph({
      ...{ rate: 50, fullRate: 100, sickShare: 0.7, businessShare: 0.9, shape: 'square' },
    })
    const lowest = Math.max(...pointsOf(business).map(([, y]) => y))
    const highest = Math.min(...pointsOf(sick).map(([, y]) => y))
    assert.ok(Math.abs(lowest - highest) < 0.02)
  })

  test('stays in its box, whatever the numbers', () => {
    for (const shape of ['square', 'circle', 'diamond', 'triangle', 'ring'] as const) {
      const { outline } = drawn(1e9, 3, shape)
      for (const [x, y] of pointsOf(outline)) assert.ok(x >= 0 && y >= 0 && x <= 64 && y <= 64)
    }
  })

  test('is measured on a scale that moves in steps', () => {
    assert.deepEqual(
      [[], [null], [0.2], [3], [7, 60], [101]].map((rates) => fullRateOf(rates)),
      [1, 1, 1, 5, 100, 200],
    )
  })
})

describe('a sparkline', () => {
  const size = { width: 100, height: 20, spanMs: 100_000 }

  test('goes from the left to now, and breaks where nothing is known', () => {
    const points = [0, 1_000, 2_000, 3_000, 4_000].map((at) => ({
      at,
      value: at === 2_000 ? null : 5,
    }))
    const { line } = spark(points, size)
    assert.equal(line.split('M').length - 1, 2)
    assert.equal(pointsOf(line).at(-1)![0], 100)
  })

  test('of nothing is nothing', () => {
    assert.deepEqual(spark([], size), { line: '', area: '' })
    assert.deepEqual(spark([{ at: 5, value: null }], size), { line: '', area: '' })
  })
})

test('boxes of the map stand apart, side by side or below each other', () => {
  for (const [count, width] of [
    [1, 1_200],
    [2, 1_200],
    [4, 1_200],
    [6, 1_200],
    [3, 360],
  ] as const) {
    const { boxes, width: room, height } = mapLayout(count, width)
    assert.equal(boxes.length, count)
    assert.equal(new Set(boxes.map(({ x, y }) => `${x} ${y}`)).size, count)
    for (const { x, y } of boxes) assert.ok(x >= 0 && y >= 0 && x < room && y < height)
  }
  const [a, b] = mapLayout(2, 1_200).boxes
  assert.notEqual(mapArrow(a!, b!).label.y, mapArrow(b!, a!).label.y)
})
