/** The frames by which a broker looks at its clients, and by which operators reach them. */
import { type FieldReader, FieldWriter, WireError } from './bytes.ts'

/** The broker wants reports from this client; `everyMs` 0: none any more. */
export interface Observe {
  /** A report may be sent so often, when there is something to say; 0 ends it. */
  everyMs: number
  /** Largest report in bytes; what does not fit is for the next one. */
  maxBytes: number
}

/** Bounds of what a broker may ask for, so that a strange one cannot make its clients busy. */
export const LEAST_REPORT_MS = 100
export const MOST_REPORT_BYTES = 262_144
/** Longest order and longest answer to one, as JSON, in bytes. */
export const MAX_ORDER_BYTES = 65_536

export const encodeObserve = (m: Observe): Buffer =>
  new FieldWriter().u32(m.everyMs).u32(m.maxBytes).done()

export const decodeObserve = (r: FieldReader): Observe => ({
  everyMs: r.u32('every ms'),
  maxBytes: r.u32('max bytes'),
})

/** An order of an operator, or the answer to it, under a number of the broker's choice. */
export interface OrderText {
  id: number
  json: Buffer
}

export const encodeOrder = ({ id, json }: OrderText): Buffer =>
  new FieldWriter().u32(id).raw(json).done()

/** The JSON is a copy: it outlives the batch. */
export const decodeOrder = (r: FieldReader): OrderText => {
  const id = r.u32('order')
  if (r.left > MAX_ORDER_BYTES) throw new WireError(`an order of ${r.left} bytes`)
  return { id, json: Buffer.from(r.rest()) }
}
