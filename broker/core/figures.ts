import { Reason, ReplyKind } from '../../bus/frame.ts'
import { LatencyCounts, shortCounts } from '../../bus/latency.ts'

/** What became of requests, in one life of the broker: each counts once, by what its requester heard first. */
export interface QueueEnds {
  ok: number
  serviceErrors: number
  handlerFailed: number
  replyLost: number
  /** By the broker or the owner, for whatever reason but the next two. */
  refused: number
  expired: number
  handedBack: number
  /** The owner's link was lost with it. */
  lost: number
}

export interface FiguresView {
  ends: QueueEnds
  /** Milliseconds from forwarding to the answer, by bucket of `LATENCY_BOUNDS_MS`; trailing zeros are left out. */
  latency: number[]
}

/** Places of the counts: first the kinds of a reply, as on the wire. */
const REFUSED = 4
const EXPIRED = 5
const HANDED_BACK = 6
const LOST = 7
const COUNTS = 8
/** The broker counts in whole milliseconds: what took less than one is taken for half of one. */
const LEAST_MS = 0.5
const endOf = (reason: Reason): number => {
  if (reason === Reason.expired) return EXPIRED
  return reason === Reason.moved ? HANDED_BACK : REFUSED
}

/**
 * Counts of what became of requests. When a queue ends, its figures go to those of its topic, and
 * with the topic to those of the broker: what is counted for a queue that is gone counts there.
 */
export class Figures {
  readonly #ends = new Float64Array(COUNTS)
  #latency: LatencyCounts | undefined
  #heir: Figures | undefined

  replied(kind: number, ms: number): void {
    if (this.#heir !== undefined) {
      this.#heir.replied(kind, ms)
      return
    }
    const place = kind <= ReplyKind.reply_lost ? kind : ReplyKind.handler_failed
    this.#ends[place]! += 1
    this.#latency ??= new LatencyCounts()
    this.#latency.note(Math.max(LEAST_MS, ms))
  }

  refused(reason: Reason): void {
    this.#count(endOf(reason))
  }

  lost(): void {
    this.#count(LOST)
  }

  /** What was counted here, and what is from now on, counts there. Once. */
  leaveTo(heir: Figures): void {
    if (this.#heir !== undefined) return
    this.#heir = heir
    for (let place = 0; place < COUNTS; place++) heir.#ends[place]! += this.#ends[place]!
    if (this.#latency === undefined) return
    heir.#latency ??= new LatencyCounts()
    heir.#latency.add(this.#latency)
  }

  view(): FiguresView {
    const of = (place: number): number => this.#ends[place]!
    return {
      ends: {
        ok: of(ReplyKind.ok),
        serviceErrors: of(ReplyKind.service_error),
        handlerFailed: of(ReplyKind.handler_failed),
        replyLost: of(ReplyKind.reply_lost),
        refused: of(REFUSED),
        expired: of(EXPIRED),
        handedBack: of(HANDED_BACK),
        lost: of(LOST),
      },
      latency: this.#latency === undefined ? [] : shortCounts(this.#latency.counts),
    }
  }

  #count(place: number): void {
    if (this.#heir === undefined) this.#ends[place]! += 1
    else this.#heir.#count(place)
  }
}

/** Of a queue, topic or broker that has counted nothing. */
export const noFigures = (): FiguresView => new Figures().view()
