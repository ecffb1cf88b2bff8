import { MAX_BATCH_AGE_MS } from '../../bus/batch.ts'
import {
  BusError,
  type BusErrorCode,
  ERROR_TABLE,
  type ErrorDetails,
  type Outcome,
} from '../../bus/errors.ts'
import { QueueState } from '../../bus/frame.ts'
import type { BrokerLink } from './broker-link.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { ClientState } from './state.ts'

/** Why a call has no queue to go to now. */
export interface Failure {
  code: BusErrorCode
  message: string
  /** It may be different in a moment: links opening, queues in transition, a broker warming up. */
  mayPass: boolean
  /** Without news, the instant at which looking again can help. */
  lookAgainAt: number
  retryAfterMs?: number
  /** Where it was stopped, if not at the requester itself. */
  stage?: string
}

const LOOK_MS = 20

/** Judges over all brokers that have sent routes in this life (WIRE-SAFETY H9). */
export const failureOf = (
  now: number,
  future: RequestResponseFuture,
  state: ClientState,
): Failure => {
  const { topic } = future
  const links = state.links.filter((link) => link.isUp)
  const never = { lookAgainAt: Number.POSITIVE_INFINITY }
  if (links.length === 0) {
    return { code: 'not_connected', message: 'no broker is linked', mayPass: true, ...never }
  }
  const refused = links.find((link) => topic.refusals.get(link) === 'forbidden')
  if (refused !== undefined) {
    const message = `this token may not request ${topic.name}`
    return { code: 'forbidden', message, mayPass: false, ...never }
  }
  const none: BusErrorCode = 'no_responder'
  const message = `nobody answers ${topic.name}`
  const isOpening = state.links.some(isFirstOpening)
  if (isOpening || links.some((link) => !topic.heard.has(link))) {
    return { code: none, message, mayPass: true, ...never }
  }
  const busy = topic.queues.filter((queue) => isBusy(now, queue))
  if (busy.length > 0 && future.refusal !== undefined) {
    const avoided = busy.map((queue) => queue.avoidUntil - now).filter((ms) => ms > 0)
    const told = future.refusal.retryAfterMs || LOOK_MS
    const retryAfterMs = avoided.length > 0 ? Math.min(...avoided) : told
    return {
      code: 'overloaded',
      message: `every queue of ${topic.name} refuses`,
      mayPass: false,
      retryAfterMs,
      ...never,
    }
  }
  const full = topic.queues.filter((queue) => queue.state === QueueState.full)
  if (full.length > 0 && full.length === topic.queues.length) {
    return {
      code: 'overloaded',
      message: `every queue of ${topic.name} is full`,
      mayPass: false,
      retryAfterMs: 100,
      ...never,
    }
  }
  if (topic.queues.length > 0) {
    const isClogged = topic.queues.some((queue) => queue.link.isUp && queue.link.outbox.isClogged)
    if (isClogged) {
      const text = 'the link to the broker has more unsent bytes than it may'
      const stage = 'link'
      return {
        code: 'overloaded',
        message: text,
        stage,
        mayPass: false,
        retryAfterMs: 100,
        ...never,
      }
    }
    return { code: none, message, mayPass: true, lookAgainAt: now + LOOK_MS }
  }
  const settlesAt = Math.max(...links.map((link) => link.settlesAt))
  if (settlesAt > now) return { code: none, message, mayPass: true, lookAgainAt: settlesAt }
  return { code: none, message, mayPass: false, ...never }
}

/** Its broker has never spoken, and may in a moment; one that could not be reached is not waited for. */
const isFirstOpening = ({ state, failures, life }: BrokerLink): boolean =>
  life === 0 && failures === 0 && (state === 'connecting' || state === 'greeting')

const isBusy = (now: number, queue: { state: number; avoidUntil: number }): boolean =>
  queue.state === QueueState.full || queue.avoidUntil > now || queue.state === QueueState.writable

/** The error for a call that fails now. While an attempt is open its outcome is unknown. */
export const errorOf = (
  now: number,
  future: RequestResponseFuture,
  code: BusErrorCode,
  instance: string,
  about: { message?: string; retryAfterMs?: number; stage?: string },
): BusError => {
  const { refusal, facts } = future
  const outcome: Outcome = future.isOpen ? 'unknown' : 'not_executed'
  const details: ErrorDetails = {
    topic: facts.topic,
    correlationId: correlationIdOf(instance, future),
    attempts: future.attempt,
    stage: about.stage ?? refusal?.stage ?? 'requester',
  }
  if (future.isOpen) details.mayStartForMs = mayStartForMs(now, future, code)
  if (refusal !== undefined && refusal.limit > 0) {
    details.limit = refusal.limit
    details.current = refusal.current
  }
  const retryAfterMs = about.retryAfterMs ?? (code === 'overloaded' ? refusal?.retryAfterMs : 0)
  return new BusError(code, messageFor(future, code, about.message), {
    outcome,
    details,
    ...(retryAfterMs ? { retryAfterMs } : {}),
  })
}

export const correlationIdOf = (
  instance: string,
  call: { counter: number; isLong: boolean },
): string => `${instance}-${call.isLong ? 'L' : ''}${call.counter}`

const messageFor = (
  { facts, refusal }: RequestResponseFuture,
  code: BusErrorCode,
  message: string | undefined,
): string => {
  if (code === 'deadline_exceeded')
    return `no reply from ${facts.topic} within ${facts.timeoutMs} ms`
  if (refusal !== undefined && refusal.text !== '') return refusal.text
  return message ?? ERROR_TABLE[code].meaning
}

/**
 * After so long no copy can start. Copies expire at the deadline, and each of the two links may have
 * held one for as long as an unread batch is believed (rule 4). Once the responder is gone from a
 * broker that lives, no broker holds a copy for it, and only those on the way are left.
 */
const mayStartForMs = (now: number, future: RequestResponseFuture, code: BusErrorCode): number => {
  const onTheWayMs = 2 * MAX_BATCH_AGE_MS
  const attempts = [future.current, ...(future.earlier ?? [])]
  const isHeld = attempts.some((attempt) => attempt !== undefined && !isStanding(attempt))
  if (code === 'responder_lost' && !isHeld) return onTheWayMs
  return Math.max(0, future.deadline - now) + onTheWayMs
}

const isStanding = ({ link, generation }: Attempt): boolean =>
  link.isUp && link.generation === generation
