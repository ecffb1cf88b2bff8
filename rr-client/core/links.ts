import type { FieldReader } from '../../bus/bytes.ts'
import { BusError, type BusErrorCode, isBusErrorCode } from '../../bus/errors.ts'
import { Frame, PROTOCOL_VERSION } from '../../bus/frame.ts'
import {
  decodePeer,
  decodeReject,
  decodeWelcome,
  encodeHello,
  type Welcome,
} from '../../bus/handshake.ts'
import type { Outbox, Wire } from '../../bus/outbox.ts'
import type { Slabs } from '../../bus/slabs.ts'
import { BrokerLink } from './broker-link.ts'
import type { Marks } from './marks.ts'
import type { ClientState } from './state.ts'

/** Back-off between dials: full jitter up to this, doubling (Brooker, AWS 2015). */
const FIRST_BACKOFF_MS = 100
const LAST_BACKOFF_MS = 5_000
/** A broker of our data centre, or with work of ours within the last minute, is wanted back sooner. */
const WARM_BACKOFF_MS = 1_000
/** A broker that said no is not dialled in haste; one that drains wants everybody back soon after it resumes. */
const REFUSED_BACKOFF_MS = 5_000
/** What it says no for, until an operator or the user changes something. */
const LASTING: ReadonlySet<string> = new Set<BusErrorCode>([
  'draining',
  'forbidden',
  'unauthenticated',
])
/** With calls in hand nobody should wait for a broker that is back. */
const BUSY_BACKOFF_MS = 100
/** The first dial after a loss, with work in hand: a responder is given up after 150 ms. */
const AT_ONCE_MS = 10
/** A link used within the last minute is pinged more often, so that its batches stay young. */
const WARM_MS = 60_000
const WARM_PING_MS = 3_000
const IDLE_PING_MS = 10_000
/** ws close code: the same broker by another url. */
const SAME_BROKER = 4003

/** Links to brokers: greeting, keeping them alive, dialling again for ever. */
export class Links {
  readonly #state: ClientState
  readonly #marks: Marks
  readonly #slabs: Slabs
  readonly #onDirty: (outbox: Outbox) => void
  /** The link ends because its broker has another one. */
  readonly #onTwin: (now: number, link: BrokerLink) => void

  constructor(
    state: ClientState,
    marks: Marks,
    slabs: Slabs,
    onDirty: (outbox: Outbox) => void,
    onTwin: (now: number, link: BrokerLink) => void,
  ) {
    this.#onTwin = onTwin
    this.#state = state
    this.#marks = marks
    this.#slabs = slabs
    this.#onDirty = onDirty
  }

  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (const link of this.#state.links) {
      if (link.twin === undefined) next = Math.min(next, link.redialAt)
      next = Math.min(next, link.idlePingAt)
    }
    return next
  }

  dial(link: BrokerLink): void {
    link.state = 'connecting'
    link.redialAt = Number.POSITIVE_INFINITY
    // What comes of this dial says it anew.
    link.isRefused = false
    this.#state.effects.dial(link)
  }

  /** The dial has succeeded: say hello. */
  onOpen(now: number, link: BrokerLink, wire: Wire): void {
    const { facts } = this.#state
    link.open(now, wire, this.#slabs, this.#onDirty)
    link.state = 'greeting'
    const hello = encodeHello({
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      instance: facts.instance,
      secret: facts.secret,
      replyTopic: facts.replyTopic,
      name: facts.name,
      idc: facts.idc,
      label: facts.label,
      token: facts.token,
      knewAnotherLife: link.life !== 0,
    })
    this.#state.send(now, link, Frame.hello, hello)
  }

  /** One more broker to link to, or the one that is known under this url already. */
  add(url: string, idc: string): BrokerLink {
    const known = this.#state.links.find((link) => link.url === url)
    if (known !== undefined) return known
    const link = new BrokerLink(this.#state.links.length, url)
    link.idc = idc
    this.#state.links.push(link)
    this.dial(link)
    return link
  }

  /**
   * Takes in the welcome. Returns the generation of the link whose session goes on, -1 if none does,
   * or undefined if the link is of no use.
   */
  onWelcome(now: number, link: BrokerLink, reader: FieldReader): number | undefined {
    const welcome: Welcome = decodeWelcome(reader)
    if (this.#isTaken(now, link, welcome)) return undefined
    const isResumed = welcome.isResumed && welcome.life === link.life
    link.broker = welcome.broker
    link.idc = welcome.idc
    link.life = welcome.life
    link.handle = welcome.handle
    link.maxBodyBytes = welcome.maxBodyBytes
    link.settlesAt = now + welcome.settlingMs
    link.failures = 0
    link.state = 'up'
    link.idlePingAt = now + this.#idlePingMs(now, link)
    const { broker: peer, life } = welcome
    this.#state.effects.advise({ kind: 'link_up', peer, life, isResumed })
    const before = link.upGeneration
    link.upGeneration = link.generation
    return isResumed ? before : -1
  }

  /**
   * One broker by two urls gets one link, the newest, as it takes one link of an instance. Two brokers
   * that go by one id cannot be told apart: the later one is refused until the other is gone.
   */
  #isTaken(now: number, link: BrokerLink, { broker, life }: Welcome): boolean {
    const other = this.#state.links.find((l) => l !== link && l.isUp && l.broker === broker)
    if (other === undefined) return false
    if (other.life === life) {
      other.twin = link
      this.#state.effects.hangUp(other, SAME_BROKER, 'the same broker by another url')
      this.#onTwin(now, other)
      return false
    }
    const message = `${link.url} and ${other.url} are two brokers with one id, ${broker}`
    this.#state.effects.advise({ kind: 'duplicate_broker', broker, url: link.url, message })
    const error = new BusError('invalid_argument', message, { details: { stage: 'broker' } })
    this.#state.effects.linkRefused(link, error)
    return true
  }

  onReject(link: BrokerLink, reader: FieldReader): void {
    const { code, message } = decodeReject(reader)
    const error = new BusError(
      isBusErrorCode(code) ? code : 'not_connected',
      `${link.url} refused this client: ${message}`,
      { details: { stage: 'broker' } },
    )
    // Said to one that is linked, as to a client that is kicked, it is not the answer to a hello.
    link.isRefused = link.state === 'greeting' && LASTING.has(error.code)
    this.#state.effects.advise({ kind: 'link_refused', peer: link.url, code, message })
    this.#state.effects.linkRefused(link, error)
  }

  onPeer(link: BrokerLink, reader: FieldReader): void {
    const { handle, instance, replyTopic } = decodePeer(reader)
    const old = this.#marks.handles.delete(link, handle)
    if (old !== undefined) this.#marks.leavePeer(old)
    if (instance === '') return
    const peer = this.#marks.peer(instance, replyTopic)
    peer.links += 1
    this.#marks.handles.set(link, handle, peer)
  }

  /** The dial has failed, or the link is gone: dial again after a while. */
  onDown(now: number, link: BrokerLink): void {
    for (const peer of this.#marks.handles.clear(link)) this.#marks.leavePeer(peer)
    this.#state.heartbeat.forget(link)
    link.idlePingAt = Number.POSITIVE_INFINITY
    link.busySince = -1
    if (this.#state.phase === 'closed') {
      link.state = 'closed'
      return
    }
    link.state = 'waiting'
    link.redialAt = now + this.#backoffMs(now, link)
    link.failures += 1
    for (const other of this.#state.links) if (other.twin === link) other.twin = undefined
  }

  /** Calls are in hand: do not sit out a long back-off. */
  hurry(now: number): void {
    for (const link of this.#state.links) {
      if (link.state !== 'waiting' || link.isRefused) continue
      const withinMs = link.failures <= 1 ? AT_ONCE_MS : BUSY_BACKOFF_MS
      link.redialAt = Math.min(link.redialAt, now + this.#state.prng.below(withinMs))
    }
  }

  onDeadline(now: number): void {
    for (const link of this.#state.links) {
      if (link.redialAt <= now && link.twin === undefined) this.dial(link)
      if (link.idlePingAt > now) continue
      link.idlePingAt = now + this.#idlePingMs(now, link)
      this.#state.ping(now, link)
    }
  }

  #idlePingMs(now: number, link: BrokerLink): number {
    const base = now - link.lastUsedAt < WARM_MS ? WARM_PING_MS : IDLE_PING_MS
    return base + this.#state.prng.below(base / 2)
  }

  #backoffMs(now: number, link: BrokerLink): number {
    if (link.isRefused) {
      return REFUSED_BACKOFF_MS / 2 + this.#state.prng.below(REFUSED_BACKOFF_MS / 2)
    }
    if (link.failures === 0) return this.#state.prng.below(FIRST_BACKOFF_MS)
    const wasHome = link.isHome && link.life !== 0
    const isWanted = wasHome || now - link.lastUsedAt < WARM_MS
    const last = isWanted ? WARM_BACKOFF_MS : LAST_BACKOFF_MS
    const top = Math.min(last, FIRST_BACKOFF_MS * 2 ** Math.min(10, link.failures))
    return this.#state.prng.below(top) + 1
  }
}
