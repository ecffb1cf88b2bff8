import { FieldWriter } from '../../bus/bytes.ts'
import { Deadlines } from '../../bus/deadlines.ts'
import { Frame, PROTOCOL_VERSION } from '../../bus/frame.ts'
import { encodeReject, encodeWelcome, type Hello } from '../../bus/handshake.ts'
import { isName } from '../../bus/names.ts'
import type { Assignment } from './assignment.ts'
import { Bans } from './bans.ts'
import type { Dispatch } from './dispatch.ts'
import type { Observing } from './observing.ts'
import type { Returns } from './returns.ts'
import type { Routing } from './routing.ts'
import { type Grant, type Link, Session } from './session.ts'
import type { BrokerState } from './state.ts'

/** A link that says no hello within this is closed. */
const HELLO_MS = 5_000
/** A client with nothing to say pings every 10 to 15 s; twice missed, the link is dead. */
const IDLE_MS = 30_000
/** ws close codes: policy, and going away. */
const REFUSED = 1008
const GOING = 1001
const DONE = 1000
const REPLACED = 4001
const SILENT = 4002
/** Instances that are banned at once; then the oldest bans end early. */
const MAX_BANS = 10_000

/** Sessions: who comes, who comes back with the right secret, and who has gone for good. */
export class Reception {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  readonly #returns: Returns
  readonly #assignment: Assignment
  readonly #observing: Observing
  readonly #bans = new Bans(MAX_BANS)
  #nextHandle = 1
  readonly #linkById = new Map<number, Link>()
  readonly #linkChecks = new Deadlines((id) => {
    const link = this.#linkById.get(id)
    return link === undefined ? -1 : dueAt(link)
  })
  readonly #holds = new Deadlines((handle) => {
    const session = this.#state.sessions.get(handle)
    if (session === undefined || session.link !== undefined) return -1
    return session.lostAt + this.#state.limits.sessionHoldMs
  })

  constructor(
    state: BrokerState,
    routing: Routing,
    dispatch: Dispatch,
    returns: Returns,
    assignment: Assignment,
    observing: Observing,
  ) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
    this.#returns = returns
    this.#assignment = assignment
    this.#observing = observing
  }

  get nextDeadline(): number {
    return Math.min(this.#linkChecks.next, this.#holds.next)
  }

  onOpen(now: number, link: Link): void {
    this.#state.links.add(link)
    this.#linkById.set(link.id, link)
    this.#linkChecks.arm(now, dueAt(link), link.id)
  }

  onHello(now: number, link: Link, hello: Hello): void {
    const answer = this.#judge(now, hello)
    if ('code' in answer) {
      this.refuse(now, link, answer.code, answer.message)
      return
    }
    const known = this.#state.byInstance.get(hello.instance)
    // A client cannot know before the welcome that this is the life it was linked to before.
    if (hello.knewAnotherLife && known === undefined) this.#state.isRestart = true
    const session = known ?? this.#newSession(hello, answer.grant)
    if (known?.link !== undefined) this.#replaceLink(now, known.link)
    session.link = link
    session.upAt = now
    session.address = link.address
    link.session = session
    this.#state.forgetKnown(session)
    // A client that is back lists the deliveries it still holds before anything counts again.
    session.resume = known === undefined ? undefined : new Set()
    this.#welcome(now, link, session, known !== undefined)
    if (known === undefined) return
    this.#assignment.onBack(now, session)
    this.#state.effects.advise({ kind: 'session_resumed', peer: session.instance })
    this.#returns.sendHeld(now, session)
  }

  onResume(now: number, session: Session, deliveries: number[], isLast: boolean): void {
    const { resume } = session
    if (resume === undefined) return
    for (const delivery of deliveries) resume.add(delivery)
    if (!isLast) return
    session.resume = undefined
    this.#returns.resume(now, session, resume)
  }

  /** The client has said goodbye: it will not come back. */
  onGoodbye(now: number, session: Session): void {
    this.#end(now, session, 'goodbye')
  }

  onClosed(now: number, link: Link): void {
    this.#drop(link)
    const { session } = link
    if (session === undefined || session.link !== link) return
    session.link = undefined
    session.lostAt = now
    this.#state.effects.sessionIs(session, 'lost')
    session.heardAt = link.lastReadAt
    this.#routing.unwatchAll(session)
    this.#assignment.onAway(now, session)
    this.#returns.lose(now, session, true)
    this.#holds.arm(now, now + this.#state.limits.sessionHoldMs, session.handle)
  }

  /** An operator ends the session; the client dials again, and is let in after the ban, if there is one. */
  kick(now: number, session: Session, reason: string, banMs: number): void {
    const { instance: peer, link } = session
    if (banMs > 0) this.#bans.add(now, peer, reason, banMs)
    this.#state.counters.bansDropped = this.#bans.dropped
    this.#state.effects.advise({ kind: 'session_kicked', peer, reason, forMs: banMs })
    const message = `an operator has ended this session: ${reason}`
    link?.outbox.frame(now, Frame.reject, encodeReject({ code: 'forbidden', message }))
    this.#end(now, session, 'kicked')
  }

  /** Every client is told goodbye, and its session is over. */
  dismissAll(now: number, reason: string): void {
    const goodbye = new FieldWriter().text(reason).done()
    // First all links: nobody need be told of the others' end.
    for (const link of [...this.#state.links]) {
      if (link.session === undefined) continue
      link.outbox.frame(now, Frame.goodbye, goodbye)
      this.#unlink(link, link.session, GOING, reason)
    }
    for (const session of [...this.#state.sessions.values()]) this.#end(now, session, reason)
  }

  refuse(now: number, link: Link, code: string, message: string): void {
    this.#state.effects.advise({ kind: 'link_refused', peer: link.address, code, message })
    link.outbox.frame(now, Frame.reject, encodeReject({ code, message }))
    this.#state.effects.close(link, REFUSED, code)
    this.#drop(link)
  }

  silent(now: number, link: Link, reason: string): void {
    this.#state.effects.close(link, SILENT, reason)
    this.onClosed(now, link)
  }

  onDeadline(now: number): void {
    this.#linkChecks.due(now, (id) => {
      const link = this.#linkById.get(id)!
      this.silent(now, link, link.session === undefined ? 'no hello' : 'silent')
    })
    this.#holds.due(now, (handle) => this.#end(now, this.#state.sessions.get(handle)!, 'lost'))
  }

  #judge(
    now: number,
    hello: Hello,
  ): { grant: Grant | undefined } | { code: string; message: string } {
    const { minVersion, maxVersion } = hello
    if (minVersion > PROTOCOL_VERSION || maxVersion < PROTOCOL_VERSION) {
      const message = `the broker speaks version ${PROTOCOL_VERSION}, the client ${minVersion} to ${maxVersion}`
      return { code: 'incompatible_version', message }
    }
    if (hello.instance.length < MIN_ID || hello.secret.length < MIN_ID || !isName(hello.idc)) {
      return { code: 'invalid_argument', message: 'instance, secret or idc is not valid' }
    }
    const opened = this.#state.effects.authenticate(hello.token)
    if (opened === undefined) {
      const message = hello.token === '' ? 'this broker asks for a token' : 'unknown token'
      return { code: 'unauthenticated', message }
    }
    const known = this.#state.byInstance.get(hello.instance)
    if (known !== undefined && !sameText(known.secret, hello.secret)) {
      return { code: 'unauthenticated', message: 'this instance is shown without its secret' }
    }
    const ban = this.#bans.of(now, hello.instance)
    if (ban !== undefined) {
      const message = `an operator has banned this instance for ${ban.leftMs} ms more: ${ban.reason}`
      return { code: 'forbidden', message }
    }
    // Those that had a link a moment ago may bring the answers that the drain waits for.
    const { phase } = this.#state
    if (phase === 'drained' || (phase === 'draining' && known === undefined)) {
      return { code: 'draining', message: 'this broker drains and takes no clients' }
    }
    const { maxSessions } = this.#state.limits
    if (known === undefined && this.#state.sessions.size >= maxSessions) {
      return { code: 'overloaded', message: `the broker has ${maxSessions} sessions, its limit` }
    }
    return opened
  }

  #newSession(hello: Hello, grant: Grant | undefined): Session {
    const session = new Session(this.#nextHandle, { ...hello, grant })
    this.#nextHandle += 1
    this.#state.sessions.set(session.handle, session)
    this.#state.byInstance.set(session.instance, session)
    this.#state.byReplyTopic.set(session.replyTopic, session)
    return session
  }

  /** Nothing more is read from the older link, and its end is not a loss (WIRE-SAFETY M2). */
  #replaceLink(now: number, older: Link): void {
    older.session!.heardAt = older.lastReadAt
    this.#returns.lose(now, older.session!, false)
    this.#assignment.onAway(now, older.session!)
    this.#routing.unwatchAll(older.session!)
    older.session = undefined
    this.#drop(older)
    this.#state.effects.close(older, REPLACED, 'the client is back on another link')
  }

  #welcome(now: number, link: Link, session: Session, isResumed: boolean): void {
    const { identity, limits } = this.#state
    const payload = encodeWelcome({
      version: PROTOCOL_VERSION,
      broker: identity.id,
      idc: identity.idc,
      life: identity.life,
      handle: session.handle,
      isResumed,
      settlingMs: this.#state.settlingMs(now),
      maxBodyBytes: limits.maxBodyBytes,
    })
    this.#state.send(now, link, Frame.welcome, payload)
    this.#state.effects.advise({
      kind: 'link_up',
      peer: session.instance,
      life: identity.life,
      isResumed,
    })
    this.#observing.onWelcome(now, link)
    this.#state.effects.sessionIs(session, 'up')
  }

  #end(now: number, session: Session, reason: string): void {
    this.#assignment.onEnd(now, session, reason)
    this.#dispatch.dropOrigin(now, session)
    this.#returns.forget(now, session)
    this.#routing.unwatchAll(session)
    session.held = []
    this.#state.withdraw(now, session)
    this.#state.sessions.delete(session.handle)
    this.#state.byInstance.delete(session.instance)
    this.#state.byReplyTopic.delete(session.replyTopic)
    this.#state.effects.advise({ kind: 'session_ended', peer: session.instance, reason })
    this.#state.effects.sessionIs(session, 'gone')
    this.#state.trace?.sessionGone(session)
    if (session.link !== undefined) this.#unlink(session.link, session, DONE, reason)
  }

  #unlink(link: Link, session: Session, code: number, reason: string): void {
    session.link = undefined
    link.session = undefined
    this.#drop(link)
    this.#state.effects.close(link, code, reason)
  }

  #drop(link: Link): void {
    link.isClosed = true
    this.#state.heartbeat.forget(link)
    this.#state.links.delete(link)
    this.#linkById.delete(link.id)
  }
}

const MIN_ID = 10

const dueAt = (link: Link): number =>
  link.session === undefined ? link.lastReadAt + HELLO_MS : link.lastReadAt + IDLE_MS

/** Compares without telling by its duration how much was right. */
const sameText = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++)
    difference |= a.charCodeAt(i) ^ b.charCodeAt(i % (b.length || 1))
  return difference === 0
}
