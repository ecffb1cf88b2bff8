import type { FieldReader } from '../../bus/bytes.ts'
import { BusError, isBusErrorCode } from '../../bus/errors.ts'
import { Frame } from '../../bus/frame.ts'
import {
  decodeAssign,
  decodeAssigned,
  decodeNumber,
  decodeRegistered,
  encodeAssigned,
  encodeNumber,
  encodeRegister,
  encodeWindow,
} from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import { Candidacy } from './candidacy.ts'
import { type AnswerAsk, PREFETCH_BYTES, type Registration } from './registration.ts'
import type { ClientState } from './state.ts'
import { Votes } from './votes.ts'

/** A queue this instance owns at a broker. */
export interface OwnedQueue {
  readonly registration: Registration
  readonly epoch: number
}

/** The topics this client answers: declared at every broker, and again after each reconnect. */
export class Registrations {
  readonly #state: ClientState
  readonly #byId = new Map<number, Registration>()
  readonly #byTopic = new Map<string, Registration>()
  /** Queues owned, by the handles of each broker. */
  readonly #owned = new Map<BrokerLink, Map<number, OwnedQueue>>()
  #nextId = 1
  readonly votes: Votes
  /** Stands in for calls that are for no registration of ours. */
  readonly nobody: Registration

  /** `stop`: the instance stands by from now on, and hands back what has not started. */
  constructor(state: ClientState, stop: (now: number, registration: Registration) => void) {
    this.#state = state
    const disown = this.#disown
    this.votes = new Votes(state, { disown, stop })
    this.nobody = make(0, NOTHING_ASKED)
    this.nobody.state = 'closed'
  }

  get all(): Iterable<Registration> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }

  /** The queue of that handle, if it is ours. */
  ownedQueue(link: BrokerLink, queue: number): OwnedQueue | undefined {
    return this.#owned.get(link)?.get(queue)
  }

  byTopic(topic: string): Registration | undefined {
    return this.#byTopic.get(topic)
  }

  /** Whether a handler of it may start now: an instance that stands by starts none. */
  mayStart(now: number, registration: Registration): boolean {
    return registration.candidacy === undefined || this.votes.mayStart(now, registration)
  }

  /** Starts to answer a topic. The shell has made sure that it is not answered here already. */
  open(now: number, ask: AnswerAsk): Registration {
    const id = this.#nextId
    this.#nextId += 1
    const registration = make(id, ask)
    const { topic } = ask
    this.#byId.set(id, registration)
    this.#byTopic.set(topic, registration)
    this.votes.open(registration)
    for (const link of this.#state.links) if (link.isUp) this.#declare(now, link, registration)
    return registration
  }

  /** Takes no more work. What runs goes on; `ended` follows when all is over. */
  close(now: number, registration: Registration): void {
    if (registration.state !== 'open') return
    registration.state = 'closing'
    this.votes.close(registration)
    for (const link of this.#state.links) {
      if (!link.isUp) continue
      registration.leaving.add(link)
      this.#state.send(now, link, Frame.unregister, encodeNumber(registration.id))
    }
    this.onLess(now, registration)
  }

  onLinkUp(now: number, link: BrokerLink): void {
    for (const registration of this.#byId.values()) {
      if (registration.state !== 'open') continue
      this.#declare(now, link, registration)
    }
    this.votes.onLinks(now)
  }

  /** Brokers came, or a queue came or went: tells those whose share of the credit is another now. */
  share(now: number): void {
    for (const registration of this.#byId.values()) {
      if (registration.state === 'open') this.#share(now, registration)
    }
  }

  onLinkDown(now: number, link: BrokerLink): void {
    this.#owned.delete(link)
    for (const registration of this.#byId.values()) {
      registration.queues.delete(link)
      registration.windows.delete(link)
      if (registration.leaving.delete(link)) this.onLess(now, registration)
      else if (registration.state === 'open') this.#share(now, registration)
    }
    this.votes.onLinkDown(now, link)
  }

  /** A queue is ours: confirm it, and requests may come. Of a standby topic it is a vote. */
  onAssign(now: number, link: BrokerLink, reader: FieldReader): void {
    const assign = decodeAssign(reader)
    const registration = this.#byId.get(assign.id)
    if (registration === undefined || registration.state !== 'open') return
    const { queue, epoch } = assign
    const before = registration.queues.get(link) ?? queue
    if (before !== queue) this.#ownedBy(link).delete(before)
    this.#ownedBy(link).set(queue, { registration, epoch })
    registration.queues.set(link, queue)
    if (!link.isHome) this.#share(now, registration)
    if (registration.candidacy !== undefined) this.votes.take(now, link, registration, assign)
    else this.#state.send(now, link, Frame.assigned, encodeAssigned({ queue, epoch }))
  }

  /** The queue is another's from now on. What runs goes on; what comes for it yet is refused. */
  onRevoke(now: number, link: BrokerLink, reader: FieldReader): void {
    const told = decodeAssigned(reader)
    const owned = this.#owned.get(link)?.get(told.queue)
    if (owned?.epoch === told.epoch) {
      const { registration } = owned
      if (registration.candidacy !== undefined) {
        // Only a vote that is not confirmed is asked for, and the active instance keeps it.
        if (this.votes.keeps(now, link, registration)) return
        this.votes.lose(link, registration)
      }
      this.#disown(now, link, registration)
    }
    this.#state.send(now, link, Frame.revoked, encodeAssigned(told))
  }

  onRegistered(now: number, link: BrokerLink, reader: FieldReader): void {
    const { id, topic, code, message } = decodeRegistered(reader)
    const registration = this.#byId.get(id)
    if (registration === undefined) return
    if (code === '') {
      // Standing by at a broker elsewhere says nothing while those at home have yet to answer.
      const isHomeDue = !link.isHome && this.#state.links.some((l) => l.isHome && l.isUp)
      if (registration.isDeclared || (topic === 0 && isHomeDue)) return
      registration.isDeclared = true
      this.#state.effects.declared(registration, undefined)
      return
    }
    const known = isBusErrorCode(code) ? code : 'internal'
    const details = { stage: 'broker', topic: registration.topic, broker: link.broker }
    const error = new BusError(known, message, { outcome: 'not_executed', details })
    // Refused by one broker, withdrawn at all (WIRE-SAFETY M10).
    this.#state.effects.declared(registration, error)
    this.close(now, registration)
  }

  onUnregistered(now: number, link: BrokerLink, reader: FieldReader): void {
    const registration = this.#byId.get(decodeNumber(reader))
    if (registration === undefined) return
    this.#disown(now, link, registration)
    if (registration.leaving.delete(link)) this.onLess(now, registration)
  }

  /** Something of it has ended; perhaps all of it. */
  onLess(_now: number, registration: Registration): void {
    if (registration.state !== 'closing') return
    if (registration.leaving.size > 0) return
    if (registration.running > 0 || registration.waiting > 0) return
    this.forget(registration)
  }

  /** The registration is over, whatever still runs of it. */
  forget(registration: Registration): void {
    if (registration.state === 'closed') return
    registration.state = 'closed'
    this.votes.close(registration)
    this.#byId.delete(registration.id)
    if (this.#byTopic.get(registration.topic) === registration) {
      this.#byTopic.delete(registration.topic)
    }
    for (const [link, queue] of registration.queues) {
      const owned = this.#owned.get(link)
      if (owned?.get(queue)?.registration === registration) owned.delete(queue)
    }
    this.#state.effects.ended(registration)
  }

  readonly #disown = (now: number, link: BrokerLink, registration: Registration): void => {
    const queue = registration.queues.get(link)
    if (queue === undefined) return
    this.#owned.get(link)?.delete(queue)
    registration.queues.delete(link)
    if (registration.state === 'open') this.#share(now, registration)
  }

  #ownedBy(link: BrokerLink): Map<number, OwnedQueue> {
    let owned = this.#owned.get(link)
    if (owned === undefined) {
      owned = new Map()
      this.#owned.set(link, owned)
    }
    return owned
  }

  #share(now: number, registration: Registration): void {
    for (const link of this.#state.links) {
      const told = registration.windows.get(link)
      const window = this.#windowFor(registration, link)
      if (told === undefined || told === window) continue
      registration.windows.set(link, window)
      const { id } = registration
      const change = { id, window, windowBytes: PREFETCH_BYTES }
      this.#state.send(now, link, Frame.window, encodeWindow(change))
    }
  }

  #declare(now: number, link: BrokerLink, registration: Registration): void {
    const { id, topic, group, isStandby, minQueues, maxQueues } = registration
    const window = this.#windowFor(registration, link)
    registration.windows.set(link, window)
    const bounds = { isStandby, minQueues, maxQueues }
    const ask = { id, topic, group, window, windowBytes: PREFETCH_BYTES, ...bounds }
    this.#state.send(now, link, Frame.register, encodeRegister(ask))
    this.votes.declared(now, link, registration)
  }

  /**
   * The credit is one for all brokers: each of those that may send gets a share, at least 1
   * (WIRE-SAFETY H8). Those at home may while their link is up, brokers of other data centres once they
   * have given us a queue.
   */
  #windowFor({ queues, concurrency, prefetch }: Registration, link: BrokerLink): number {
    const sharing = this.#state.links.filter(
      (l) => (l.isHome && l.isUp) || l === link || queues.has(l),
    ).length
    return Math.max(1, Math.ceil((concurrency + prefetch) / sharing))
  }
}

const make = (id: number, ask: AnswerAsk): Registration => ({
  id,
  ...ask,
  state: 'open',
  isDeclared: false,
  candidacy: ask.isStandby ? new Candidacy() : undefined,
  queues: new Map(),
  windows: new Map(),
  leaving: new Set(),
  running: 0,
  waiting: 0,
  waitedMs: 0,
})

const NOTHING_ASKED: AnswerAsk = {
  ...{ topic: '', group: '', concurrency: 0, prefetch: 0, answerer: undefined },
  ...{ isStandby: false, minQueues: 0, maxQueues: 0 },
}
