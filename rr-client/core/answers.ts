import { ReplyKind } from '../../bus/frame.ts'
import { encodeHeaders, NO_BYTES, OwnHeader } from '../../bus/headers.ts'
import type { BrokerLink } from './broker-link.ts'
import { keptWords, type ReplyWords, writeReply } from './call-frames.ts'
import { Traced } from './call-trace.ts'
import { isOpen, type Mark, type Way, waysOf } from './mark.ts'
import type { ClientState } from './state.ts'

/**
 * Answers on their way back. They are kept until a broker has acknowledged them, and go by any
 * broker that holds the requester's session (rule 5).
 */
export class Answers {
  readonly #state: ClientState
  /** Answers that no broker has acknowledged and whose link is lost. */
  readonly #owed = new Set<Mark>()

  constructor(state: ClientState) {
    this.#state = state
  }

  get owed(): number {
    return this.#owed.size
  }

  owe(mark: Mark): void {
    this.#owed.add(mark)
  }

  /** A copy of a finished call has come: the kept answer, or that it is kept no longer. */
  sendAgain(now: number, mark: Mark): void {
    this.#owed.delete(mark)
    this.send(now, mark, mark.kept === undefined ? LOST_REPLY : keptWords(mark.kept))
  }

  /** Sends the answer by every way a copy came; if none is open any more, by any broker. */
  send(now: number, mark: Mark, reply: ReplyWords): void {
    if (mark.others === undefined && isOpen(mark.way)) {
      this.#answerBy(now, mark, mark.way, reply)
      return
    }
    let isSent = false
    for (const way of waysOf(mark)) {
      if (!isOpen(way)) continue
      this.#answerBy(now, mark, way, reply)
      isSent = true
    }
    mark.others = undefined
    if (isSent) return
    const link = this.#state.links.find((other) => other.isUp)
    if (link !== undefined) this.#replyByTopic(now, link, mark, reply)
    else if (mark.kept !== undefined) this.#owed.add(mark)
  }

  /** Any broker may carry an answer to its requester. */
  onLinkUp(now: number, link: BrokerLink): void {
    for (const mark of this.#owed) {
      this.#owed.delete(mark)
      if (mark.kept === undefined) continue
      this.#state.counters.repliesResent += 1
      this.#replyByTopic(now, link, mark, keptWords(mark.kept))
    }
  }

  #answerBy(now: number, mark: Mark, way: Way, reply: ReplyWords): void {
    const { link } = way
    writeReply(now, link, mark, way.origin, way.delivery, NO_BYTES, reply)
    this.#state.trace?.answered(now, Traced.replied, mark, link.broker)
    this.#state.heartbeat.touch(now, link)
    if (way === mark.way) mark.batch = link.outbox.lastBatch
  }

  #replyByTopic(now: number, link: BrokerLink, mark: Mark, reply: ReplyWords): void {
    const own = encodeHeaders({}, { [OwnHeader.replyTopic]: mark.peer.replyTopic })
    writeReply(now, link, mark, 0, 0, own, reply)
    this.#state.trace?.answered(now, Traced.replied, mark, link.broker)
    this.#state.heartbeat.touch(now, link)
    mark.way = { link, generation: link.generation, readAt: now, origin: 0, delivery: 0 }
    mark.batch = link.outbox.lastBatch
  }
}

const LOST_REPLY: ReplyWords = {
  kind: ReplyKind.reply_lost,
  flags: 0,
  bytes: NO_BYTES,
  start: 0,
  end: 0,
}
