import { isTooOld, openBatch } from '../../bus/batch.ts'
import { FieldReader, WireError } from '../../bus/bytes.ts'
import {
  BATCH_HEAD,
  checkedFrameEnd,
  FRAME_HEAD,
  Frame,
  MAX_TEXT,
  Reason,
} from '../../bus/frame.ts'
import { Heartbeat } from '../../bus/heartbeat.ts'
import { decodeObserve } from '../../bus/observe-frames.ts'
import type { Outbox, Wire } from '../../bus/outbox.ts'
import type { Prng } from '../../bus/prng.ts'
import type { Slabs } from '../../bus/slabs.ts'
import { decodeNumber, encodeNumber, encodeTopic } from '../../bus/topic-frames.ts'
import { Answers } from './answers.ts'
import { type BrokerLink, HASTY_DIALS } from './broker-link.ts'
import type { CallFacts, RequestResponseFuture } from './future.ts'
import { Links } from './links.ts'
import { Marks } from './marks.ts'
import { Registrations } from './registrations.ts'
import { Requester } from './requester.ts'
import { Responder } from './responder.ts'
import { type ClientEffects, type ClientFacts, ClientState } from './state.ts'

const BAD_FRAME = 1002
const SILENT = 4002
const NOTHING = Buffer.alloc(0)

/**
 * A client of the bus as a state machine: both halves of it, requester and responder, over the links
 * they share. This file only knows which part of it a frame is for.
 */
export class ClientCore {
  readonly state: ClientState
  readonly requester: Requester
  readonly responder: Responder
  readonly answers: Answers
  readonly registrations: Registrations
  readonly marks: Marks
  readonly #links: Links
  readonly #heartbeat: Heartbeat<BrokerLink>

  constructor(
    facts: ClientFacts,
    effects: ClientEffects,
    links: BrokerLink[],
    prng: Prng,
    slabs: Slabs,
    onDirty: (outbox: Outbox) => void,
  ) {
    this.#heartbeat = new Heartbeat<BrokerLink>(facts, (now, link, silentMs) => {
      const reason = `nothing acknowledged for ${silentMs} ms`
      this.state.effects.hangUp(link, SILENT, reason)
      this.onClosed(now, link, reason)
    })
    this.state = new ClientState(facts, effects, this.#heartbeat, prng, links)
    this.marks = new Marks(this.state.counters)
    this.registrations = new Registrations(this.state, (now, registration) =>
      this.responder.handBack(now, registration, Reason.moved),
    )
    this.requester = new Requester(this.state, this.marks)
    this.answers = new Answers(this.state)
    this.responder = new Responder(this.state, this.marks, this.registrations, this.answers)
    this.#links = new Links(this.state, this.marks, slabs, onDirty, (now, link) =>
      this.onClosed(now, link, 'the same broker by another url'),
    )
  }

  get nextDeadline(): number {
    return Math.min(
      this.requester.nextDeadline,
      this.#heartbeat.next,
      this.#links.nextDeadline,
      this.responder.nextDeadline,
      this.registrations.votes.nextDeadline,
      this.marks.nextDeadline,
    )
  }

  get isWatched(): boolean {
    return this.registrations.size > 0
  }

  start(): void {
    for (const link of this.state.links) this.#links.dial(link)
  }

  /** A broker that was not known before; its data centre, if that is known. */
  addBroker(now: number, url: string, idc: string): BrokerLink {
    const link = this.#links.add(url, idc)
    this.#settleHome(now)
    return link
  }

  request(now: number, facts: CallFacts, caller: unknown): RequestResponseFuture {
    const future = this.requester.request(now, facts, caller)
    if (!this.state.hasLink) this.#links.hurry(now)
    return future
  }

  onOpen(now: number, link: BrokerLink, wire: Wire): void {
    this.#links.onOpen(now, link, wire)
  }

  /** The link is gone, or its dial has failed. */
  onClosed(now: number, link: BrokerLink, reason: string): void {
    if (link.state === 'waiting' || link.state === 'closed' || link.state === 'idle') return
    const wasUp = link.isUp
    this.#links.onDown(now, link)
    this.state.effects.advise({ kind: 'link_down', peer: link.broker || link.url, reason })
    if (!wasUp) {
      if (link.failures <= HASTY_DIALS) this.#hurryIfBusy(now)
      return
    }
    this.responder.onLinkDown(now, link)
    this.registrations.onLinkDown(now, link)
    this.requester.onLinkDown(now, link)
    this.#hurryIfBusy(now)
  }

  /** Bytes of one batch. What makes no sense ends the link, and nothing else. */
  onBatch(now: number, link: BrokerLink, bytes: Buffer): void {
    if (link.state !== 'up' && link.state !== 'greeting') return
    try {
      this.#readBatch(now, link, bytes)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.state.counters.protocolErrors += 1
      const { message } = error
      this.state.effects.advise({ kind: 'protocol_error', peer: link.broker || link.url, message })
      this.state.effects.hangUp(link, BAD_FRAME, message)
      this.onClosed(now, link, message)
    }
  }

  onDeadline(now: number): void {
    this.#heartbeat.beat(now)
    this.requester.onDeadline(now)
    this.responder.onDeadline(now)
    this.registrations.votes.onDeadline(now)
    this.marks.onDeadline(now)
    this.#links.onDeadline(now)
  }

  onStopped(_now: number, stoppedMs: number): void {
    this.state.stoppedMs = stoppedMs
    this.state.effects.advise({ kind: 'stalled', stoppedMs })
  }

  onCaughtUp(): void {
    this.state.stoppedMs = 0
  }

  /** Asks a broker about itself; the answer comes in pieces under the same number. */
  inspect(now: number, link: BrokerLink, id: number): void {
    this.state.send(now, link, Frame.inspect, encodeNumber(id))
  }

  /** Says goodbye on every link; the shell closes them when that is sent. */
  shut(now: number): void {
    this.state.phase = 'closed'
    for (const link of this.state.links) {
      // While the welcome is on its way the broker has a session for us already.
      const isKnown = link.isUp || link.state === 'greeting'
      if (isKnown) link.outbox.frame(now, Frame.goodbye, encodeTopic('closed'))
      link.redialAt = Number.POSITIVE_INFINITY
      link.idlePingAt = Number.POSITIVE_INFINITY
      this.#heartbeat.forget(link)
    }
  }

  /** Brokers are known anew: who is home, who is asked, and who gets how much credit. */
  #settleHome(now: number): void {
    this.state.settleHome()
    this.requester.topics.onLinks(now)
    this.registrations.share(now)
  }

  /** With work in hand nobody should sit out a back-off while a broker is back. */
  #hurryIfBusy(now: number): void {
    if (this.requester.inFlight > 0 || this.registrations.size > 0) this.#links.hurry(now)
  }

  #readBatch(now: number, link: BrokerLink, bytes: Buffer): void {
    openBatch(now, link.pulse, bytes)
    if (bytes.length > BATCH_HEAD) this.#heartbeat.touch(now, link)
    const isOld = isTooOld(now, link.pulse, link.busySince)
    const { generation } = link
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = checkedFrameEnd(bytes, at)
      const type = bytes[at + 4]!
      if (type === Frame.reply) this.requester.onReply(now, link, bytes, at, end)
      else if (type === Frame.request) {
        this.responder.onRequest(now, link, bytes, at, end, isOld)
      } else this.#onControl(now, link, type, bytes, at, end)
      if (link.generation !== generation || (!link.isUp && link.state !== 'greeting')) return
      at = end
    }
    if (link.recoveries > 0) this.requester.onAcknowledged(now, link)
  }

  #onControl(
    now: number,
    link: BrokerLink,
    type: number,
    b: Buffer,
    at: number,
    end: number,
  ): void {
    const reader = new FieldReader(b, at + FRAME_HEAD, end)
    if (link.state === 'greeting' && type !== Frame.welcome && type !== Frame.reject) {
      throw new WireError(`frame type ${type} before welcome`)
    }
    switch (type) {
      case Frame.refusal:
        this.requester.onRefusal(now, link, b, at, end)
        return
      case Frame.lost:
        this.requester.onLost(now, b, at)
        return
      case Frame.cancel:
        this.responder.onCancel(now, link, b, at)
        return
      case Frame.peer:
        this.#links.onPeer(link, reader)
        break
      case Frame.routes:
      case Frame.rules:
        this.requester.onTopic(now, link, type, reader)
        break
      case Frame.ping:
        link.outbox.frame(now, Frame.pong, NOTHING)
        break
      case Frame.pong:
        break
      case Frame.assign:
        this.registrations.onAssign(now, link, reader)
        break
      case Frame.recall:
        this.responder.onRecall(now, link, decodeNumber(reader))
        break
      case Frame.revoke:
        this.registrations.onRevoke(now, link, reader)
        break
      case Frame.registered:
        this.registrations.onRegistered(now, link, reader)
        break
      case Frame.unregistered:
        this.registrations.onUnregistered(now, link, reader)
        break
      case Frame.snapshot: {
        const id = reader.u32('inspection')
        const isLast = reader.u8('snapshot flags') === 1
        this.state.effects.inspected(id, Buffer.from(reader.rest()), isLast)
        break
      }
      case Frame.welcome:
        this.#onWelcome(now, link, reader)
        break
      case Frame.reject:
        this.#links.onReject(link, reader)
        break
      case Frame.goodbye:
        reader.text('reason', MAX_TEXT)
        this.state.effects.hangUp(link, 1000, 'the broker closes')
        this.onClosed(now, link, 'the broker closes')
        break
      case Frame.observe:
        decodeObserve(reader)
        break
      default:
        throw new WireError(`frame type ${type} is not for a client`)
    }
    reader.end(`frame type ${type}`)
  }

  /** What was held is listed before anything else, then everything is declared again. */
  #onWelcome(now: number, link: BrokerLink, reader: FieldReader): void {
    const resumed = this.#links.onWelcome(now, link, reader)
    if (resumed === undefined) {
      this.state.effects.hangUp(link, BAD_FRAME, 'another broker has this id')
      this.onClosed(now, link, 'another broker has this id')
      return
    }
    this.#settleHome(now)
    this.responder.onResumed(now, link, resumed)
    this.registrations.onLinkUp(now, link)
    this.answers.onLinkUp(now, link)
    this.requester.onLinkUp(now, link)
    this.state.effects.linkUp(link)
  }
}
