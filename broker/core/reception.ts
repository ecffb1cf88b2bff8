import { Deadlines } from '../../bus/deadlines.ts'
import { Frame, PROTOCOL_VERSION } from '../../bus/frame.ts'
import { encodeReject, encodeWelcome, type Hello } from '../../bus/handshake.ts'
import { isName } from '../../bus/names.ts'
import type { Assignment } from './assignment.ts'
import type { Dispatch } from './dispatch.ts'
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
const REPLACED = 4001
const SILENT = 4002

/** Sessions: who comes, who comes back with the right secret, and who has gone for good. */
export class Reception {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  readonly #returns: Returns
  readonly #assignment: Assignment
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
  ) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
    this.#returns = returns
    this.#assignment = assignment
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
    const answer = this.#judge(hello)
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
    session.heardAt = link.lastReadAt
    this.#routing.unwatchAll(session)
    this.#assignment.onAway(now, session)
    this.#returns.lose(now, session, true)
    this.#holds.arm(now, now + this.#state.limits.sessionHoldMs, session.handle)
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

  #judge(hello: Hello): { grant: Grant | undefined } | { code: string; message: string } {
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
    if (session.link === undefined) return
    const { link } = session
    session.link = undefined
    link.session = undefined
    this.#drop(link)
    this.#state.effects.close(link, 1000, reason)
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
