/**
 * The headers of a message: name and value, one after the other (u8 name length, name, u16 value
 * length, value). Names that start with a colon are the bus's own and cannot be set by users.
 */
import { setU16, u16, WireError } from './bytes.ts'
import { BusError, invalid } from './errors.ts'
import { checkHeaderName, MAX_HEADERS_BYTES } from './names.ts'

export type Headers = Readonly<Record<string, string>>

/** The bus's own headers. */
export const OwnHeader = {
  /** Instance id that a pinned request is for. */
  to: ':to',
  /** Topic of a pinned request, whose topic handle means nothing to another broker life. */
  topic: ':topic',
  /** Address of a reply that goes another way than its request came. */
  replyTopic: ':reply-topic',
  /** Topics of the calls that led to this one, separated by blanks. */
  path: ':path',
  label: ':label',
  codec: ':codec',
} as const

/**
 * The bus adds its own to headers that may fill the limit already: the label of a rule, and to whom
 * a pinned request goes. Each is bounded; all of them together are far below this.
 */
const OWN_ROOM = 1_024

const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>)
export const NO_BYTES = Buffer.alloc(0)

/** Encodes headers; throws `invalid_argument` or `too_large`. `own` names are not checked. */
export const encodeHeaders = (headers: Headers, own: Headers = NO_HEADERS): Buffer => {
  const parts: Buffer[] = []
  let size = 0
  const add = (name: string, value: string): void => {
    const part = encodeHeader(name, value)
    size += part.length
    parts.push(part)
  }
  for (const name in own) add(name, own[name]!)
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw invalid(`header ${name}`, 'must be a string', value)
    add(checkHeaderName(name), value)
  }
  if (size > MAX_HEADERS_BYTES) {
    throw new BusError('too_large', `headers of ${size} bytes; at most ${MAX_HEADERS_BYTES}`, {
      details: { limit: MAX_HEADERS_BYTES, current: size, stage: 'requester' },
    })
  }
  return size === 0 ? NO_BYTES : Buffer.concat(parts, size)
}

const encodeHeader = (name: string, value: string): Buffer => {
  const nameBytes = Buffer.byteLength(name)
  const valueBytes = Buffer.byteLength(value)
  if (valueBytes > MAX_HEADERS_BYTES) {
    throw new BusError('too_large', `header ${name} of ${valueBytes} bytes`, {
      details: { limit: MAX_HEADERS_BYTES, current: valueBytes, stage: 'requester' },
    })
  }
  const part = Buffer.allocUnsafe(3 + nameBytes + valueBytes)
  part[0] = nameBytes
  part.write(name, 1)
  setU16(part, 1 + nameBytes, valueBytes)
  part.write(value, 3 + nameBytes)
  return part
}

/** Decodes a header block. The result has no prototype, so no name can reach one. */
export const decodeHeaders = (bytes: Buffer, start: number, end: number): Headers => {
  if (start === end) return NO_HEADERS
  if (end - start > MAX_HEADERS_BYTES + OWN_ROOM) {
    throw new WireError(`headers of ${end - start} bytes`)
  }
  const headers = Object.create(null) as Record<string, string>
  let at = start
  while (at < end) {
    const nameEnd = at + 1 + bytes[at]!
    if (nameEnd + 2 > end) throw new WireError('half a header')
    const valueEnd = nameEnd + 2 + u16(bytes, nameEnd)
    if (valueEnd > end) throw new WireError('half a header')
    headers[bytes.toString('utf8', at + 1, nameEnd)] = bytes.toString('utf8', nameEnd + 2, valueEnd)
    at = valueEnd
  }
  return headers
}

/** The same headers with one of the bus's own set, in place of the value it had. */
export const withHeader = (headers: Buffer, own: string, value: string): Buffer => {
  const kept = [encodeHeader(own, value)]
  for (let at = 0; at < headers.length; ) {
    const nameEnd = at + 1 + headers[at]!
    const end = nameEnd + 2 + u16(headers, nameEnd)
    if (headers.toString('utf8', at + 1, nameEnd) !== own) kept.push(headers.subarray(at, end))
    at = end
  }
  return Buffer.concat(kept)
}

/** Only what users set. */
export const userHeaders = (headers: Headers): Headers => {
  let hasOwn = false
  for (const name in headers) if (name.startsWith(':')) hasOwn = true
  if (!hasOwn) return headers
  const kept = Object.create(null) as Record<string, string>
  for (const name in headers) if (!name.startsWith(':')) kept[name] = headers[name]!
  return kept
}
