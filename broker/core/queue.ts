import { Fifo } from '../../bus/fifo.ts'
import { LEAST_WAIT_MS, LOAD_UNIT, MAX_LOAD, QueueState } from '../../bus/frame.ts'
import { Figures } from './figures.ts'
import type { FrameCopy } from './frame-copy.ts'
import type { Session } from './session.ts'

/** Accepted again below this share of the depth limit. */
const REOPEN_SHARE = 0.7
/** A queue's rate is that of the last window of so many milliseconds and answers, at least. */
const RATE_WINDOW_MS = 500
const RATE_ANSWERS = 16
/** How fast the slowest answer is forgotten. */
const SLOWEST_DECAY = 1 / 64

/** A request that waits for its queue's owner to have credit. */
export interface Waiting {
  readonly id: number
  readonly origin: Session
  readonly queue: Queue
  readonly counter: number
  readonly flags: number
  readonly attempt: number
  readonly since: number
  readonly deadline: number
  readonly size: number
  /** The frame, until the message has left the queue. */
  readonly copy: FrameCopy
  /** Taken out before its turn; what is left is skipped. */
  isGone: boolean
}

/** What an owner grants one queue. */
export interface Credit {
  /** The owner's own number for the registration it grants it with. */
  readonly id: number
  /** Deliveries that may be unanswered at once, and their bytes. */
  window: number
  windowBytes: number
}

export interface DepthLimits {
  readonly maxDepth: number
  readonly maxDepthBytes: number
}

/** What a queue knows of its topic. */
export interface QueueTopic {
  readonly handle: number
  readonly name: string
  /** Of each queue; an operator may change them at any moment. */
  readonly limits: DepthLimits
}

/**
 * The unit of order, ownership, depth and isolation: one owner, one epoch, what waits for it and
 * what it has not answered. A queue that has nothing is a row of numbers.
 */
export class Queue {
  readonly handle: number
  readonly topic: QueueTopic
  readonly credit: Credit
  readonly owner: Session
  epoch = 1
  /** `assigning` until the owner has confirmed; `transition` while it is away or leaves. */
  state: 'assigning' | 'writable' | 'transition' | 'gone' = 'assigning'
  /** Its owner has stopped answering, and another queue of the topic is better. */
  isStalled = false
  /** The owner's link does not acknowledge just now: it is given nothing. */
  isDoubtful = false
  /** The slowest recent answer, in milliseconds. */
  slowestMs = 0
  /** When the owner answered last, and since when answers are missed: then, or when calls began to wait. */
  answeredAt = 0
  #waitingSince = 0
  /** The longest that one of the last requests had waited here. */
  waitedMs = 0
  isFull = false
  /** Requesters know that it is full. */
  toldFull = false
  /** Dark-launch rules set its owner apart; undefined while nobody has had to know. */
  isApart: boolean | undefined
  readonly #fifo = new Fifo<Waiting>()
  #waiting = 0
  #waitingBytes = 0
  /** Deliveries the owner has not answered. */
  unanswered = 0
  unansweredBytes = 0
  /** Milliseconds from answer to answer while others waited; 0 while that is not known. */
  #gapMs = 0
  #windowAt = 0
  #answers = 0
  #lastAnswerAt = 0
  #longestGapMs = 0
  #figures: Figures | undefined

  constructor(handle: number, topic: QueueTopic, credit: Credit, owner: Session) {
    this.handle = handle
    this.topic = topic
    this.credit = credit
    this.owner = owner
  }

  /** What became of its requests. Made when the first one ends. */
  get figures(): Figures {
    this.#figures ??= new Figures()
    return this.#figures
  }

  get hasFigures(): boolean {
    return this.#figures !== undefined
  }

  /** The queue ends: what it counted and has yet to count, of what is still under way, goes there. */
  leaveFigures(heir: Figures): void {
    // A queue that ended a while ago ends again when another takes its handle.
    if (this.#figures === heir) return
    this.#figures?.leaveTo(heir)
    this.#figures = heir
  }

  get waiting(): number {
    return this.#waiting
  }

  get depth(): number {
    return this.#waiting + this.unanswered
  }

  get depthBytes(): number {
    return this.#waitingBytes + this.unansweredBytes
  }

  /** Requesters know of it: it is or was somebody's, not only promised. */
  get isTold(): boolean {
    return this.state !== 'assigning' || this.epoch > 1
  }

  /** What requesters are told of it. */
  get routeState(): number {
    if (this.state === 'gone') return QueueState.gone
    if (this.state !== 'writable') return QueueState.transition
    if (this.isStalled) return QueueState.stalled
    return this.isFull ? QueueState.full : QueueState.writable
  }

  /** The owner will take another delivery now. */
  hasCredit(size: number): boolean {
    const { window, windowBytes } = this.credit
    return (
      !this.isDoubtful &&
      this.unanswered < window &&
      (this.unanswered === 0 || this.unansweredBytes + size <= windowBytes) &&
      this.owner.link !== undefined &&
      !this.owner.link.outbox.isClogged
    )
  }

  /** It holds as much as it may, or more. */
  get isOverLimit(): boolean {
    const { maxDepth, maxDepthBytes } = this.topic.limits
    return this.depth >= maxDepth || this.depthBytes >= maxDepthBytes
  }

  /** Whether another message may be taken, by the depth limits; closes at 100 %, opens at 70 %. */
  checkDepth(size: number): boolean {
    const { maxDepth, maxDepthBytes } = this.topic.limits
    if (this.isFull) return false
    if (this.depth < maxDepth && this.depthBytes + size <= maxDepthBytes) return true
    this.isFull = true
    return false
  }

  /** True when the queue was full and takes messages again from now on. */
  reopens(): boolean {
    if (!this.isFull) return false
    const { maxDepth, maxDepthBytes } = this.topic.limits
    if (this.depth >= maxDepth * REOPEN_SHARE) return false
    if (this.depthBytes >= maxDepthBytes * REOPEN_SHARE) return false
    this.isFull = false
    return true
  }

  /** How long a message put in now would wait, at the rate the owner was measured; 0 if unknown. */
  expectedWaitMs(): number {
    return this.#waiting * this.#gapMs
  }

  /** For the rate: one delivery was answered while others waited. */
  measure(now: number): void {
    if (this.#waiting === 0) {
      this.#windowAt = 0
      return
    }
    if (this.#windowAt === 0) {
      this.#beginWindow(now)
      return
    }
    this.#answers += 1
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAnswerAt)
    this.#lastAnswerAt = now
    const elapsedMs = now - this.#windowAt
    if (elapsedMs < RATE_WINDOW_MS || this.#answers < RATE_ANSWERS) return
    // One pause that fills the window says nothing of the rate: look longer.
    if (this.#longestGapMs * 2 > elapsedMs) return
    this.#gapMs = elapsedMs / this.#answers
    this.#beginWindow(now)
  }

  #beginWindow(now: number): void {
    this.#windowAt = now
    this.#lastAnswerAt = now
    this.#longestGapMs = 0
    this.#answers = 0
  }

  /** Calls waiting here for each that the owner takes at once, as replies say it. */
  get load(): number {
    if (this.#waiting === 0 || this.waitedMs < LEAST_WAIT_MS) return 0
    return Math.min(MAX_LOAD, Math.ceil((this.#waiting * LOAD_UNIT) / this.credit.window))
  }

  /** Since when an owner that answers nothing is missed. */
  get quietSince(): number {
    return Math.max(this.answeredAt, this.#waitingSince)
  }

  /** The owner has replied to a delivery sent so long ago. */
  noteReply(now: number, ms: number): void {
    this.answeredAt = now
    if (ms > this.slowestMs) this.slowestMs = ms
    else this.slowestMs += (ms - this.slowestMs) * SLOWEST_DECAY
  }

  push(now: number, message: Waiting): void {
    if (this.#waiting === 0) this.#waitingSince = now
    this.#fifo.push(message)
    this.#waiting += 1
    this.#waitingBytes += message.size
  }

  /** The size of the next message in turn, or -1. */
  nextSize(): number {
    for (let head = this.#fifo.peek(); head !== undefined; head = this.#fifo.peek()) {
      if (!head.isGone) return head.size
      this.#fifo.shift()
    }
    return -1
  }

  shift(): Waiting | undefined {
    for (let head = this.#fifo.shift(); head !== undefined; head = this.#fifo.shift()) {
      if (head.isGone) continue
      this.remove(head)
      return head
    }
    return undefined
  }

  /** Takes a message out, wherever it stands. */
  remove(message: Waiting): void {
    message.isGone = true
    this.#waiting -= 1
    this.#waitingBytes -= message.size
  }
}
