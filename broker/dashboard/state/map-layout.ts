/** Where the boxes and arrows of the map stand: side by side or round a ring; below each other on a phone. */

export interface Place {
  x: number
  y: number
}

export interface Arrow {
  path: string
  label: Place
}

export interface MapLayout {
  width: number
  height: number
  /** Upper left corners, in the order of the boxes. */
  boxes: readonly Place[]
}

export const BOX_WIDTH = 280
export const BOX_HEIGHT = 288
/** Room between boxes, for arrows and what is written at them. */
const GAP = 150
const EDGE = 14
const NARROW = 700

export const mapLayout = (count: number, width: number): MapLayout => {
  if (width < NARROW || count > 6) return stack(count, width)
  const perRow = Math.max(
    1,
    Math.min(count, Math.floor((width - 2 * EDGE + GAP) / (BOX_WIDTH + GAP))),
  )
  const rows = Math.ceil(count / perRow)
  const boxes = Array.from({ length: count }, (_, i): Place => {
    const row = Math.floor(i / perRow)
    const inRow = Math.min(perRow, count - row * perRow)
    const used = inRow * BOX_WIDTH + (inRow - 1) * GAP
    const left = (width - used) / 2
    return { x: left + (i % perRow) * (BOX_WIDTH + GAP), y: EDGE + row * (BOX_HEIGHT + GAP) }
  })
  return { width, height: 2 * EDGE + rows * BOX_HEIGHT + (rows - 1) * GAP, boxes }
}

const stack = (count: number, width: number): MapLayout => ({
  width,
  height: 2 * EDGE + count * BOX_HEIGHT + Math.max(0, count - 1) * (GAP / 2),
  boxes: Array.from({ length: count }, (_, i) => ({
    x: Math.max(0, Math.min(EDGE, (width - BOX_WIDTH) / 2)),
    y: EDGE + i * (BOX_HEIGHT + GAP / 2),
  })),
})

/** From edge to edge, each direction a little to its own side, so that both can be read. */
export const mapArrow = (from: Place, to: Place): Arrow => {
  const a = { x: from.x + BOX_WIDTH / 2, y: from.y + BOX_HEIGHT / 2 }
  const b = { x: to.x + BOX_WIDTH / 2, y: to.y + BOX_HEIGHT / 2 }
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1
  const along = { x: (b.x - a.x) / length, y: (b.y - a.y) / length }
  const side = { x: -along.y, y: along.x }
  const shift = 26
  const start = leave(a, along, side, shift)
  const end = leave(b, { x: -along.x, y: -along.y }, side, shift)
  const middle = { x: (start.x + end.x) / 2 + side.x * 10, y: (start.y + end.y) / 2 + side.y * 10 }
  const at = ({ x, y }: Place): string => `${Math.round(x)} ${Math.round(y)}`
  return {
    path: `M${at(start)}Q${at(middle)} ${at(end)}`,
    label: { x: middle.x + side.x * 16, y: middle.y + side.y * 16 },
  }
}

const leave = (centre: Place, along: Place, side: Place, shift: number): Place => {
  const reachX = along.x === 0 ? Number.POSITIVE_INFINITY : BOX_WIDTH / 2 / Math.abs(along.x)
  const reachY = along.y === 0 ? Number.POSITIVE_INFINITY : BOX_HEIGHT / 2 / Math.abs(along.y)
  const reach = Math.min(reachX, reachY) + 6
  return {
    x: centre.x + along.x * reach + side.x * shift,
    y: centre.y + along.y * reach + side.y * shift,
  }
}
