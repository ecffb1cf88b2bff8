import type { CallName } from '../../bus/correlation-id.ts'
import { Flag, Reason } from '../../bus/frame.ts'
import { TRACE_WHATS, type TraceWhat } from '../../bus/trace.ts'
import { TraceSampling } from '../../bus/trace-sampling.ts'
import type { Delivery } from './deliveries.ts'
import { Departed } from './departed.ts'
import type { Queue, Waiting } from './queue.ts'
import { TraceRing, type TraceRow } from './trace-ring.ts'

const placeOf = (what: TraceWhat): number => TRACE_WHATS.indexOf(what)
/** What a broker has to tell of a call. One that is sent on at once was never queued. */
export const Told = {
  queued: placeOf('queued'),
  dispatched: placeOf('dispatched'),
  replied: placeOf('replied'),
  refused: placeOf('refused'),
  handedBack: placeOf('handed_back'),
  expired: placeOf('expired'),
  lost: placeOf('lost'),
  cancelled: placeOf('cancelled'),
  late: placeOf('late'),
}
const USUAL: readonly boolean[] = TRACE_WHATS.map((what) =>
  ['queued', 'dispatched', 'replied'].includes(what),
)

/** What a refusal is called in a trace. */
export const toldOf = (reason: number): number => {
  if (reason === Reason.expired) return Told.expired
  if (reason === Reason.moved) return Told.handedBack
  return reason === Reason.link_lost ? Told.lost : Told.refused
}

/** Ended sessions and forgotten topics whose names are remembered, each. */
const MAX_DEPARTED = 16_384
/** What is notable has a ring of its own, so that a day's ordinary calls do not push it out. */
const NOTABLE_SHARE = 1 / 4

/**
 * What happened to the last calls here, for whoever asks after one of them. Kept only while somebody
 * may ask: it costs a few numbers per event.
 */
export class CallTrace {
  readonly #all: TraceRing
  readonly #notable: TraceRing
  readonly #sessions = new Departed(MAX_DEPARTED)
  readonly #topics = new Departed(MAX_DEPARTED)
  readonly #sampling = new TraceSampling()
  #number = 0

  /** `size`: events remembered, 1 at least; of the notable ones a quarter as many more. */
  constructor(size: number) {
    this.#all = new TraceRing(size)
    this.#notable = new TraceRing(Math.max(1, Math.floor(size * NOTABLE_SHARE)))
  }

  /** Events so far, and what is remembered no longer. */
  get counters(): Record<string, number> {
    return {
      traced: this.#number,
      traceSkipped: this.#sampling.skipped,
      traceDropped: this.#all.dropped,
      traceNotableDropped: this.#notable.dropped,
      traceNamesDropped: this.#sessions.dropped + this.#topics.dropped,
    }
  }

  note(
    now: number,
    what: number,
    origin: number,
    counter: number,
    flags: number,
    attempt: number,
    queue: Queue | undefined,
    peer: number,
    why: number,
  ): void {
    const isUsual = !isNotable(what, flags, attempt)
    if (isUsual && this.#sampling.skips(now, counter)) return
    const isLong = (flags & Flag.long) !== 0
    const topic = queue === undefined ? 0 : queue.topic.handle
    const number = queue === undefined ? 0 : queue.handle
    this.#number += 1
    const id = this.#number
    this.#all.put(id, now, what, origin, counter, isLong, attempt, topic, number, peer, why)
    if (isUsual) return
    this.#notable.put(id, now, what, origin, counter, isLong, attempt, topic, number, peer, why)
  }

  delivery(now: number, what: number, delivery: Delivery, why: number): void {
    const { origin, owner, queue, counter, flags, attempt } = delivery
    this.note(now, what, origin!.handle, counter, flags, attempt, queue, owner!.handle, why)
  }

  waiting(now: number, what: number, message: Waiting, why: number): void {
    const { origin, queue, counter, flags, attempt } = message
    this.note(now, what, origin.handle, counter, flags, attempt, queue, queue.owner.handle, why)
  }

  sessionGone({ handle, instance }: { handle: number; instance: string }): void {
    this.#sessions.add(handle, instance)
  }

  topicGone({ handle, name }: { handle: number; name: string }): void {
    this.#topics.add(handle, name)
  }

  /** The instance of a session that is gone. */
  instanceOf(handle: number): string | undefined {
    return this.#sessions.nameOf(handle)
  }

  /** The name of a topic that is forgotten. */
  topicOf(handle: number): string | undefined {
    return this.#topics.nameOf(handle)
  }

  /** Events of one call, oldest first. `handle` is that of its requester's session now, or 0. */
  find(handle: number, { instance, counter, isLong }: CallName): TraceRow[] {
    const origins = new Set([handle, ...this.#sessions.handlesOf(instance)])
    origins.delete(0)
    const rows = new Map<number, TraceRow>()
    for (const ring of [this.#all, this.#notable]) {
      for (const row of ring.find(origins, counter, isLong)) rows.set(row.number, row)
    }
    return [...rows.values()].sort((a, b) => a.number - b.number)
  }
}

const isNotable = (what: number, flags: number, attempt: number): boolean =>
  attempt > 1 || (flags & Flag.pinned) !== 0 || !USUAL[what]
