import { Reason } from '../../bus/frame.ts'
import { encodeHeaders, OwnHeader } from '../../bus/headers.ts'
import type { BrokerLink } from './broker-link.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { ClientState } from './state.ts'

/** Pinned sends that a broker has not acknowledged yet, per link: recovery must not be a storm. */
const MAX_UNACKNOWLEDGED = 64
/** An instance gone from every broker for so long is lost. */
const GONE_MS = 150
/** Between two rounds of asking for it: doubling, so that a long cut is not filled with questions. */
const TRY_AGAIN_MS = 20
const LONGEST_PAUSE_MS = 160
const NEVER = Number.POSITIVE_INFINITY

export interface RecoveryActs {
  write(now: number, future: RequestResponseFuture, link: BrokerLink): void
  wakeAt(now: number, future: RequestResponseFuture, instant: number): void
  lost(now: number, future: RequestResponseFuture): void
}

/**
 * Sending a call again to the very instance that may have it: never seen, it runs it; running, it
 * joins; done, it sends the kept reply. So a lost link or broker costs the caller nothing while the
 * responder lives, and can never run the call twice.
 */
export class Recovery {
  readonly #state: ClientState
  readonly #acts: RecoveryActs
  /** Calls that wait for a link, or for their turn on one. */
  readonly #due = new Set<RequestResponseFuture>()

  constructor(state: ClientState, acts: RecoveryActs) {
    this.#state = state
    this.#acts = acts
  }

  /** The way of the current attempt is lost: send it again as soon as some link can take it. */
  start(now: number, future: RequestResponseFuture): void {
    future.absentSince = -1
    future.absentFrom = undefined
    future.absences = 0
    this.#again(now, future)
  }

  #again(now: number, future: RequestResponseFuture): void {
    future.isRecovering = true
    this.#due.add(future)
    this.#sendDue(now)
  }

  /** A pinned attempt was refused while an earlier one may still run: try again, or give up. */
  onRefused(now: number, future: RequestResponseFuture, attempt: Attempt): void {
    // Not the newest, or the newest of a call that is on its way elsewhere: nothing to do.
    if (future.current !== undefined || future.earlier === undefined) return
    future.current = future.earlier.pop()
    if (future.earlier.length === 0) future.earlier = undefined
    future.isRecovering = true
    future.absentFrom = [...(future.absentFrom ?? []), attempt.link]
    if (future.refusal?.reason !== Reason.instance_absent) future.absentSince = -1
    else if (future.refusal.retryAfterMs > 0 || this.#isOpening(attempt.link))
      future.absentSince = -1
    else if (future.absentSince < 0) future.absentSince = now
    else if (now - future.absentSince >= GONE_MS) {
      this.#acts.lost(now, future)
      return
    }
    const goneAt = future.absentSince < 0 ? NEVER : future.absentSince + GONE_MS
    const pauseMs = Math.min(LONGEST_PAUSE_MS, TRY_AGAIN_MS * 2 ** Math.floor(future.absences / 4))
    future.absences += 1
    this.#acts.wakeAt(now, future, Math.min(now + pauseMs, goneAt))
  }

  onWake(now: number, future: RequestResponseFuture): void {
    // Sent and not refused: the instance has it, and the deadline is all that is left to wait for.
    if (
      future.current !== undefined &&
      this.#isUnderWay(future.current) &&
      !this.#isRefused(future)
    )
      return
    this.#again(now, future)
  }

  onLinkUp(now: number, link: BrokerLink): void {
    link.recoveries = 0
    this.#sendDue(now)
  }

  onAcknowledged(now: number, link: BrokerLink): void {
    if (link.recoveries === 0 || link.pulse.acked < link.recoveryBatch) return
    link.recoveries = 0
    this.#sendDue(now)
  }

  /** The own headers of a pinned request: whom it is for, and the topic by name. */
  headersFor(future: RequestResponseFuture, instance: string): Buffer {
    const own = { [OwnHeader.to]: instance, [OwnHeader.topic]: future.facts.topic }
    return Buffer.concat([encodeHeaders({}, own), future.facts.headers])
  }

  #sendDue(now: number): void {
    for (const future of this.#due) {
      const isOver = future.isSettled || future.deadline <= now
      if (isOver || !future.isRecovering || future.current === undefined) {
        this.#due.delete(future)
        continue
      }
      const link = this.#linkFor(future)
      if (link === undefined) return
      this.#due.delete(future)
      this.#state.counters.recoveries += 1
      future.topic.tally.recoveries += 1
      this.#acts.write(now, future, link)
      link.recoveries += 1
      link.recoveryBatch = link.outbox.lastBatch
    }
  }

  /** Of the brokers that have not refused it in this round the least burdened. */
  #linkFor(future: RequestResponseFuture): BrokerLink | undefined {
    const usable = this.#state.links.filter(isUsable)
    let fresh = usable.filter((link) => future.absentFrom?.includes(link) !== true)
    if (fresh.length === 0) {
      fresh = usable
      future.absentFrom = undefined
    }
    let best: BrokerLink | undefined
    for (const link of fresh) {
      if (best === undefined || link.recoveries < best.recoveries) best = link
    }
    return best
  }

  #isUnderWay(attempt: Attempt): boolean {
    return attempt.link.isUp && attempt.link.generation === attempt.generation
  }

  /** The newest attempt is an older one than was sent last: the last one was refused. */
  #isRefused(future: RequestResponseFuture): boolean {
    return future.current !== undefined && future.current.number < future.attempt
  }

  #isOpening(except: BrokerLink): boolean {
    return this.#state.links.some((link) => link !== except && link.isReturning)
  }
}

const isUsable = (link: BrokerLink): boolean =>
  link.isUp && !link.outbox.isClogged && link.recoveries < MAX_UNACKNOWLEDGED
