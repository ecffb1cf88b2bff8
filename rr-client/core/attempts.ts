/** The sends of one call that may still be answered, and the load they stand for. */
import { Flag, QueueState, Reason } from '../../bus/frame.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import type { RouteQueue } from './route-queue.ts'

/** An idempotent call that cost two responders their link goes to no third (WIRE-SAFETY M6). */
const MAX_LOST = 1
/** A way has two links, each of which may have been quiet for too long. */
const MAX_REPEATS = 2

export const attemptOf = (future: RequestResponseFuture, number: number): Attempt | undefined =>
  future.current?.number === number
    ? future.current
    : future.earlier?.find((attempt) => attempt.number === number)

/** A newer attempt follows; this one may run all the same. */
export const setAside = (future: RequestResponseFuture, attempt: Attempt): void => {
  if (future.earlier === undefined) future.earlier = [attempt]
  else future.earlier.push(attempt)
  future.current = undefined
}

/** The attempt will not run: it was refused. */
export const freeAttempt = (future: RequestResponseFuture, attempt: Attempt): void => {
  releaseLoad(attempt)
  if (future.current === attempt) future.current = undefined
  else future.earlier = without(future.earlier, (other) => other === attempt)
}

/** The instance will start neither this attempt nor one sent to it before (rule 2). */
export const freeOlder = (future: RequestResponseFuture, attempt: Attempt): void => {
  const isCovered = (other: Attempt): boolean =>
    other.instance === attempt.instance && other.number <= attempt.number
  for (const other of future.earlier ?? []) if (isCovered(other)) releaseLoad(other)
  future.earlier = without(future.earlier, isCovered)
}

/** Whether a reply may come from this instance: the call was sent to it. */
export const isFromAttempt = (
  future: RequestResponseFuture,
  instance: string | undefined,
): boolean => {
  if (instance === undefined) return false
  if (future.current?.instance === instance) return true
  return future.earlier?.some((attempt) => attempt.instance === instance) ?? false
}

/** The link to the responder of an attempt was lost; told by several brokers, it is one loss. */
export const noteLoss = (future: RequestResponseFuture, { instance }: Attempt): void => {
  if (future.lostInstance !== instance) future.lostPeers += 1
  future.lostInstance = instance
}

export const isIdempotent = ({ facts }: RequestResponseFuture): boolean =>
  (facts.flags & Flag.idempotent) !== 0

/** It may run more than once, and has not cost too many their link. */
export const mayGoElsewhere = (future: RequestResponseFuture): boolean =>
  isIdempotent(future) && future.lostPeers <= MAX_LOST

export const releaseLoad = ({ link, generation, queue }: Attempt): void => {
  if (queue !== undefined) queue.inFlight -= 1
  if (link.generation === generation) link.dropCall()
}

const without = (
  attempts: Attempt[] | undefined,
  isOut: (attempt: Attempt) => boolean,
): Attempt[] | undefined => {
  const kept = attempts?.filter((attempt) => !isOut(attempt))
  return kept === undefined || kept.length === 0 ? undefined : kept
}

/**
 * The way to the queue had been quiet for so long that nobody could say how old the call was. Now it
 * has not, and the same queue takes the call: the ways to the others may be as old.
 */
export const queueAgain = (
  now: number,
  { topic, refusal, moves, probeOf }: RequestResponseFuture,
  { queue, link }: Attempt,
): RouteQueue | undefined => {
  if (queue === undefined || refusal?.reason !== Reason.stale_batch) return undefined
  if (moves > MAX_REPEATS || topic.find(link, queue.handle) !== queue) return undefined
  const isOpen = queue.state === QueueState.writable && link.isUp && !link.outbox.isClogged
  const isWanted = queue.isolation?.isOpenAt(now) !== true || probeOf === queue
  return isOpen && isWanted ? queue : undefined
}
