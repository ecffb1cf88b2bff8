import { Reason, ReplyKind } from '../../bus/frame.ts'
import { TRACE_WHATS, type TraceEvent, type TraceWhat } from '../../bus/trace.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { Mark } from './mark.ts'

/** Events remembered; the oldest are overwritten. */
const MAX_EVENTS = 8_192
/** Events told of one call, the newest: there are more only of one that was sent again and again. */
const MAX_TOLD = 100

const IS_LONG = 1
const IS_RESPONDER = 2
const CODES = Object.fromEntries(TRACE_WHATS.map((what, code) => [what, code])) as Record<
  TraceWhat,
  number
>

/**
 * What happened to the calls of late, at both ends: a ring of rows of numbers and of texts that exist
 * anyway, so that an event is a few stores and makes no object.
 */
export class CallTrace {
  readonly #size: number
  readonly #at: Float64Array
  readonly #counter: Float64Array
  readonly #what: Uint8Array
  readonly #flags: Uint8Array
  readonly #attempt: Uint16Array
  readonly #queue: Uint32Array
  /** The requester of a call that this instance answered. */
  readonly #requester: string[]
  readonly #topic: string[]
  readonly #instance: string[]
  readonly #reason: string[]
  #next = 0
  #isFull = false

  constructor(size = MAX_EVENTS) {
    this.#size = size
    this.#at = new Float64Array(size)
    this.#counter = new Float64Array(size)
    this.#what = new Uint8Array(size)
    this.#flags = new Uint8Array(size)
    this.#attempt = new Uint16Array(size)
    this.#queue = new Uint32Array(size)
    const texts = (): string[] => new Array<string>(size).fill('')
    this.#requester = texts()
    this.#topic = texts()
    this.#instance = texts()
    this.#reason = texts()
  }

  /** Something happened to a call of ours. */
  asked(now: number, what: TraceWhat, future: RequestResponseFuture, reason = ''): void {
    const { counter, isLong, attempt } = future
    const flags = isLong ? IS_LONG : 0
    const { topic } = future.facts
    const at = this.#note(now, CODES[what], counter, flags, attempt, '', topic)
    this.#reason[at] = reason
  }

  /** Something happened to one send of a call of ours. */
  attempted(
    now: number,
    what: TraceWhat,
    future: RequestResponseFuture,
    { number, queue, instance }: Attempt,
    reason = '',
  ): void {
    const { counter, isLong } = future
    const flags = isLong ? IS_LONG : 0
    const at = this.#note(now, CODES[what], counter, flags, number, '', future.facts.topic)
    this.#queue[at] = queue?.handle ?? 0
    this.#instance[at] = instance
    this.#reason[at] = reason
  }

  /** An answer came to a call of ours that is over. */
  late(now: number, counter: number, isLong: boolean): void {
    this.#note(now, CODES.late, counter, isLong ? IS_LONG : 0, 0, '', '')
  }

  /** Something happened to a call that this instance answers. */
  answered(now: number, what: TraceWhat, mark: Mark, reason = ''): void {
    const flags = mark.isLong ? IS_LONG | IS_RESPONDER : IS_RESPONDER
    const { peer, counter, attempt, registration } = mark
    const { topic } = registration
    const at = this.#note(now, CODES[what], counter, flags, attempt, peer.instance, topic)
    this.#reason[at] = reason
  }

  /** This instance will not start a call that was sent to it. */
  refused(now: number, mark: Mark, reason: number): void {
    const isBack = reason === Reason.moved || reason === Reason.draining
    const what = reason === Reason.expired ? 'expired' : isBack ? 'handed_back' : 'refused'
    this.answered(now, what, mark, reasonName(reason))
  }

  /** What is remembered of a call, oldest first. `self`: this instance. */
  of(
    now: number,
    self: string,
    call: { instance: string; counter: number; isLong: boolean },
  ): TraceEvent[] {
    const events: TraceEvent[] = []
    const count = this.#isFull ? this.#size : this.#next
    for (let i = 0; i < count; i++) {
      const at = this.#isFull ? (this.#next + i) % this.#size : i
      if (this.#counter[at] !== call.counter) continue
      const flags = this.#flags[at]!
      if (((flags & IS_LONG) !== 0) !== call.isLong) continue
      const isResponder = (flags & IS_RESPONDER) !== 0
      if ((isResponder ? this.#requester[at] : self) !== call.instance) continue
      events.push(this.#event(now, self, at, isResponder))
    }
    return events.slice(-MAX_TOLD)
  }

  #note(
    now: number,
    code: number,
    counter: number,
    flags: number,
    attempt: number,
    requester: string,
    topic: string,
  ): number {
    const at = this.#next
    this.#at[at] = now
    this.#counter[at] = counter
    this.#what[at] = code
    this.#flags[at] = flags
    this.#attempt[at] = attempt
    this.#queue[at] = 0
    this.#requester[at] = requester
    this.#topic[at] = topic
    this.#instance[at] = ''
    this.#reason[at] = ''
    this.#next = at + 1
    if (this.#next === this.#size) {
      this.#next = 0
      this.#isFull = true
    }
    return at
  }

  #event(now: number, self: string, at: number, isResponder: boolean): TraceEvent {
    const event: TraceEvent = {
      agoMs: Math.max(0, now - this.#at[at]!),
      role: isResponder ? 'responder' : 'requester',
      node: self,
      what: TRACE_WHATS[this.#what[at]!]!,
      attempt: this.#attempt[at]!,
    }
    if (this.#topic[at] !== '') event.topic = this.#topic[at]!
    if (this.#queue[at] !== 0) event.queue = this.#queue[at]!
    if (this.#instance[at] !== '') event.instance = this.#instance[at]!
    if (this.#reason[at] !== '') event.reason = this.#reason[at]!
    return event
  }
}

const REASON_NAMES = new Map<number, string>(
  Object.entries(Reason).map(([name, reason]) => [reason, name]),
)
/** A refusal's reason in a word. */
export const reasonName = (reason: number): string => REASON_NAMES.get(reason) ?? String(reason)

const REPLY_NAMES = new Map<number, string>(
  Object.entries(ReplyKind).map(([name, kind]) => [kind, name]),
)
/** How a handler ended, in a word. */
export const replyName = (kind: number): string => REPLY_NAMES.get(kind) ?? String(kind)
