import { remainingMs } from '../../bus/batch.ts'
import { u16, u32, u64, WireError } from '../../bus/bytes.ts'
import { keepable } from '../../bus/codec.ts'
import { Deadlines } from '../../bus/deadlines.ts'
import { Cancel, Flag, Frame, Reason, Request, WAIT_DECAY } from '../../bus/frame.ts'
import { NO_BYTES } from '../../bus/headers.ts'
import { encodeResume, RESUME_PAGE } from '../../bus/topic-frames.ts'
import { addresseeOf } from './addressee.ts'
import type { Answers } from './answers.ts'
import type { BrokerLink } from './broker-link.ts'
import { wordsOf, writeRefusal } from './call-frames.ts'
import { replyName, Traced } from './call-trace.ts'
import { correlationIdOf } from './failure.ts'
import { dropCall, isOpen, lastConfirmed, type Mark, newMark, type Way, waysOf } from './mark.ts'
import { FORGOTTEN, isAtBroker, MAX_MARKS, type Marks } from './marks.ts'
import type { Peer } from './peer.ts'
import type { Registration } from './registration.ts'
import type { Registrations } from './registrations.ts'
import type { ClientState } from './state.ts'

/** The answerer's half: from a request frame to the one reply, and what copies of it are told. */
export class Responder {
  readonly #state: ClientState
  readonly #marks: Marks
  readonly #registrations: Registrations
  readonly #answers: Answers
  /** Running calls whose signal somebody listens to, and calls that wait for a handler to end. */
  readonly #watched = new Map<number, Mark>()
  readonly #deadlines = new Deadlines((id) => this.#watched.get(id)?.deadline ?? -1)

  constructor(state: ClientState, marks: Marks, registrations: Registrations, answers: Answers) {
    this.#answers = answers
    this.#state = state
    this.#marks = marks
    this.#registrations = registrations
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  /** A request frame. The mark comes first: from then on no copy can run a second time. */
  onRequest(
    now: number,
    link: BrokerLink,
    b: Buffer,
    at: number,
    end: number,
    isTooOld: boolean,
  ): void {
    const { counters } = this.#state
    counters.received += 1
    const peer = this.#marks.handles.find(link, u32(b, at + Request.origin))
    if (peer === undefined) throw new WireError('a request from a handle never introduced')
    const flags = b[at + Request.flags]!
    const isLong = (flags & Flag.long) !== 0
    const counter = u64(b, at + Request.counter)
    const attempt = u16(b, at + Request.attempt)
    const way: Way = {
      link,
      generation: link.generation,
      readAt: now,
      origin: u32(b, at + Request.origin),
      delivery: u32(b, at + Request.delivery),
    }
    if (isTooOld) {
      counters.staleBatches += 1
      this.#refuseFrame(now, way, counter, attempt, flags, Reason.stale_batch)
      return
    }
    this.#marks.raiseFloor(peer, u64(b, at + Request.floor), isLong)
    if (counter < peer.floor(isLong)) {
      this.#refuseFrame(now, way, counter, attempt, flags, Reason.cancelled)
      return
    }
    const known = peer.find(counter, isLong)
    if (known === undefined) this.#accept(now, peer, way, b, at, end)
    else this.#onCopy(now, known, way, attempt, b, at, end)
  }

  onCancel(now: number, link: BrokerLink, b: Buffer, at: number): void {
    const peer = this.#marks.handles.find(link, u32(b, at + Cancel.origin))
    const isLong = (b[at + Cancel.flags]! & Flag.long) !== 0
    const mark = peer?.find(u64(b, at + Cancel.counter), isLong)
    if (mark === undefined || mark.attempt > u16(b, at + Cancel.attempt)) return
    if (mark.state === 'waiting') this.refuse(now, mark, Reason.cancelled, '')
    if (mark.state !== 'running') return
    this.#state.trace?.answered(now, Traced.cancelled, mark)
    this.#state.effects.abort(mark, 'cancelled')
  }

  /** The lane has room: whether the handler may start. It may not once it is late or unwanted. */
  begin(now: number, mark: Mark): boolean {
    if (mark.state !== 'waiting') return false
    if (mark.forgetAt === FORGOTTEN) {
      this.refuse(now, mark, Reason.cancelled, '')
      return false
    }
    if (!this.mayStart(now, mark)) {
      // One that has just found out that it stands by has handed back all that waits.
      if (mark.state === 'waiting') this.refuse(now, mark, Reason.stale, '')
      return false
    }
    if (mark.deadline <= now) {
      this.#state.counters.expired += 1
      this.refuse(now, mark, Reason.expired, '')
      return false
    }
    if (this.#watched.size > 0) this.#watched.delete(mark.id)
    mark.state = 'running'
    this.#state.trace?.answered(now, Traced.started, mark)
    mark.registration.waiting -= 1
    mark.registration.running += 1
    const { registration, way } = mark
    registration.waitedMs = Math.max(now - way.readAt, registration.waitedMs * WAIT_DECAY)
    return true
  }

  /** By its leases this instance may start the call, or go on to start it after its body was checked. */
  mayStart(now: number, { way, registration }: Mark): boolean {
    // A process that was stopped may find out about its lost link only after this: while it reads
    // what piled up, others may own its queues and have been told that these calls are lost.
    if (this.#state.stoppedMs > 0) return false
    const isHeld = now - lastConfirmed(way) <= this.#state.facts.silenceMs * LEASE_SHARE
    return isHeld && this.#registrations.mayStart(now, registration)
  }

  /** The handler has ended; its answer goes out and is kept for copies of the call. */
  finish(now: number, mark: Mark): void {
    const { reply } = mark
    if (mark.state !== 'running' || reply === undefined) return
    mark.state = 'done'
    this.#state.trace?.answered(now, Traced.finished, mark, replyName(reply.kind))
    mark.registration.running -= 1
    dropCall(mark.way)
    this.#watched.delete(mark.id)
    mark.body = NO_BYTES
    mark.reply = undefined
    if (now > mark.deadline) this.#adviseOverrun(now, mark)
    this.#marks.keep(mark, reply)
    this.#answers.send(now, mark, wordsOf(reply))
    this.#registrations.onLess(now, mark.registration)
  }

  /** The body turned out to be none that the handler takes: not executed, and never will be. */
  reject(now: number, mark: Mark, reason: Reason, text: string): void {
    if (mark.state !== 'running') return
    mark.registration.running -= 1
    mark.registration.waiting += 1
    mark.state = 'waiting'
    this.#watched.delete(mark.id)
    this.refuse(now, mark, reason, text)
  }

  /** This instance will never start this attempt or one before it; the requester may go elsewhere. */
  refuse(now: number, mark: Mark, reason: Reason, text: string): void {
    this.#state.counters.refusedUnstarted += 1
    mark.state = 'never'
    this.#state.trace?.refused(now, mark, reason)
    mark.registration.waiting -= 1
    dropCall(mark.way)
    mark.body = NO_BYTES
    const { counter, attempt } = mark
    const flags = Flag.never | (mark.isLong ? Flag.long : 0)
    for (const way of waysOf(mark)) {
      if (!isOpen(way)) continue
      writeRefusal(now, { way, counter, attempt, flags, reason, text })
      this.#state.heartbeat.touch(now, way.link)
    }
    mark.others = undefined
    this.#registrations.onLess(now, mark.registration)
  }

  /** Somebody listens to the call's signal, which aborts at its deadline. */
  watch(now: number, mark: Mark): void {
    if (mark.state === 'running') this.#wakeAt(now, mark)
  }

  /** Unstarted work that came by a lost link is not started; lost answers are owed (rules 4, 5). */
  onLinkDown(now: number, link: BrokerLink): void {
    for (const mark of this.#marks.all()) {
      if (mark.way.link !== link || mark.way.generation !== link.generation) continue
      if (mark.state === 'waiting') {
        const other = mark.others?.findLast(isOpen)
        if (other !== undefined) {
          // Another copy came by a link that is there, whose broker waits for the answer.
          mark.others = mark.others?.filter((way) => way !== other)
          mark.way = other
          other.link.addCall(now)
          continue
        }
        mark.state = 'never'
        mark.registration.waiting -= 1
        mark.body = NO_BYTES
        this.#state.trace?.answered(now, Traced.lost, mark, 'link')
      } else if (mark.state === 'done' && mark.kept !== undefined && !isAtBroker(mark)) {
        this.#answers.owe(mark)
      }
    }
  }

  /** The session goes on: the broker hears what is still held, and counts anew from that. */
  onResumed(now: number, link: BrokerLink, lost: number): void {
    const held: number[] = []
    for (const mark of this.#marks.all()) {
      if (mark.state !== 'running') continue
      for (const way of waysOf(mark)) {
        if (way.link !== link || way.generation !== lost) continue
        way.generation = link.generation
        held.push(way.delivery)
      }
    }
    for (let i = 0; i === 0 || i < held.length; i += RESUME_PAGE) {
      const page = held.slice(i, i + RESUME_PAGE)
      const isLast = i + RESUME_PAGE >= held.length
      this.#state.send(now, link, Frame.resume, encodeResume(page, isLast))
    }
  }

  onDeadline(now: number): void {
    this.#deadlines.due(now, (id) => {
      const mark = this.#watched.get(id)!
      this.#watched.delete(id)
      if (mark.state === 'running') this.#state.effects.abort(mark, 'deadline')
      else if (mark.state === 'waiting') {
        this.#state.counters.expired += 1
        this.refuse(now, mark, Reason.expired, '')
      }
    })
  }

  /** The broker wants back what it sent of one queue and has not started: others can do it sooner. */
  onRecall(now: number, link: BrokerLink, queue: number): void {
    const registration = this.#registrations.ownedQueue(link, queue)?.registration
    if (registration === undefined) return
    for (const mark of [...this.#marks.all()]) {
      if (mark.registration !== registration || mark.state !== 'waiting') continue
      if (mark.way.link === link) this.refuse(now, mark, Reason.moved, '')
    }
  }

  /** Hands back what has not started of one registration. */
  handBack(now: number, registration: Registration, why: Reason = Reason.draining): number {
    let count = 0
    if (registration.waiting === 0) return count
    for (const mark of [...this.#marks.all()]) {
      if (mark.registration !== registration || mark.state !== 'waiting') continue
      this.refuse(now, mark, why, '')
      count += 1
    }
    return count
  }

  /** Aborts what still runs; for the end of a close. */
  abandon(registration: Registration): number {
    let count = 0
    if (registration.running === 0) return count
    for (const mark of this.#marks.all()) {
      if (mark.registration !== registration || mark.state !== 'running') continue
      this.#state.effects.abort(mark, 'closing')
      count += 1
    }
    return count
  }

  #accept(now: number, peer: Peer<Mark>, way: Way, b: Buffer, at: number, end: number): void {
    const flags = b[at + Request.flags]!
    const counter = u64(b, at + Request.counter)
    const attempt = u16(b, at + Request.attempt)
    if (this.#marks.size >= MAX_MARKS) {
      this.#refuseFrame(now, way, counter, attempt, flags, Reason.marks_full)
      return
    }
    const { instance } = this.#state.facts
    const registration = addresseeOf(instance, this.#registrations, way.link, b, at)
    const leftMs = remainingMs(now, way.link.pulse, this.#state.stoppedMs, b, at)
    const bodyAt = at + Request.head + u32(b, at + Request.headersLength)
    const owner = registration ?? this.#registrations.nobody
    const mark = newMark(now, this.#marks.newId(), peer, owner, way, b, at, leftMs)
    mark.registration.waiting += 1
    way.link.addCall(now)
    way.link.lastUsedAt = now
    this.#state.trace?.answered(now, Traced.received, mark)
    this.#marks.add(now, mark)
    this.#offer(now, mark, registration, b, at, bodyAt, end)
  }

  /** Refuses what must not start, and gives the rest to the lane. */
  #offer(
    now: number,
    mark: Mark,
    registration: Registration | undefined,
    b: Buffer,
    at: number,
    bodyAt: number,
    end: number,
  ): void {
    if (mark.deadline <= now) {
      const isOver = u32(b, at + Request.remainingMs) === 0
      if (isOver) this.#state.counters.expired += 1
      this.refuse(now, mark, isOver ? Reason.expired : Reason.moved, '')
    } else if (registration === undefined) this.refuse(now, mark, Reason.stale, '')
    else if (registration.state !== 'open') this.refuse(now, mark, Reason.draining, '')
    else if (!this.#registrations.mayStart(now, registration)) {
      if (mark.state === 'waiting') this.refuse(now, mark, Reason.stale, '')
    } else if ((mark.flags & Flag.loop) !== 0 && isBusy(registration)) {
      this.refuse(now, mark, Reason.loop, '')
    } else {
      mark.body = bodyAt < end ? keepable(b, bodyAt, end) : NO_BYTES
      this.#state.effects.invoke(mark)
      // No handler may end before its caller has given up: who waits in vain must be told in time.
      if (isBusy(mark.registration)) this.#wakeAt(now, mark)
    }
  }

  /** A further copy of a call that is remembered. */
  #onCopy(
    now: number,
    mark: Mark,
    way: Way,
    attempt: number,
    b: Buffer,
    at: number,
    end: number,
  ): void {
    this.#state.counters.duplicates += 1
    if (mark.state === 'never') {
      if (attempt <= mark.attempt) {
        const { counter, flags } = mark
        this.#refuseFrame(now, way, counter, attempt, flags | Flag.never, Reason.cancelled)
        return
      }
      // A higher attempt is a new send of a call that has not run here: it may.
      mark.peer.delete(mark)
      this.#marks.drop(mark)
      this.#accept(now, mark.peer, way, b, at, end)
      return
    }
    mark.attempt = Math.max(mark.attempt, attempt)
    this.#state.trace?.answered(now, Traced.received, mark, 'copy')
    if (mark.state === 'done') {
      mark.way = way
      this.#answers.sendAgain(now, mark)
      return
    }
    if (mark.others === undefined) mark.others = []
    mark.others.push(mark.way)
    dropCall(mark.way)
    way.link.addCall(now)
    mark.way = way
  }

  /** Refuses a frame that has no mark, or one that its mark refused before. */
  #refuseFrame(
    now: number,
    way: Way,
    counter: number,
    attempt: number,
    flags: number,
    reason: Reason,
  ): void {
    this.#state.counters.refusedUnstarted += 1
    const kept = flags & (Flag.long | Flag.never)
    writeRefusal(now, { way, counter, attempt, flags: kept, reason, text: '' })
    this.#state.heartbeat.touch(now, way.link)
  }

  #wakeAt(now: number, mark: Mark): void {
    this.#watched.set(mark.id, mark)
    this.#deadlines.arm(now, mark.deadline, mark.id)
  }

  #adviseOverrun(now: number, mark: Mark): void {
    this.#state.counters.overruns += 1
    this.#state.effects.advise({
      kind: 'overrun',
      correlationId: correlationIdOf(mark.peer.instance, mark),
      topic: mark.registration.topic,
      queue: mark.queue,
      attempt: mark.attempt,
      overMs: now - mark.deadline,
    })
  }
}

/**
 * An owner starts nothing once 80 % of its lease (twice the silence limit) has passed since it sent
 * what was acknowledged last; the broker gives the queue away at 100 % (WIRE-SAFETY H3).
 */
const LEASE_SHARE = 1.6

const isBusy = ({ running, waiting, concurrency }: Registration): boolean =>
  running + waiting > concurrency
