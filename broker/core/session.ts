import { BeatingEnd } from '../../bus/heartbeat.ts'
import { admits } from '../../bus/names.ts'
import type { Outbox } from '../../bus/outbox.ts'
import type { Pulse } from '../../bus/pulse.ts'

/** What a token opens; absent when everybody may do everything. */
export interface Grant {
  readonly name: string
  readonly request: readonly string[]
  readonly reply: readonly string[]
  /** What it may do at the admin API. */
  readonly admin?: 'look' | 'act' | undefined
}

/**
 * One link as the core sees it. The shell makes it when a socket opens. Its calls are the requests
 * in the broker that came by it, and the deliveries it has not answered.
 */
export class Link extends BeatingEnd {
  readonly id: number
  readonly outbox: Outbox
  readonly pulse: Pulse
  /** Where it comes from, for logs. */
  readonly address: string
  session: Session | undefined
  isClosed = false
  lastReadAt: number

  constructor(now: number, id: number, address: string, pulse: Pulse, outbox: Outbox) {
    super()
    this.id = id
    this.address = address
    this.pulse = pulse
    this.outbox = outbox
    this.lastReadAt = now
  }
}

/** A reply kept for a requester that is away. */
export interface HeldReply {
  readonly frame: Buffer
  readonly from: Session
}

/** Answers of an allow-list that are remembered. */
const MAX_ALLOWED = 1_000

/** The broker's memory of one instance. It outlives a short loss of the link. */
export class Session {
  readonly handle: number
  readonly instance: string
  readonly secret: string
  readonly replyTopic: string
  readonly name: string
  readonly idc: string
  readonly label: string
  readonly grant: Grant | undefined
  link: Link | undefined
  /** Since when it is linked, and where from; while it is away, the last time. */
  upAt = 0
  address = ''
  /** When the link was lost; meaningless while there is one. */
  lostAt = 0
  /** When something was last read from it before that. */
  heardAt = 0
  /** Handles this client knows on its present link. */
  readonly known = new Set<number>()
  /** Sessions that know this one's handle, to be told when it is gone. */
  readonly knownTo = new Set<Session>()
  /** The one it was asked about last, which saves the look-up. */
  lastKnown = 0
  /** Names of the topics it watches. */
  readonly watched = new Set<string>()
  /** Its own requests that wait in queues: ids by series and counter, so that a cancel finds them. */
  readonly waiting = new Map<number, number>()
  /** Number of the newest delivery that it owes an answer; 0 if it owes none. */
  newestDelivery = 0
  /** Resume list as far as it has come; undefined while none is due. */
  resume: Set<number> | undefined
  /** What the allow-list has said of topics so far. */
  readonly #allowed = new Map<string, boolean>()
  held: HeldReply[] = []
  heldBytes = 0
  /** Reports it may still send, by when it sent the last one. */
  reportCredit = 0
  reportBytes = 0
  reportedAt = Number.NEGATIVE_INFINITY

  constructor(handle: number, who: Omit<SessionFacts, 'handle'>) {
    this.handle = handle
    this.instance = who.instance
    this.secret = who.secret
    this.replyTopic = who.replyTopic
    this.name = who.name
    this.idc = who.idc
    this.label = who.label
    this.grant = who.grant
  }

  mayRequest(topic: string): boolean {
    const { grant } = this
    if (grant === undefined) return true
    let answer = this.#allowed.get(topic)
    if (answer === undefined) {
      answer = grant.request.some((pattern) => admits(pattern, topic))
      if (this.#allowed.size < MAX_ALLOWED) this.#allowed.set(topic, answer)
    }
    return answer
  }

  mayReply(topic: string): boolean {
    return this.grant === undefined || this.grant.reply.some((p) => admits(p, topic))
  }

  /** Whether it may see the whole broker: a token that may request everything. */
  mayInspect(): boolean {
    return this.grant === undefined || this.grant.request.includes('*')
  }
}

export interface SessionFacts {
  handle: number
  instance: string
  secret: string
  replyTopic: string
  name: string
  idc: string
  label: string
  grant: Grant | undefined
}

/** Calls of the two series under one key: long ones below zero (counters start at 1). */
export const callKey = (counter: number, isLong: boolean): number => (isLong ? -counter : counter)
