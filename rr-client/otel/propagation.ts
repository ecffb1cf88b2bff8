/** Trace context in the headers of requests. */
import { type Context, propagation, type TextMapGetter } from '@opentelemetry/api'
import type { Headers } from '../../bus/headers.ts'
import { MAX_HEADERS_BYTES } from '../../bus/names.ts'

type Carrier = Record<string, string>

const getter: TextMapGetter<Headers> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => headers[name.toLowerCase()],
}

/** What stands in the headers, on top of a context. */
export const contextIn = (headers: Headers, context: Context): Context =>
  propagation.extract(context, headers, getter)

/** Kept free for what the bus itself adds: the path of nested calls, a label, a codec. */
const OWN_BYTES = 1_024
const ROOM = MAX_HEADERS_BYTES - OWN_BYTES
/** Left out first. */
const LARGE = ['baggage', 'tracestate']

/** Writes a context into headers, as far as there is room for it. */
export const putContext = (context: Context, headers: Carrier): void => {
  const added: Carrier = {}
  propagation.inject(context, added, {
    set: (carrier: Carrier, name, value) => {
      // The bus knows lower-case names only.
      carrier[name.toLowerCase()] = value
    },
  })
  if (mostBytes(headers) + mostBytes(added) > ROOM) leaveOut(headers, added)
  Object.assign(headers, added)
}

/** Takes out what has no room, for a call must not fail for being traced. */
const leaveOut = (headers: Carrier, added: Carrier): void => {
  for (const name of [...LARGE, ...Object.keys(added)]) {
    if (bytesOf({ ...headers, ...added }) <= ROOM) return
    delete added[name]
  }
}

const bytesOf = (headers: Carrier): number => {
  let size = 0
  for (const name in headers) size += 3 + name.length + Buffer.byteLength(headers[name]!)
  return size
}

/** Not less than that, and found without looking at every character. */
const mostBytes = (headers: Carrier): number => {
  let size = 0
  for (const name in headers) size += 3 + name.length + 3 * headers[name]!.length
  return size
}
