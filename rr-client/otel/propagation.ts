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
/** In the order in which they are let go if they do not fit; a call must not fail for being traced. */
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
  let left = MAX_HEADERS_BYTES - OWN_BYTES - sizeOf({ ...headers, ...added })
  for (const name of LARGE) {
    const value = added[name]
    if (left >= 0 || value === undefined) continue
    left += headerSize(name, value) - headerSize(name, headers[name] ?? '')
    delete added[name]
  }
  if (left >= 0) Object.assign(headers, added)
}

const headerSize = (name: string, value: string): number =>
  3 + name.length + Buffer.byteLength(value)

const sizeOf = (headers: Carrier): number => {
  let size = 0
  for (const name in headers) size += headerSize(name, headers[name]!)
  return size
}
