/** Makes a screenshot small: at most 256 colours, packed as well as zlib can. Reads what Chromium writes. */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const MAX_COLOURS = 256

interface Pixels {
  width: number
  height: number
  /** Red, green and blue of each pixel in one number. */
  colours: Uint32Array
}

export const smallPng = (png: Buffer): Buffer => {
  const { width, height, colours } = pixelsOf(png)
  const palette = paletteOf(colours)
  const nearest = new Map<number, number>()
  const rows = Buffer.alloc((width + 1) * height)
  colours.forEach((colour, i) => {
    let at = nearest.get(colour)
    if (at === undefined) {
      at = nearestOf(palette, colour)
      nearest.set(colour, at)
    }
    rows[i + Math.floor(i / width) + 1] = at
  })
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3, 0, 0, 0], 8)
  const table = Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]))
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Those that are seen most; edges of letters make do with what is near. */
const paletteOf = (colours: Uint32Array): number[] => {
  const counts = new Map<number, number>()
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_COLOURS)
    .map(([colour]) => colour)
}

const nearestOf = (palette: readonly number[], colour: number): number => {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  palette.forEach((one, i) => {
    const red = (one >> 16) - (colour >> 16)
    const green = ((one >> 8) & 255) - ((colour >> 8) & 255)
    const blue = (one & 255) - (colour & 255)
    const distance = red * red + green * green + blue * blue
    if (distance < least) {
      least = distance
      best = i
    }
  })
  return best
}

const pixelsOf = (png: Buffer): Pixels => {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const [depth, kind, , , isInterlaced] = png.subarray(24, 29)
  const size = kind === 6 ? 4 : 3
  if (depth !== 8 || (kind !== 2 && kind !== 6) || isInterlaced !== 0) {
    throw new Error(`a PNG of depth ${depth} and kind ${kind} is not what Chromium writes`)
  }
  const parts: Buffer[] = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  const bytes = unfiltered(inflateSync(Buffer.concat(parts)), width * size, height, size)
  const colours = new Uint32Array(width * height)
  for (let i = 0; i < colours.length; i++) {
    colours[i] = (bytes[i * size]! << 16) | (bytes[i * size + 1]! << 8) | bytes[i * size + 2]!
  }
  return { width, height, colours }
}

const unfiltered = (raw: Buffer, stride: number, height: number, size: number): Uint8Array => {
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x >= size ? out[at - size]! : 0
      const up = y > 0 ? out[at - stride]! : 0
      const corner = x >= size && y > 0 ? out[at - stride - size]! : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!
      out[at] = raw[y * (stride + 1) + 1 + x]! + guess
    }
  }
  return out
}

const paeth = (left: number, up: number, corner: number): number => {
  const estimate = left + up - corner
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value)) as [
    number,
    number,
    number,
  ]
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}

const chunk = (name: string, data: Buffer): Buffer => {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(name, 4, 'latin1')
  data.copy(out, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}
