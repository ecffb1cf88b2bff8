/** Bodies to bytes and back. JSON is the default; a Uint8Array passes every codec untouched. */
import { BusError, invalid } from './errors.ts'

export interface Codec {
  /** Told on the wire when it is not `json`, so that two sides that differ notice. */
  readonly name: string
  /** Throws `invalid_argument` naming the path of what cannot be encoded. */
  encode(body: unknown): Buffer
  /** Throws when the bytes make no sense. */
  decode(bytes: Buffer): unknown
}

const EMPTY = Buffer.alloc(0)

/**
 * JSON that refuses what it would silently change: bigint, functions, symbols, cycles and numbers
 * that are not finite. Money is a string. `undefined` is an empty body and comes back as undefined.
 */
export const jsonCodec: Codec = {
  name: 'json',
  encode(body) {
    if (body === undefined) return EMPTY
    if (typeof body === 'object' && body !== null) checkJson(body, 'body', [])
    else checkLeaf(body, 'body')
    return Buffer.from(JSON.stringify(body))
  },
  decode(bytes) {
    if (bytes.length === 0) return undefined
    return JSON.parse(bytes.toString('utf8')) as unknown
  },
}

/** Deeper than this JSON itself runs out of stack on some platforms. */
const MAX_DEPTH = 1_000

/** What `JSON.stringify` will write for an object that has a say in it. */
const saidBy = (given: object): unknown => {
  const { toJSON } = given as { toJSON?: unknown }
  return typeof toJSON === 'function' ? (toJSON.call(given, '') as unknown) : given
}

const checkJson = (given: object, path: string, above: object[]): void => {
  if (above.includes(given)) throw invalid(path, 'must not contain itself')
  if (above.length >= MAX_DEPTH) throw invalid(path, `must not nest deeper than ${MAX_DEPTH}`)
  const value = saidBy(given)
  if (typeof value !== 'object' || value === null) {
    checkLeaf(value, path)
    return
  }
  above.push(given)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) checkMember(value[i], path, i, above)
  } else {
    for (const key of Object.keys(value)) {
      checkMember((value as Record<string, unknown>)[key], path, key, above)
    }
  }
  above.pop()
}

const checkMember = (value: unknown, path: string, key: string | number, above: object[]): void => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return
  if (typeof value === 'object') checkJson(value, pathTo(path, key), above)
  else if (value !== undefined)
    checkLeaf(value, typeof key === 'number' ? `${path}[${key}]` : pathTo(path, key))
}

const pathTo = (path: string, key: string | number): string =>
  typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`

const checkLeaf = (value: unknown, path: string): void => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalid(path, 'must be a finite number', value)
  }
  if (typeof value === 'bigint') throw invalid(path, 'must not be a bigint; send a string', value)
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw invalid(path, `must not be a ${typeof value}`)
  }
}

export interface EncodedBody {
  bytes: Buffer
  isRaw: boolean
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Encodes a body, a Uint8Array by reference. Throws `invalid_argument`. */
export const encodeBody = (codec: Codec, body: unknown): EncodedBody => {
  if (body instanceof Uint8Array) return { bytes: asBuffer(body), isRaw: true }
  try {
    return { bytes: codec.encode(body), isRaw: false }
  } catch (error) {
    if (BusError.is(error)) throw error
    throw new BusError('invalid_argument', `body cannot be encoded: ${messageOf(error)}`, {
      cause: error,
      details: { stage: 'requester' },
    })
  }
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** A small body must not keep a large read buffer alive; a large one is not worth copying. */
const WORTH_KEEPING = 8

/** Bytes that may outlive the turn they were read in. */
export const keepable = (buffer: Buffer, start: number, end: number): Buffer => {
  const size = end - start
  if (buffer.buffer.byteLength <= size * WORTH_KEEPING) return buffer.subarray(start, end)
  const kept = Buffer.allocUnsafe(size)
  buffer.copy(kept, 0, start, end)
  return kept
}
