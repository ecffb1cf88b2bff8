import { QueueState } from '../../bus/frame.ts'
import type { Prng } from '../../bus/prng.ts'
import type { RequestResponseFuture } from './future.ts'
import { hashText } from './hash.ts'
import type { RouteQueue } from './routes.ts'

/**
 * The queue a call goes to: of two random fit ones the better by calls in flight, then by latency
 * (Mitzenmacher 2001); with a key, the owner that ranks highest for it (rendezvous hashing, Thaler
 * and Ravishankar 1998).
 */
export const choose = (
  now: number,
  future: RequestResponseFuture,
  prng: Prng,
  mayBeDoubtful: boolean,
): RouteQueue | undefined => {
  const { queues } = future.topic
  const { key } = future.facts
  if (key !== undefined)
    return highest(
      key,
      queues.filter((queue) => isFit(now, queue, future, mayBeDoubtful)),
    )
  if (queues.length === 1)
    return isFit(now, queues[0]!, future, mayBeDoubtful) ? queues[0] : undefined
  if (queues.length === 0) return undefined
  const first = prng.below(queues.length)
  const other = (first + 1 + prng.below(queues.length - 1)) % queues.length
  const a = queues[first]!
  const b = queues[other]!
  const isFitA = isFit(now, a, future, mayBeDoubtful)
  const isFitB = isFit(now, b, future, mayBeDoubtful)
  if (isFitA && isFitB) return isBetter(b, a) ? b : a
  if (isFitA) return a
  if (isFitB) return b
  const fit = queues.filter((queue) => isFit(now, queue, future, mayBeDoubtful))
  return fit.length === 0 ? undefined : fit[prng.below(fit.length)]
}

const isFit = (
  now: number,
  queue: RouteQueue,
  future: RequestResponseFuture,
  mayBeDoubtful: boolean,
): boolean =>
  (queue.state === QueueState.writable ||
    (queue.state === QueueState.full && queue.avoidUntil > 0)) &&
  queue.avoidUntil <= now &&
  queue.link.isUp &&
  (mayBeDoubtful || !queue.link.isDoubtful) &&
  !queue.link.outbox.isClogged &&
  !isTried(future, queue.instance) &&
  future.refusedBy?.includes(queue) !== true

/** An instance that may have the call already is not asked a second time as if it were new. */
const isTried = (future: RequestResponseFuture, instance: string): boolean =>
  future.current?.instance === instance ||
  future.earlier?.some((attempt) => attempt.instance === instance) === true

const isBetter = (a: RouteQueue, b: RouteQueue): boolean =>
  a.inFlight < b.inFlight || (a.inFlight === b.inFlight && a.latencyMs < b.latencyMs)

const highest = (key: string, queues: RouteQueue[]): RouteQueue | undefined => {
  const seed = hashText(key)
  let best: RouteQueue | undefined
  let rank = -1
  for (const queue of queues) {
    const score = hashText(queue.instance, seed)
    if (score > rank) {
      rank = score
      best = queue
    }
  }
  return best
}
