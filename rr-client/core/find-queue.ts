import { QueueState } from '../../bus/frame.ts'
import type { Prng } from '../../bus/prng.ts'
import { choose, isSpilling, Lenience } from './choose.ts'
import type { RequestResponseFuture } from './future.ts'
import { Homing } from './homing.ts'
import type { RouteQueue } from './route-queue.ts'
import type { TopicRoutes } from './routes.ts'
import type { TopicBook } from './topic-book.ts'

/**
 * The best queue for a call, at home if home does; if there is none, in another data centre, whose
 * brokers are asked when they are needed; after that one by a link that is behind, and in the end one
 * that is isolated. Undefined: none now.
 */
export const findQueue = (
  now: number,
  future: RequestResponseFuture,
  prng: Prng,
  topics: TopicBook,
): RouteQueue | undefined => {
  const { topic } = future
  const best = choose(now, future, prng, Lenience.none)
  if (best !== undefined && best.tier === 0) {
    if (isSpilling(best)) topics.reachAway(now, topic)
    return best
  }
  const isAsking = topics.reachAway(now, topic)
  if (best === undefined && isAsking && !future.isOpen) return undefined
  const queue =
    best ??
    choose(now, future, prng, Lenience.doubtful) ??
    choose(now, future, prng, Lenience.isolated)
  if (queue !== undefined && queue.tier > 0 && topic.wasHome && !isHomeFit(topic)) {
    topic.homing ??= new Homing()
    topic.homing.leave(now)
  }
  return queue
}

/** A queue of the home data centre takes requests, however doubtful its link is. */
const isHomeFit = ({ tiers }: TopicRoutes): boolean =>
  tiers[0].some(
    ({ state, link, isolation }) =>
      state === QueueState.writable && link.isUp && isolation?.isOpen !== true,
  )
