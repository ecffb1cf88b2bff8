import type { FieldReader } from '../../bus/bytes.ts'
import { BusError, isBusErrorCode } from '../../bus/errors.ts'
import { Frame } from '../../bus/frame.ts'
import {
  decodeAssign,
  decodeNumber,
  decodeRegistered,
  encodeAssigned,
  encodeNumber,
  encodeRegister,
} from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import { PREFETCH_BYTES, type Registration } from './registration.ts'
import type { ClientState } from './state.ts'

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
  /** Stands in for calls that are for no registration of ours. */
  readonly nobody: Registration

  constructor(state: ClientState) {
    this.#state = state
    this.nobody = this.#make(0, '', '', 0, 0, undefined)
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

  /** Starts to answer a topic. The shell has made sure that it is not answered here already. */
  open(
    now: number,
    topic: string,
    group: string,
    concurrency: number,
    prefetch: number,
    answerer: unknown,
  ): Registration {
    const id = this.#nextId
    this.#nextId += 1
    const registration = this.#make(id, topic, group, concurrency, prefetch, answerer)
    this.#byId.set(id, registration)
    this.#byTopic.set(topic, registration)
    for (const link of this.#state.links) if (link.isUp) this.#declare(now, link, registration)
    return registration
  }

  /** Takes no more work. What runs goes on; `ended` follows when all is over. */
  close(now: number, registration: Registration): void {
    if (registration.state !== 'open') return
    registration.state = 'closing'
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
  }

  onLinkDown(now: number, link: BrokerLink): void {
    this.#owned.delete(link)
    for (const registration of this.#byId.values()) {
      registration.queues.delete(link)
      if (registration.leaving.delete(link)) this.onLess(now, registration)
    }
  }

  /** A queue is ours: confirm it, and requests may come. */
  onAssign(now: number, link: BrokerLink, reader: FieldReader): void {
    const assign = decodeAssign(reader)
    const registration = this.#byId.get(assign.id)
    if (registration === undefined || registration.state !== 'open') return
    const { queue, epoch } = assign
    this.#ownedBy(link).set(queue, { registration, epoch })
    registration.queues.set(link, queue)
    this.#state.send(now, link, Frame.assigned, encodeAssigned({ queue, epoch }))
  }

  onRegistered(now: number, link: BrokerLink, reader: FieldReader): void {
    const { id, code, message } = decodeRegistered(reader)
    const registration = this.#byId.get(id)
    if (registration === undefined) return
    if (code === '') {
      if (registration.isDeclared) return
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
    registration.queues.delete(link)
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
    this.#byId.delete(registration.id)
    if (this.#byTopic.get(registration.topic) === registration) {
      this.#byTopic.delete(registration.topic)
    }
    for (const owned of this.#owned.values()) {
      for (const [queue, { registration: of }] of owned)
        if (of === registration) owned.delete(queue)
    }
    this.#state.effects.ended(registration)
  }

  #ownedBy(link: BrokerLink): Map<number, OwnedQueue> {
    let owned = this.#owned.get(link)
    if (owned === undefined) {
      owned = new Map()
      this.#owned.set(link, owned)
    }
    return owned
  }

  #declare(now: number, link: BrokerLink, registration: Registration): void {
    const { id, topic, group, concurrency, prefetch } = registration
    const window = this.#share(concurrency + prefetch)
    const ask = { id, topic, group, window, windowBytes: PREFETCH_BYTES }
    this.#state.send(now, link, Frame.register, encodeRegister(ask))
  }

  /** The credit is one for all brokers: each gets a share, at least 1 (WIRE-SAFETY H8). */
  #share(credit: number): number {
    return Math.max(1, Math.ceil(credit / this.#state.links.length))
  }

  #make(
    id: number,
    topic: string,
    group: string,
    concurrency: number,
    prefetch: number,
    answerer: unknown,
  ): Registration {
    return {
      id,
      topic,
      group,
      concurrency,
      prefetch,
      answerer,
      state: 'open',
      isDeclared: false,
      queues: new Map(),
      leaving: new Set(),
      running: 0,
      waiting: 0,
    }
  }
}
