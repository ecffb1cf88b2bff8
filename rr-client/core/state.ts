import type { Advisory } from '../../bus/advisory.ts'
import type { BusError } from '../../bus/errors.ts'
import type { Heartbeat } from '../../bus/heartbeat.ts'
import type { OrderText } from '../../bus/observe-frames.ts'
import type { Prng } from '../../bus/prng.ts'
import type { BrokerLink } from './broker-link.ts'
import type { CallTrace } from './call-trace.ts'
import type { RequestResponseFuture } from './future.ts'
import type { Mark } from './mark.ts'
import type { Registration } from './registration.ts'

/** What a client core asks of the world around it. None of these may call back into the core. */
export interface ClientEffects {
  dial(link: BrokerLink): void
  /** Ends the present link; nothing more is read from it. */
  hangUp(link: BrokerLink, code: number, reason: string): void
  /** The call has a reply. `bytes` are valid during the step only. */
  fulfil(future: RequestResponseFuture, reply: ReplyNews): void
  fail(future: RequestResponseFuture, error: BusError): void
  /** A call is to be run as soon as its registration's lane has room. */
  invoke(mark: Mark): void
  /** The handler's signal should abort. */
  abort(mark: Mark, why: 'cancelled' | 'deadline' | 'closing'): void
  /** The topic is answered from now on, or (with an error) it was refused. */
  declared(registration: Registration, error: BusError | undefined): void
  /** Every broker has confirmed that nothing more will come for it, and nothing runs. */
  ended(registration: Registration): void
  linkUp(link: BrokerLink): void
  /** A broker said no to this client: wrong token, version, too many sessions. */
  linkRefused(link: BrokerLink, error: BusError): void
  inspected(id: number, piece: Buffer, isLast: boolean): void
  /** What brokers want to see of this client is something else now. */
  observed(): void
  /** An operator wants something, by a broker that waits for the answer. */
  ordered(link: BrokerLink, order: OrderText): void
  advise(advisory: Advisory): void
}

export interface ReplyNews {
  readonly kind: number
  readonly flags: number
  readonly bytes: Buffer
  readonly headersStart: number
  readonly bodyStart: number
  readonly end: number
}

export interface ClientFacts {
  readonly instance: string
  readonly secret: string
  readonly replyTopic: string
  readonly name: string
  readonly idc: string
  readonly label: string
  readonly token: string
  readonly maxInFlight: number
  readonly pingMs: number
  readonly silenceMs: number
  /** Number of the first call of each series. 1, except in tests of great numbers. */
  readonly firstCounter: number
}

export interface ClientCounters {
  requests: number
  succeeded: number
  failed: number
  retries: number
  moves: number
  recoveries: number
  /** Sends to a responder of another data centre. */
  crossIdc: number
  isolations: number
  /** Sends to where a dark-launch rule says and, for want of an instance there, elsewhere. */
  launched: number
  launchFallbacks: number
  lateReplies: number
  foreignReplies: number
  lateRefusals: number
  received: number
  duplicates: number
  refusedUnstarted: number
  expired: number
  overruns: number
  repliesResent: number
  repliesForgotten: number
  staleBatches: number
  protocolErrors: number
}

/** What the parts of the client core share. */
export class ClientState {
  readonly facts: ClientFacts
  readonly effects: ClientEffects
  readonly heartbeat: Heartbeat<BrokerLink>
  readonly prng: Prng
  /** Every broker known; they become more, never less. */
  readonly links: BrokerLink[]
  readonly counters: ClientCounters = {
    requests: 0,
    succeeded: 0,
    failed: 0,
    retries: 0,
    moves: 0,
    recoveries: 0,
    crossIdc: 0,
    isolations: 0,
    launched: 0,
    launchFallbacks: 0,
    lateReplies: 0,
    foreignReplies: 0,
    lateRefusals: 0,
    received: 0,
    duplicates: 0,
    refusedUnstarted: 0,
    expired: 0,
    overruns: 0,
    repliesResent: 0,
    repliesForgotten: 0,
    staleBatches: 0,
    protocolErrors: 0,
  }
  phase: 'open' | 'draining' | 'closed' = 'open'
  /** How long the process was stopped, until it has read what piled up meanwhile. */
  stoppedMs = 0
  /** What happened to calls of late; there only while some broker looks at this client. */
  trace: CallTrace | undefined
  /** There are brokers of other data centres, used only when the home ones do not do. */
  hasAway = false
  /** It was said that no broker stands in this client's data centre. */
  #isIdcUnknown = false

  constructor(
    facts: ClientFacts,
    effects: ClientEffects,
    heartbeat: Heartbeat<BrokerLink>,
    prng: Prng,
    links: BrokerLink[],
  ) {
    this.facts = facts
    this.effects = effects
    this.heartbeat = heartbeat
    this.prng = prng
    this.links = links
  }

  get hasLink(): boolean {
    return this.links.some((link) => link.isUp)
  }

  /**
   * Which brokers are home: those of this client's data centre. Until one has said so nobody else
   * is at home while a broker has yet to speak; if there is none at all, every broker is home.
   */
  settleHome(): void {
    const { idc } = this.facts
    const isThere = this.links.some((link) => link.idc === idc || isUnheard(link))
    for (const link of this.links) link.isHome = !isThere || link.idc === idc || link.idc === ''
    this.hasAway = this.links.some((link) => !link.isHome)
    const known = [...new Set(this.links.map((link) => link.idc))].filter((name) => name !== '')
    // A registry names brokers one by one: it is too early to judge before one of them is linked.
    const isUnknown = !isThere && known.length > 0 && this.hasLink
    if (isUnknown && !this.#isIdcUnknown) {
      this.effects.advise({ kind: 'unknown_idc', idc, known: known.sort().join(' ') })
    }
    this.#isIdcUnknown = isUnknown
  }

  send(now: number, link: BrokerLink, type: number, payload: Uint8Array): void {
    link.outbox.frame(now, type, payload)
    this.heartbeat.touch(now, link)
  }

  ping(now: number, link: BrokerLink): void {
    link.ping(now)
    this.heartbeat.touch(now, link)
  }
}

const isUnheard = ({ idc, failures }: BrokerLink): boolean => idc === '' && failures === 0
