import { Reason, ReplyKind } from '../../bus/frame.ts'
import { TRACE_WHATS, type TraceEvent } from '../../bus/trace.ts'
import { TraceSampling } from '../../bus/trace-sampling.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { Mark } from './mark.ts'
import type { Peer } from './peer.ts'
import type { Registration } from './registration.ts'
import type { RouteQueue } from './route-queue.ts'
import type { TopicRoutes } from './routes.ts'

/** Events remembered; the oldest are overwritten. */
const MAX_EVENTS = 8_192
/** Events told of one call, the newest: there are more only of one that was sent again and again. */
const MAX_TOLD = 100

/** What may happen to a call at a client, by its number in `TRACE_WHATS`. */
export const Traced = {
  accepted: TRACE_WHATS.indexOf('accepted'),
  sent: TRACE_WHATS.indexOf('sent'),
  received: TRACE_WHATS.indexOf('received'),
  started: TRACE_WHATS.indexOf('started'),
  finished: TRACE_WHATS.indexOf('finished'),
  replied: TRACE_WHATS.indexOf('replied'),
  refused: TRACE_WHATS.indexOf('refused'),
  handedBack: TRACE_WHATS.indexOf('handed_back'),
  expired: TRACE_WHATS.indexOf('expired'),
  lost: TRACE_WHATS.indexOf('lost'),
  cancelled: TRACE_WHATS.indexOf('cancelled'),
  late: TRACE_WHATS.indexOf('late'),
  settled: TRACE_WHATS.indexOf('settled'),
} as const

/** Where things stand in the one number of an event. */
const WHAT_BITS = 0xff
const IS_LONG = 0x100
const IS_RESPONDER = 0x200
const HAS_REASON = 0x400
const ATTEMPT_SHIFT = 12

/** What an event is about; it outlives the call anyway, as what the call itself holds need not. */
type Subject = TopicRoutes | RouteQueue | Registration | string | undefined

/**
 * What happened to the calls of late, at both ends: a ring of rows, in which an event is four or five
 * stores of numbers and of things that are there anyway.
 */
export class CallTrace {
  readonly #size: number
  readonly #at: Float64Array
  readonly #counter: Float64Array
  /** What, at which end, and of which attempt. */
  readonly #event: Uint32Array
  readonly #subject: Subject[]
  /** The requester of a call that this instance answers. */
  readonly #peer: (Peer<Mark> | undefined)[]
  readonly #reason: string[]
  readonly #sampling = new TraceSampling()
  #next = 0
  #isFull = false

  constructor(size = MAX_EVENTS) {
    this.#size = size
    this.#at = new Float64Array(size)
    this.#counter = new Float64Array(size)
    this.#event = new Uint32Array(size)
    this.#subject = new Array<Subject>(size).fill(undefined)
    this.#peer = new Array<Peer<Mark> | undefined>(size).fill(undefined)
    this.#reason = new Array<string>(size).fill('')
  }

  /** Something happened to a call of ours. */
  asked(now: number, what: number, future: RequestResponseFuture, reason = ''): void {
    const { counter, isLong, attempt, topic } = future
    if (isOrdinary(what, reason, attempt) && this.#sampling.skips(now, counter)) return
    const event = what | (isLong ? IS_LONG : 0) | (attempt << ATTEMPT_SHIFT)
    this.#note(now, counter, event, topic, reason)
  }

  /** Something happened to one send of a call of ours. */
  attempted(
    now: number,
    what: number,
    future: RequestResponseFuture,
    { number, queue, instance }: Attempt,
    reason = '',
  ): void {
    if (isOrdinary(what, reason, number) && this.#sampling.skips(now, future.counter)) return
    const event = what | (future.isLong ? IS_LONG : 0) | (number << ATTEMPT_SHIFT)
    this.#note(now, future.counter, event, queue ?? instance, reason)
  }

  /** An answer came to a call of ours that is over. */
  late(now: number, counter: number, isLong: boolean): void {
    this.#note(now, counter, Traced.late | (isLong ? IS_LONG : 0), undefined, '')
  }

  /** Something happened to a call that this instance answers. */
  answered(now: number, what: number, mark: Mark, reason = ''): void {
    const { counter, isLong, attempt, registration } = mark
    if (isOrdinary(what, reason, attempt) && this.#sampling.skips(now, counter)) return
    const event = what | IS_RESPONDER | (isLong ? IS_LONG : 0) | (attempt << ATTEMPT_SHIFT)
    this.#peer[this.#next] = mark.peer
    this.#note(now, counter, event, registration, reason)
  }

  /** This instance will not start a call that was sent to it. */
  refused(now: number, mark: Mark, reason: number): void {
    const isBack = reason === Reason.moved || reason === Reason.draining
    const isLate = reason === Reason.expired
    const what = isLate ? Traced.expired : isBack ? Traced.handedBack : Traced.refused
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
      const event = this.#event[at]!
      if (((event & IS_LONG) !== 0) !== call.isLong) continue
      const asker = (event & IS_RESPONDER) === 0 ? self : this.#peer[at]?.instance
      if (asker === call.instance) events.push(this.#tell(now, self, at, event))
    }
    return events.slice(-MAX_TOLD)
  }

  #note(now: number, counter: number, event: number, subject: Subject, reason: string): void {
    const at = this.#next
    this.#at[at] = now
    this.#counter[at] = counter
    this.#subject[at] = subject
    if (reason === '') this.#event[at] = event
    else {
      this.#event[at] = event | HAS_REASON
      this.#reason[at] = reason
    }
    if (at + 1 < this.#size) {
      this.#next = at + 1
      return
    }
    this.#next = 0
    this.#isFull = true
  }

  #tell(now: number, self: string, at: number, event: number): TraceEvent {
    const told: TraceEvent = {
      agoMs: Math.max(0, now - this.#at[at]!),
      role: (event & IS_RESPONDER) === 0 ? 'requester' : 'responder',
      node: self,
      what: TRACE_WHATS[event & WHAT_BITS]!,
      attempt: event >>> ATTEMPT_SHIFT,
    }
    Object.assign(told, aboutOf(this.#subject[at]))
    if ((event & HAS_REASON) !== 0) told.reason = this.#reason[at]!
    return told
  }
}

/** The way of a call that goes as it should; what else happens is always remembered. */
const ORDINARY: readonly boolean[] = TRACE_WHATS.map((what) =>
  ['accepted', 'sent', 'received', 'started', 'finished', 'replied', 'settled'].includes(what),
)
const isOrdinary = (what: number, reason: string, attempt: number): boolean =>
  ORDINARY[what]! && attempt <= 1 && (what !== Traced.settled || reason === OK)

/** What an event says of its subject. */
const aboutOf = (subject: Subject): Pick<TraceEvent, 'topic' | 'queue' | 'instance'> => {
  if (subject === undefined) return {}
  if (typeof subject === 'string') return { instance: subject }
  if ('owner' in subject) {
    return { topic: subject.topic.name, queue: subject.handle, instance: subject.instance }
  }
  return { topic: 'answerer' in subject ? subject.topic : subject.name }
}

const REASON_NAMES = new Map<number, string>(
  Object.entries(Reason).map(([name, reason]) => [reason, name]),
)
/** A refusal's reason in a word. */
export const reasonName = (reason: number): string => REASON_NAMES.get(reason) ?? String(reason)

const OK = 'ok'
const REPLY_NAMES = new Map<number, string>(
  Object.entries(ReplyKind).map(([name, kind]) => [kind, name]),
)
/** How a handler ended, in a word. */
export const replyName = (kind: number): string => REPLY_NAMES.get(kind) ?? String(kind)
