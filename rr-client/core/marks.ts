import { Arena } from '../../bus/arena.ts'
import type { HandlerReply, Mark } from './mark.ts'
import { Handles, Peer } from './peer.ts'
import type { ClientCounters } from './state.ts'

/** Calls a responder remembers at once. Beyond it new ones are refused, never forgotten early. */
export const MAX_MARKS = 1_000_000
/** Bytes of kept replies; beyond it those a broker has acknowledged are forgotten first. */
const MAX_KEPT_BYTES = 64 * 1_048_576
/** Forgetting goes a little below the bound, so that it is not done for every reply. */
const KEPT_AFTER = 0.9
const SWEEP_MS = 1_000
/** `forgetAt` of a mark that is in no table any more, though its handler may still run. */
export const FORGOTTEN = -1

/** Everything this instance remembers of the calls it was sent, by requester. */
export class Marks {
  readonly #peers = new Map<string, Peer<Mark>>()
  /** Peers as the brokers call them. */
  readonly handles = new Handles<Peer<Mark>>()
  readonly #counters: ClientCounters
  readonly #arena = new Arena()
  #size = 0
  #sweepAt = Number.POSITIVE_INFINITY
  #nextId = 1

  constructor(counters: ClientCounters) {
    this.#counters = counters
  }

  get size(): number {
    return this.#size
  }

  get keptBytes(): number {
    return this.#arena.heldBytes
  }

  get nextDeadline(): number {
    return this.#sweepAt
  }

  newId(): number {
    this.#nextId += 1
    return this.#nextId
  }

  peer(instance: string, replyTopic: string): Peer<Mark> {
    const known = this.#peers.get(instance)
    if (known !== undefined) {
      if (replyTopic !== '') known.replyTopic = replyTopic
      return known
    }
    const peer = new Peer<Mark>(instance, replyTopic)
    this.#peers.set(instance, peer)
    return peer
  }

  /** A link has forgotten the peer; without links and marks nobody needs it. */
  leavePeer(peer: Peer<Mark>): void {
    peer.links -= 1
    if (peer.links === 0 && peer.marks === 0) this.#peers.delete(peer.instance)
  }

  add(now: number, mark: Mark): void {
    mark.peer.add(mark)
    this.#size += 1
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + SWEEP_MS
  }

  /** A mark that is replaced by a newer one of the same call. */
  drop(mark: Mark): void {
    this.#forget(mark)
  }

  /** What the requester has settled need not be remembered (floor). */
  raiseFloor(peer: Peer<Mark>, floor: number, isLong: boolean): void {
    peer.raiseFloor(floor, isLong, this.#forget)
  }

  /** Keeps the answer of a finished call for copies that may come. */
  keep(mark: Mark, reply: HandlerReply): void {
    if (mark.forgetAt === FORGOTTEN) return
    const { kind, flags, body } = reply
    const chunk = this.#arena.keep(body, 0, body.length)
    mark.kept = { kind, flags, chunk, at: this.#arena.at, size: body.length }
    if (this.keptBytes > MAX_KEPT_BYTES) this.#forgetReplies()
  }

  *all(): Generator<Mark> {
    for (const peer of this.#peers.values()) yield* peer.all()
  }

  /** Forgets what no copy can come for any more. */
  onDeadline(now: number): void {
    if (now < this.#sweepAt) return
    for (const peer of [...this.#peers.values()]) {
      // A copy of the list: the ring moves when its first mark goes. All of it: one long call in front
      // must not keep what came after it (WIRE-SAFETY M12).
      for (const mark of [...peer.all()]) {
        if (mark.forgetAt > now) continue
        if (mark.state === 'running' || mark.state === 'waiting') continue
        peer.delete(mark)
        this.#forget(mark)
      }
      if (peer.links === 0 && peer.marks === 0) this.#peers.delete(peer.instance)
    }
    this.#sweepAt = this.#size > 0 ? now + SWEEP_MS : Number.POSITIVE_INFINITY
  }

  readonly #forget = (mark: Mark): void => {
    this.#size -= 1
    mark.forgetAt = FORGOTTEN
    this.#dropReply(mark)
  }

  #dropReply(mark: Mark): void {
    if (mark.kept === undefined) return
    this.#arena.release(mark.kept.chunk)
    mark.kept = undefined
  }

  #forgetReplies(): void {
    for (const isAcknowledged of [true, false]) {
      for (const mark of this.all()) {
        if (this.keptBytes <= MAX_KEPT_BYTES * KEPT_AFTER) return
        if (mark.kept === undefined || isAtBroker(mark) !== isAcknowledged) continue
        this.#dropReply(mark)
        this.#counters.repliesForgotten += 1
      }
    }
  }
}

/** A broker has acknowledged the batch with the answer. */
export const isAtBroker = (mark: Mark): boolean =>
  mark.batch > 0 &&
  (mark.way.generation !== mark.way.link.generation || mark.way.link.pulse.acked >= mark.batch)
