import type { Chunk } from '../../bus/arena.ts'
import { u16, u32, u64 } from '../../bus/bytes.ts'
import { keepable } from '../../bus/codec.ts'
import { Flag, Request } from '../../bus/frame.ts'
import { NO_BYTES } from '../../bus/headers.ts'
import type { BrokerLink } from './broker-link.ts'
import type { Peer } from './peer.ts'
import type { Registration } from './registration.ts'

/** A way by which a copy of the call came, and by which it must be answered. */
export interface Way {
  readonly link: BrokerLink
  generation: number
  readonly readAt: number
  /** The requester's handle at that broker, within its life. */
  readonly origin: number
  /** The broker's number for the delivery. */
  readonly delivery: number
}

/**
 * A responder's memory of one call: made when its frame is read, before anything else, so that two
 * copies can never both run. `never` remembers that this attempt, and those before it, must not.
 */
export interface Mark {
  readonly id: number
  readonly peer: Peer<Mark>
  readonly counter: number
  readonly isLong: boolean
  /** The queue it came by first; 0 for a pinned one. */
  readonly queue: number
  registration: Registration
  state: 'waiting' | 'running' | 'done' | 'never'
  /** Newest attempt seen. */
  attempt: number
  flags: number
  deadline: number
  /** Kept at least until then unless the floor passes it: deadline + 15 s + 5 % (rule 3). */
  forgetAt: number
  way: Way
  /** Other copies of it that came, to be answered as well. */
  others: Way[] | undefined
  headers: Buffer
  body: Buffer
  /** The answer on its way from the handler. */
  reply: HandlerReply | undefined
  /** The answer, while it is kept for copies of the call. */
  kept: Kept | undefined
  /** Batch on `way.link` that carried the answer; a broker has it once that is acknowledged. */
  batch: number
  /** What the shell keeps with a running call. */
  runner: unknown
}

/** What the shell says when a handler has ended. */
export interface HandlerReply {
  readonly kind: number
  readonly flags: number
  readonly body: Buffer
}

/** An answer that is kept, in a shared chunk. */
export interface Kept {
  readonly kind: number
  readonly flags: number
  readonly chunk: Chunk
  readonly at: number
  readonly size: number
}

const KEEP_MS = 15_000
const KEEP_SHARE = 0.05

const forgetInstant = (now: number, remainingMs: number): number =>
  now + remainingMs + KEEP_MS + Math.ceil(remainingMs * KEEP_SHARE)

/** The mark for a request frame that was just read. Its body is taken only if it may start. */
export const newMark = (
  now: number,
  id: number,
  peer: Peer<Mark>,
  registration: Registration,
  way: Way,
  b: Buffer,
  at: number,
  remainingMs: number,
): Mark => {
  const flags = b[at + Request.flags]!
  const headersLength = u32(b, at + Request.headersLength)
  const headersAt = at + Request.head
  return {
    id,
    peer,
    counter: u64(b, at + Request.counter),
    isLong: (flags & Flag.long) !== 0,
    queue: u32(b, at + Request.queue),
    registration,
    state: 'waiting',
    attempt: u16(b, at + Request.attempt),
    flags,
    deadline: now + remainingMs,
    forgetAt: forgetInstant(now, remainingMs),
    way,
    others: undefined,
    headers: headersLength === 0 ? NO_BYTES : keepable(b, headersAt, headersAt + headersLength),
    body: NO_BYTES,
    reply: undefined,
    kept: undefined,
    batch: 0,
    runner: undefined,
  }
}

/** The link by which the copy came still stands. */
export const isOpen = ({ link, generation }: Way): boolean =>
  link.isUp && link.generation === generation

/** Every way by which a copy came, the newest last. */
export const waysOf = (mark: Mark): Way[] =>
  mark.others === undefined ? [mark.way] : [...mark.others, mark.way]

/** When the broker is known to have held us for the owner. */
export const lastConfirmed = ({ link, readAt }: Way): number =>
  Math.max(readAt, link.pulse.ackedSentAt)

/** The link has one call less in hand. */
export const dropCall = (way: Way): void => {
  if (way.generation === way.link.generation) way.link.dropCall()
}
