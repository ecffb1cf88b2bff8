import { MAX_BATCH_AGE_MS } from '../../bus/batch.ts'
import {
  BusError,
  type BusErrorCode,
  ERROR_TABLE,
  type ErrorDetails,
  type Outcome,
} from '../../bus/errors.ts'
import { QueueState } from '../../bus/frame.ts'
import { isMeantFor, missOf } from './dark-launch.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { RouteQueue } from './route-queue.ts'
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
/** Told to callers whom a full queue or link has refused. */
const RETRY_MS = 100
const NEVER = Number.POSITIVE_INFINITY

/** Judges over all brokers that have sent routes in this life (WIRE-SAFETY H9). */
export const failureOf = (
  now: number,
  future: RequestResponseFuture,
  state: ClientState,
): Failure => {
  const { topic } = future
  const links = state.links.filter((link) => link.isUp)
  const nobody = `nobody answers ${topic.name}`
  if (links.length === 0) return mayPass('not_connected', 'no broker is linked')
  if (links.some((link) => topic.refusals.get(link) === 'forbidden')) {
    return final('forbidden', `this token may not request ${topic.name}`)
  }
  const isAsked = links.some((link) =>
    link.isHome ? topic.asked.has(link) && !topic.heard.has(link) : topic.isAnswerDue(now, link),
  )
  const queues = queuesFor(future)
  const known = queues.length > 0 ? failureOfQueues(now, future, queues) : undefined
  if (isAsked || state.links.some((link) => link.isFirstOpening)) {
    const reason = known ?? mayPass('no_responder', nobody)
    return { ...reason, mayPass: true, lookAgainAt: now + LOOK_MS }
  }
  if (known !== undefined) return known
  const settlesAt = Math.max(...links.map((link) => link.settlesAt))
  const miss = topic.dark === undefined ? undefined : missOf(topic, topic.dark, future.rule)
  if (settlesAt > now) return mayPass('no_responder', miss ?? nobody, settlesAt)
  if (miss === undefined) return final('no_responder', nobody)
  return { ...final('no_responder', miss), stage: 'requester' }
}

/**
 * The queues that may take the call. Where a strict rule means it, one that changes hands is not
 * waited for: its instance may be gone, and the caller has asked to be told at once.
 */
const queuesFor = ({ topic, rule }: RequestResponseFuture): readonly RouteQueue[] => {
  const { queues, dark } = topic
  if (dark === undefined) return queues
  const meant = queues.filter((queue) => isMeantFor(dark, rule, queue))
  const isStrict = rule?.isStrict === true && dark.poolOf(rule.to) !== undefined
  return isStrict ? meant.filter(({ state }) => state !== QueueState.transition) : meant
}

/** There are queues, and none takes the call. */
const failureOfQueues = (
  now: number,
  { topic: { name }, refusal }: RequestResponseFuture,
  queues: readonly RouteQueue[],
): Failure => {
  const forced = queues.map((queue) => queue.isolation?.forcedAt(now))
  const byOperator = forced.find((force) => force?.to === 'open')
  if (byOperator !== undefined && forced.every((force) => force?.to === 'open')) {
    const message = `every queue of ${name} was isolated by an operator: ${byOperator.reason}`
    return final('circuit_open', message, Math.max(1, Math.ceil(byOperator.until - now)))
  }
  const busy = queues.filter((queue) => isBusy(now, queue))
  if (busy.length > 0 && refusal !== undefined) {
    const avoided = busy.map((queue) => queue.avoidUntil - now).filter((ms) => ms > 0)
    const told = refusal.retryAfterMs || LOOK_MS
    const retryAfterMs = avoided.length > 0 ? Math.min(...avoided) : told
    return final('overloaded', `every queue of ${name} refuses`, retryAfterMs)
  }
  if (queues.every((queue) => queue.state === QueueState.full)) {
    return final('overloaded', `every queue of ${name} is full`, RETRY_MS)
  }
  if (queues.some((queue) => queue.link.isUp && queue.link.outbox.isClogged)) {
    const message = 'the link to the broker has more unsent bytes than it may'
    return { ...final('overloaded', message, RETRY_MS), stage: 'link' }
  }
  return mayPass('no_responder', `nobody answers ${name}`, now + LOOK_MS)
}

const mayPass = (code: BusErrorCode, message: string, lookAgainAt = NEVER): Failure => ({
  code,
  message,
  mayPass: true,
  lookAgainAt,
})

const final = (code: BusErrorCode, message: string, retryAfterMs?: number): Failure => ({
  code,
  message,
  mayPass: false,
  lookAgainAt: NEVER,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})

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
  if (future.rule !== undefined) details.label = future.rule.to
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
  // What a queue said earlier does not explain why there is none now.
  const isPast = code === 'no_responder' && message !== undefined
  if (refusal !== undefined && refusal.text !== '' && !isPast) return refusal.text
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
