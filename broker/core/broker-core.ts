import { isTooOld, openBatch } from '../../bus/batch.ts'
import { FieldReader, FieldWriter, WireError } from '../../bus/bytes.ts'
import { parseCorrelationId } from '../../bus/correlation-id.ts'
import {
  BATCH_HEAD,
  checkedFrameEnd,
  FRAME_HEAD,
  Frame,
  MAX_TEXT,
  Reason,
} from '../../bus/frame.ts'
import { decodeHello } from '../../bus/handshake.ts'
import { Heartbeat } from '../../bus/heartbeat.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import {
  decodeAssigned,
  decodeNumber,
  decodeRegister,
  decodeResume,
  decodeStanding,
  decodeTopic,
  decodeWindow,
} from '../../bus/topic-frames.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import { Assignment } from './assignment.ts'
import { Backlog } from './backlog.ts'
import { Dispatch } from './dispatch.ts'
import { Drain } from './drain.ts'
import { Holds } from './holds.ts'
import { setLimits } from './limits.ts'
import { Observing } from './observing.ts'
import { Ownership } from './ownership.ts'
import type { DepthLimits } from './queue.ts'
import { Reception } from './reception.ts'
import { Returns } from './returns.ts'
import { Routing } from './routing.ts'
import { Rules } from './rules.ts'
import type { Link, Session } from './session.ts'
import { type SessionView, sessionsAfter, sessionView } from './session-view.ts'
import { Stalls } from './stalls.ts'
import { type BrokerEffects, type BrokerIdentity, type BrokerLimits, BrokerState } from './state.ts'
import { traceOf } from './trace-view.ts'
import { type BrokerView, viewOf } from './view.ts'

const BAD_FRAME = 1002
const NOTHING = Buffer.alloc(0)
/** What clients ask to be told, and offer to answer, is taken in so much at once per turn of the loop. */
const WATCHES_PER_TURN = 100
const OFFERS_PER_TURN = 200
/** A snapshot travels in pieces of this size. */
const SNAPSHOT_PIECE = 262_144

/**
 * The post office as a state machine: frames and time in, frames and effects out. This file only
 * knows which part of it a frame is for.
 */
export class BrokerCore {
  readonly #state: BrokerState
  readonly #heartbeat: Heartbeat<Link>
  readonly #routing: Routing
  readonly #rules: Rules
  readonly #dispatch: Dispatch
  readonly #returns: Returns
  readonly #stalls: Stalls
  readonly #ownership: Ownership
  readonly #assignment: Assignment
  readonly #reception: Reception
  readonly observing: Observing
  readonly holds: Holds
  readonly drain: Drain
  readonly #watches = new Backlog(WATCHES_PER_TURN)
  readonly #offers = new Backlog(OFFERS_PER_TURN)

  constructor(identity: BrokerIdentity, limits: BrokerLimits, effects: BrokerEffects) {
    this.#heartbeat = new Heartbeat<Link>(
      limits,
      (now, link, silentMs) =>
        this.#reception.silent(now, link, `nothing acknowledged for ${silentMs} ms`),
      (now, { session, isDoubtful }) => {
        if (session === undefined) return
        this.#stalls.onDoubt(now, this.#assignment.of(session), isDoubtful)
      },
    )
    const state = new BrokerState(identity, limits, effects, this.#heartbeat)
    this.#state = state
    this.#routing = new Routing(state)
    this.#rules = new Rules(state)
    this.#dispatch = new Dispatch(state, this.#routing)
    this.#returns = new Returns(state, this.#dispatch)
    this.#stalls = new Stalls(state, this.#routing, this.#dispatch)
    this.#ownership = new Ownership(state, this.#routing, this.#dispatch)
    this.#assignment = new Assignment(state, this.#routing, this.#ownership, this.#offers)
    this.observing = new Observing(state)
    this.#reception = new Reception(
      state,
      this.#routing,
      this.#dispatch,
      this.#returns,
      this.#assignment,
      this.observing,
    )
    this.holds = new Holds(state, this.#routing, this.#ownership)
    this.drain = new Drain(state, this.#ownership, this.#reception)
  }

  get nextDeadline(): number {
    return Math.min(
      this.#heartbeat.next,
      this.#routing.nextDeadline,
      this.#rules.nextDeadline,
      this.#dispatch.nextDeadline,
      this.#assignment.nextDeadline,
      this.#ownership.nextDeadline,
      this.#stalls.nextDeadline,
      this.#reception.nextDeadline,
      this.holds.nextDeadline,
      this.drain.nextDeadline,
    )
  }

  get isWatched(): boolean {
    return this.#state.links.size > 0
  }

  onOpen(now: number, link: Link): void {
    this.#reception.onOpen(now, link)
  }

  onClosed(now: number, link: Link, reason: string): void {
    if (link.isClosed) return
    const peer = link.session?.instance ?? link.address
    this.#state.effects.advise({ kind: 'link_down', peer, reason })
    this.#reception.onClosed(now, link)
  }

  /** Bytes of one batch. What makes no sense ends the link, and nothing else. */
  onBatch(now: number, link: Link, bytes: Buffer): void {
    if (link.isClosed) return
    try {
      this.#readBatch(now, link, bytes)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#state.counters.protocolErrors += 1
      const peer = link.session?.instance ?? link.address
      this.#state.effects.advise({ kind: 'protocol_error', peer, message: error.message })
      if (link.isClosed) return
      this.#state.effects.close(link, BAD_FRAME, error.message)
      this.#reception.onClosed(now, link)
    }
  }

  onDeadline(now: number): void {
    this.#heartbeat.beat(now)
    this.#dispatch.onDeadline(now)
    this.#assignment.onDeadline(now)
    this.#ownership.onDeadline(now)
    this.#stalls.onDeadline(now)
    this.#reception.onDeadline(now)
    this.holds.onDeadline(now)
    this.drain.onDeadline(now)
    this.#routing.onDeadline(now)
    this.#rules.onDeadline(now)
  }

  /** Dark-launch rules, in place of those there were. */
  setRules(now: number, rules: readonly DarkLaunchRule[], version: number): void {
    this.#rules.set(now, rules, version)
    this.#routing.onRules()
    this.#ownership.onRules(now)
  }

  /** Work is left that can wait for the next turn of the loop, when what is readable has been read. */
  get isBehind(): boolean {
    return (
      this.#offers.isBehind ||
      this.#watches.isBehind ||
      this.#ownership.isBehind ||
      this.#routing.isBehind ||
      this.observing.isBehind ||
      this.drain.isBehind
    )
  }

  onTurn(now: number): void {
    this.#offers.onTurn(now)
    this.#ownership.onTurn(now)
    this.#watches.onTurn(now)
    this.#routing.onTurn(now)
    this.observing.onTurn(now)
    this.drain.onTurn(now)
  }

  /** What waited through a stop of this process may be late or lost to its callers: give it back. */
  onStopped(now: number, stoppedMs: number): void {
    this.#state.stoppedMs = stoppedMs
    this.#state.effects.advise({ kind: 'stalled', stoppedMs })
    for (const queue of this.#state.queues.values()) {
      if (queue.waiting > 0) this.#dispatch.handBack(now, queue, Reason.moved)
    }
  }

  onCaughtUp(): void {
    this.#state.stoppedMs = 0
  }

  /** Hands back what waits and tells every client; the shell closes the links afterwards. */
  close(now: number): void {
    for (const queue of [...this.#state.queues.values()]) {
      this.#dispatch.handBack(now, queue, Reason.moved)
    }
    for (const link of this.#state.links) {
      link.outbox.frame(now, Frame.goodbye, new FieldWriter().text('the broker closes').done())
    }
  }

  get links(): Iterable<Link> {
    return this.#state.links
  }

  view(now: number): BrokerView {
    return viewOf(now, this.#state)
  }

  /** In the order of their instances, those after the named one; at most 1,000. */
  sessions(now: number, after: string, limit: number): SessionView[] {
    return sessionsAfter(this.#state, after, limit).map((session) => this.#viewOf(now, session))
  }

  session(now: number, instance: string): SessionView | undefined {
    const session = this.#state.byInstance.get(instance)
    return session === undefined ? undefined : this.#viewOf(now, session)
  }

  /** What is remembered here of a call, oldest first. */
  trace(now: number, correlationId: string): TraceEvent[] {
    const call = parseCorrelationId(correlationId)
    return call === undefined ? [] : traceOf(now, this.#state, call)
  }

  /** Ends a client's session; false if there is none. */
  kick(now: number, instance: string, reason: string, banMs: number): boolean {
    const session = this.#state.byInstance.get(instance)
    if (session !== undefined) this.#reception.kick(now, session, reason, banMs)
    return session !== undefined
  }

  setLimits(now: number, topic: string, changes: Partial<DepthLimits>) {
    return setLimits(now, this.#state, this.#dispatch, topic, changes)
  }

  #viewOf(now: number, session: Session): SessionView {
    return sessionView(now, session, this.#assignment, this.#state)
  }

  #readBatch(now: number, link: Link, bytes: Buffer): void {
    openBatch(now, link.pulse, bytes)
    link.lastReadAt = now
    this.#heartbeat.touch(now, link)
    const isOld = isTooOld(now, link.pulse, link.busySince)
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = checkedFrameEnd(bytes, at)
      const type = bytes[at + 4]!
      const { session } = link
      if (session === undefined) this.#onStranger(now, link, type, bytes, at, end)
      else if (type === Frame.request) {
        if (isOld) this.#dispatch.refuseStaleBatch(now, session, bytes, at)
        else this.#dispatch.onRequest(now, link, session, bytes, at, end)
      } else if (type === Frame.reply || type === Frame.refusal) {
        this.#returns.onReturn(now, session, bytes, at, end)
      } else this.#onControl(now, link, session, type, bytes, at, end)
      if (link.isClosed) return
      at = end
    }
  }

  #onStranger(now: number, link: Link, type: number, b: Buffer, at: number, end: number): void {
    if (type !== Frame.hello) throw new WireError(`frame type ${type} before hello`)
    const reader = new FieldReader(b, at + FRAME_HEAD, end)
    const hello = decodeHello(reader)
    reader.end('hello')
    this.#reception.onHello(now, link, hello)
  }

  #onControl(
    now: number,
    link: Link,
    session: Session,
    type: number,
    b: Buffer,
    at: number,
    end: number,
  ): void {
    const reader = new FieldReader(b, at + FRAME_HEAD, end)
    switch (type) {
      case Frame.ping:
        // A numbered answer: its acknowledgement tells us how old the next request can be.
        link.outbox.frame(now, Frame.pong, NOTHING)
        break
      case Frame.pong:
        break
      case Frame.cancel:
        this.#dispatch.onCancel(now, session, b, at, end)
        return
      case Frame.watch: {
        const topic = decodeTopic(reader)
        this.#watches.run(now, link, session, (at) => this.#onWatch(at, session, topic))
        break
      }
      case Frame.unwatch: {
        const topic = decodeTopic(reader)
        this.#watches.run(now, link, session, () => this.#routing.unwatch(session, topic))
        break
      }
      case Frame.register: {
        const ask = decodeRegister(reader)
        this.#offers.run(now, link, session, (at) => this.#assignment.onRegister(at, session, ask))
        break
      }
      case Frame.assigned: {
        const told = decodeAssigned(reader)
        this.#offers.run(now, link, session, (at) => this.#assignment.onAssigned(at, session, told))
        break
      }
      case Frame.window: {
        const told = decodeWindow(reader)
        this.#offers.run(now, link, session, (at) => this.#assignment.onWindow(at, session, told))
        break
      }
      case Frame.revoked:
        this.#assignment.onRevoked(now, session, decodeAssigned(reader))
        break
      case Frame.standing: {
        const told = decodeStanding(reader)
        this.#offers.run(now, link, session, (at) => this.#assignment.onStanding(at, session, told))
        break
      }
      case Frame.unregister: {
        const id = decodeNumber(reader)
        this.#offers.run(now, link, session, (at) => this.#assignment.onUnregister(at, session, id))
        break
      }
      case Frame.resume: {
        const { deliveries, isLast } = decodeResume(reader)
        this.#reception.onResume(now, session, deliveries, isLast)
        break
      }
      case Frame.inspect:
        this.#inspect(now, link, session, decodeNumber(reader))
        break
      case Frame.report:
        this.observing.onReport(now, session, reader)
        break
      case Frame.ordered:
        this.observing.onOrdered(session, reader)
        break
      case Frame.goodbye:
        reader.text('reason', MAX_TEXT)
        this.#reception.onGoodbye(now, session)
        break
      default:
        throw new WireError(`frame type ${type} is not for a broker`)
    }
    reader.end(`frame type ${type}`)
  }

  /** First the rules: calls that wait for the routes go by them. */
  #onWatch(now: number, session: Session, topic: string): void {
    this.#rules.onWatch(now, session, topic)
    this.#routing.watch(now, session, topic)
  }

  #inspect(now: number, link: Link, session: Session, id: number): void {
    const answer = session.mayInspect()
      ? { ok: this.view(now) }
      : { error: 'this token may not look at the broker (it needs request "*")' }
    const json = Buffer.from(JSON.stringify(answer))
    for (let at = 0; at < json.length; at += SNAPSHOT_PIECE) {
      const piece = json.subarray(at, at + SNAPSHOT_PIECE)
      const isLast = at + SNAPSHOT_PIECE >= json.length
      const payload = new FieldWriter()
        .u32(id)
        .u8(isLast ? 1 : 0)
        .raw(piece)
        .done()
      this.#state.send(now, link, Frame.snapshot, payload)
    }
  }
}
