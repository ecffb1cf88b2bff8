/**
 * The frames of protocol version 1: their types, and where the numbers of the three frames on the
 * path of a call stand. PROTOCOL.md is this file in prose.
 *
 * All offsets count from the start of the frame, its length field included. A broker forwards a
 * request or a reply by copying it and patching fixed-place numbers; it never decodes the rest.
 */
import { setU16, setU32, setU64, u32, WireError } from './bytes.ts'

export const PROTOCOL_VERSION = 1
export const SUBPROTOCOL = 'finbus.1'

/** A batch (one ws message) starts with its number and the number of the last batch read: u64 both. */
export const BATCH_HEAD = 16
/** Length (u32, of what follows) and type (u8). */
export const FRAME_HEAD = 5
/** Frames are packed into one batch up to here; a larger frame travels alone. */
export const PACK_BYTES = 32_768

export const Frame = {
  hello: 1,
  welcome: 2,
  reject: 3,
  goodbye: 4,
  ping: 5,
  peer: 6,
  pong: 7,
  request: 16,
  reply: 17,
  refusal: 18,
  lost: 19,
  cancel: 20,
  resume: 21,
  register: 32,
  registered: 33,
  unregister: 34,
  unregistered: 35,
  assign: 36,
  assigned: 37,
  window: 38,
  recall: 39,
  revoke: 40,
  revoked: 41,
  standing: 42,
  watch: 48,
  unwatch: 49,
  routes: 50,
  rules: 51,
  inspect: 64,
  snapshot: 65,
  observe: 66,
  report: 67,
  order: 68,
  ordered: 69,
} as const

/** Flags of requests, and where they apply of replies, refusals and cancels. */
export const Flag = {
  /** Addressed to an instance: needs no queue, credit or epoch. Headers say who and which topic. */
  pinned: 1,
  idempotent: 2,
  /** An earlier attempt may have run: a refusal by anyone but that instance says nothing of it. */
  mayHaveRun: 4,
  /** Sent from inside a handler. */
  nested: 8,
  /** The topic is on the call's own path already: admitted into free credit only, never queued. */
  loop: 16,
  /** The counter belongs to the series of calls with more than 30 s, which has a floor of its own. */
  long: 32,
  /** The body is bytes as given; otherwise it is what the codec made. */
  raw: 64,
  /** On a refusal: the instance itself will never start this attempt or one before it. */
  never: 128,
} as const

/**
 * request: length u32, type u8, flags u8, attempt u16, headers length u32, then the fields below,
 * the headers, the body. A requester leaves origin and delivery 0; the broker stamps them.
 */
export const Request = {
  flags: 5,
  attempt: 6,
  headersLength: 8,
  topic: 12,
  queue: 16,
  target: 20,
  origin: 24,
  delivery: 28,
  remainingMs: 32,
  life: 36,
  epoch: 44,
  counter: 52,
  floor: 60,
  head: 68,
} as const

/** reply: no field of it can say not_executed. `to` 0 means the header `:reply-topic` says where. */
export const Reply = {
  flags: 5,
  kind: 6,
  load: 7,
  headersLength: 8,
  to: 12,
  from: 16,
  delivery: 20,
  counter: 24,
  head: 32,
} as const

/**
 * The load in a reply: requests that wait for a handler for each one that may run, in sixteenths; at
 * 16 a new request waits as long as a handler takes.
 */
export const LOAD_UNIT = 16
export const MAX_LOAD = 255
/** Calls that wait shorter than this only came in one bunch: they are no load. */
export const LEAST_WAIT_MS = 3
/** How fast the longest wait is forgotten, call by call. */
export const WAIT_DECAY = 15 / 16

export const ReplyKind = {
  ok: 0,
  /** A ServiceError: the body is JSON of code, message, details. */
  service_error: 1,
  /** The handler threw something else, or what it returned cannot be sent. Body as above. */
  handler_failed: 2,
  /** The handler ran; its reply is no longer kept. */
  reply_lost: 3,
} as const

/** refusal and lost: one attempt was not taken, or its responder's link was lost. */
export const Refusal = {
  flags: 5,
  attempt: 6,
  reason: 8,
  stage: 9,
  queueState: 10,
  to: 12,
  from: 16,
  delivery: 20,
  counter: 24,
  queue: 32,
  epoch: 36,
  limit: 44,
  current: 48,
  retryAfterMs: 52,
  head: 56,
} as const

/** cancel: the caller gave up; attempts up to this one need not start and may stop. */
export const Cancel = {
  flags: 5,
  attempt: 6,
  queue: 8,
  target: 12,
  origin: 16,
  counter: 24,
  head: 32,
} as const

/** Why an attempt was refused. Numbers are the wire's; never change one. */
export const Reason = {
  expired: 1,
  stale: 2,
  moved: 3,
  full: 4,
  too_slow: 5,
  no_credit: 6,
  forbidden: 7,
  draining: 8,
  instance_absent: 9,
  stale_batch: 10,
  cancelled: 11,
  invalid_argument: 12,
  link_full: 13,
  marks_full: 14,
  too_large: 15,
  link_lost: 16,
  loop: 17,
} as const
export type Reason = (typeof Reason)[keyof typeof Reason]

const nameIn = (names: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(names).find((name) => names[name] === value) ?? String(value)
export const reasonName = (reason: number): string => nameIn(Reason, reason)
export const replyKindName = (kind: number): string => nameIn(ReplyKind, kind)

export const Stage = { broker: 1, queue: 2, responder: 3 } as const
export const stageName = (stage: number): string =>
  stage === Stage.broker ? 'broker' : stage === Stage.queue ? 'queue' : 'responder'

/** What a requester may know of a queue. */
export const QueueState = { gone: 0, writable: 1, transition: 2, full: 3, stalled: 4 } as const
export type QueueState = (typeof QueueState)[keyof typeof QueueState]
export const queueStateName = (state: number): string => nameIn(QueueState, state)

export const frameEnd = (bytes: Buffer, at: number): number => at + 4 + u32(bytes, at)

/**
 * The end of the frame at `at`, after checking that it lies within the batch and is long enough for
 * its type; nothing is read or allocated on the word of a length that was not checked.
 */
export const checkedFrameEnd = (bytes: Buffer, at: number): number => {
  if (at + FRAME_HEAD > bytes.length) throw new WireError('half a frame at the end of a batch')
  const end = frameEnd(bytes, at)
  if (end > bytes.length) throw new WireError('a frame longer than its batch')
  const least = leastLength(bytes[at + 4]!)
  if (end - at < least) throw new WireError(`frame type ${bytes[at + 4]}: shorter than its head`)
  if (bytes[at + 4] === Frame.request || bytes[at + 4] === Frame.reply) {
    if (u32(bytes, at + Request.headersLength) > end - at - least) {
      throw new WireError('headers longer than their frame')
    }
  }
  return end
}

const leastLength = (type: number): number => {
  if (type === Frame.request) return Request.head
  if (type === Frame.reply) return Reply.head
  if (type === Frame.refusal || type === Frame.lost) return Refusal.head
  if (type === Frame.cancel) return Cancel.head
  return FRAME_HEAD
}

/** Writes length, type and flags, common to the frames of a call. */
export const putHead = (b: Buffer, at: number, size: number, type: number, flags: number): void => {
  setU32(b, at, size - 4)
  b[at + 4] = type
  b[at + 5] = flags
}

/** What a refusal says, apart from whom it is for. */
export interface RefusalNews {
  reason: Reason
  stage: number
  queueState: number
  queue: number
  epoch: number
  limit: number
  current: number
  retryAfterMs: number
  text: string
}

export interface RefusalAddress {
  type: number
  flags: number
  attempt: number
  to: number
  from: number
  delivery: number
  counter: number
}

/** Longest time a request may have; what claims more is taken for this. */
export const MAX_REMAINING_MS = 86_400_000

/** Longest text of a refusal or a reject, in bytes: enough for a path and a sentence. */
export const MAX_TEXT = 1_024

export const refusalSize = (news: RefusalNews): number => Refusal.head + textSize(news.text)

const textSize = (text: string): number => Math.min(MAX_TEXT, Buffer.byteLength(text))

export const putRefusal = (b: Buffer, at: number, who: RefusalAddress, news: RefusalNews): void => {
  const text = textSize(news.text)
  putHead(b, at, Refusal.head + text, who.type, who.flags)
  setU16(b, at + Refusal.attempt, who.attempt)
  b[at + Refusal.reason] = news.reason
  b[at + Refusal.stage] = news.stage
  b[at + Refusal.queueState] = news.queueState
  b[at + 11] = 0
  setU32(b, at + Refusal.to, who.to)
  setU32(b, at + Refusal.from, who.from)
  setU32(b, at + Refusal.delivery, who.delivery)
  setU64(b, at + Refusal.counter, who.counter)
  setU32(b, at + Refusal.queue, news.queue)
  setU64(b, at + Refusal.epoch, news.epoch)
  setU32(b, at + Refusal.limit, news.limit)
  setU32(b, at + Refusal.current, news.current)
  setU32(b, at + Refusal.retryAfterMs, news.retryAfterMs)
  if (text === 0) return
  // A character that does not fit is left out whole, and what stood there before must not go out.
  const from = at + Refusal.head
  b.fill(0x20, from + b.write(news.text, from, text, 'utf8'), from + text)
}
