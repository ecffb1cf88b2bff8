/** Writes the frames of a call straight into a link's outbox. */
import { setU16, setU32, setU64, u32, u64 } from '../../bus/bytes.ts'
import {
  Cancel,
  Flag,
  Frame,
  LEAST_WAIT_MS,
  LOAD_UNIT,
  MAX_LOAD,
  putHead,
  putRefusal,
  QueueState,
  Reason,
  Refusal,
  Reply,
  Request,
  refusalSize,
  Stage,
  stageName,
} from '../../bus/frame.ts'
import type { BrokerLink } from './broker-link.ts'
import type { RefusalNote, RequestResponseFuture } from './future.ts'
import type { HandlerReply, Kept, Mark, Way } from './mark.ts'
import type { Registration } from './registration.ts'
import type { RouteQueue } from './route-queue.ts'
import type { TopicRoutes } from './routes.ts'

/** Without a queue the request is pinned: its headers say whom it is for. */
export const writeRequest = (
  now: number,
  future: RequestResponseFuture,
  link: BrokerLink,
  queue: RouteQueue | undefined,
  flags: number,
  untraced: Buffer,
  floor: number,
): void => {
  const { body, tracer } = future.facts
  const headers = tracer === undefined ? untraced : tracer.sending(future, link, queue, untraced)
  const size = Request.head + headers.length + body.length
  const at = link.outbox.reserve(now, size)
  const b = link.outbox.bytes
  putHead(b, at, size, Frame.request, flags)
  setU16(b, at + Request.attempt, future.attempt)
  setU32(b, at + Request.headersLength, headers.length)
  setU32(b, at + Request.topic, queue?.topicHandle ?? 0)
  setU32(b, at + Request.queue, queue?.handle ?? 0)
  setU32(b, at + Request.target, queue?.owner ?? 0)
  setU32(b, at + Request.origin, 0)
  setU32(b, at + Request.delivery, 0)
  // Past its deadline it must not wrap round to fifty days: a process that was stopped gets here.
  // Our deadline is rounded up by 1 ms; the other side must not think it has more than was given.
  const leftMs = future.deadline - 1 - now - headroomMs(future.facts.timeoutMs)
  setU32(b, at + Request.remainingMs, Math.max(0, leftMs))
  setU64(b, at + Request.life, link.life)
  setU64(b, at + Request.epoch, queue?.epoch ?? 0)
  setU64(b, at + Request.counter, future.counter)
  setU64(b, at + Request.floor, floor)
  if (headers.length > 0) headers.copy(b, at + Request.head)
  if (body.length > 0) body.copy(b, at + Request.head + headers.length)
}

/**
 * What expires unstarted should be told before the caller gives up: `expired`, not executed, is worth
 * more than a deadline exceeded with everything unknown. It takes a round trip and a tick of a timer.
 */
const MAX_HEADROOM_MS = 8
const headroomMs = (timeoutMs: number): number => Math.min(MAX_HEADROOM_MS, timeoutMs >> 5)

export const writeCancel = (
  now: number,
  future: RequestResponseFuture,
  attempt: number,
  link: BrokerLink,
  queue: RouteQueue,
): void => {
  const at = link.outbox.reserve(now, Cancel.head)
  const b = link.outbox.bytes
  b.fill(0, at, at + Cancel.head)
  putHead(b, at, Cancel.head, Frame.cancel, future.isLong ? Flag.long : 0)
  setU16(b, at + Cancel.attempt, attempt)
  setU32(b, at + Cancel.queue, queue.handle)
  setU32(b, at + Cancel.target, queue.owner)
  setU64(b, at + Cancel.counter, future.counter)
}

/** An answer, wherever its bytes lie. */
export interface ReplyWords {
  readonly kind: number
  readonly flags: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export const wordsOf = ({ kind, flags, body }: HandlerReply): ReplyWords => ({
  kind,
  flags,
  bytes: body,
  start: 0,
  end: body.length,
})

export const keptWords = ({ kind, flags, chunk, at, size }: Kept): ReplyWords => ({
  kind,
  flags,
  bytes: chunk.bytes,
  start: at,
  end: at + size,
})

/** `headers` name the reply topic when the answer goes another way than the request came. */
export const writeReply = (
  now: number,
  link: BrokerLink,
  mark: Mark,
  to: number,
  delivery: number,
  headers: Buffer,
  reply: ReplyWords,
): void => {
  const size = Reply.head + headers.length + reply.end - reply.start
  const at = link.outbox.reserve(now, size)
  const b = link.outbox.bytes
  putHead(b, at, size, Frame.reply, reply.flags | (mark.isLong ? Flag.long : 0))
  b[at + Reply.kind] = reply.kind
  b[at + Reply.load] = loadOf(mark.registration)
  setU32(b, at + Reply.headersLength, headers.length)
  setU32(b, at + Reply.to, to)
  setU32(b, at + Reply.from, 0)
  setU32(b, at + Reply.delivery, delivery)
  setU64(b, at + Reply.counter, mark.counter)
  if (headers.length > 0) headers.copy(b, at + Reply.head)
  if (reply.start < reply.end) {
    reply.bytes.copy(b, at + Reply.head + headers.length, reply.start, reply.end)
  }
}

/** How many requests wait for each handler that may run, as the wire says it. */
const loadOf = ({ waiting, waitedMs, concurrency }: Registration): number => {
  if (waiting === 0 || waitedMs < LEAST_WAIT_MS) return 0
  return Math.min(MAX_LOAD, Math.ceil((waiting * LOAD_UNIT) / concurrency))
}

/** What a responder refuses, and whether it will never start this attempt or one before it. */
export interface ResponderRefusal {
  way: Way
  counter: number
  attempt: number
  flags: number
  reason: Reason
  text: string
}

export const writeRefusal = (now: number, refusal: ResponderRefusal): void => {
  const { outbox } = refusal.way.link
  const { reason, text, flags, attempt, counter, way } = refusal
  const news = { ...NO_NEWS, reason, text }
  const at = outbox.reserve(now, refusalSize(news))
  const who = { flags, attempt, counter, to: way.origin, delivery: way.delivery, from: 0 }
  putRefusal(outbox.bytes, at, { type: Frame.refusal, ...who }, news)
}

const NO_NEWS = {
  stage: Stage.responder,
  queueState: 0,
  queue: 0,
  epoch: 0,
  limit: 0,
  current: 0,
  retryAfterMs: 0,
}

/** What a refusal says. */
export const readRefusal = (b: Buffer, at: number, end: number): RefusalNote => ({
  reason: b[at + Refusal.reason] as Reason,
  stage: stageName(b[at + Refusal.stage]!),
  limit: u32(b, at + Refusal.limit),
  current: u32(b, at + Refusal.current),
  retryAfterMs: u32(b, at + Refusal.retryAfterMs),
  text: b.toString('utf8', at + Refusal.head, end),
})

/** A broker's refusal is news of the queue as well, which others should not have to learn anew. */
export const noteRefusal = (
  now: number,
  topic: TopicRoutes,
  link: BrokerLink,
  b: Buffer,
  at: number,
): void => {
  const queue = topic.find(link, u32(b, at + Refusal.queue))
  if (queue === undefined) return
  const state = b[at + Refusal.queueState]!
  const epoch = u64(b, at + Refusal.epoch)
  if (epoch !== 0 && epoch < queue.epoch) return
  const reason = b[at + Refusal.reason]
  if (reason === Reason.full) queue.avoidUntil = now + u32(b, at + Refusal.retryAfterMs)
  if (reason === Reason.stale || reason === Reason.moved || reason === Reason.full) {
    queue.state = state === QueueState.gone ? QueueState.transition : state
  }
}
