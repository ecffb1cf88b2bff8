import { QueueState } from '../../bus/frame.ts'
import { OwnHeader, withHeader } from '../../bus/headers.ts'
import type { Prng } from '../../bus/prng.ts'
import { choose, isSpilling, Lenience } from './choose.ts'
import type { RequestResponseFuture } from './future.ts'
import { Homing } from './homing.ts'
import type { QueuePool, RouteQueue } from './route-queue.ts'
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
): RouteQueue | undefined =>
  future.topic.dark === undefined && future.rule === undefined
    ? findIn(now, future, future.topic, prng, topics)
    : findByRule(now, future, prng, topics)

/**
 * The same for a call that a dark-launch rule may mean: among the instances with the rule's label, at
 * home and elsewhere, and only if none of them will do, and the rule allows it, among the others.
 * With its first attempt the call takes the label, which calls made for it inherit.
 */
const findByRule = (
  now: number,
  future: RequestResponseFuture,
  prng: Prng,
  topics: TopicBook,
): RouteQueue | undefined => {
  const { topic, facts } = future
  if (future.attempt === 0) future.rule = topic.dark?.ruleFor(facts.key, facts.headers)
  const { rule } = future
  const own = rule === undefined ? undefined : topic.dark?.poolOf(rule.to)
  // No rule means it, or the one that did has been withdrawn since.
  if (rule === undefined || own === undefined) return findIn(now, future, topic, prng, topics)
  const queue = rule.isStrict
    ? findIn(now, future, own, prng, topics)
    : (findIn(now, future, own, prng, topics, Lenience.doubtful) ??
      findInstead(now, future, own, prng, topics))
  if (queue === undefined) return undefined
  if (future.attempt === 0) facts.headers = withHeader(facts.headers, OwnHeader.label, rule.to)
  topics.noteLaunch(queue.label === rule.to)
  return queue
}

/** No instance with the rule's label will do; one that may be about to appear is waited for first. */
const findInstead = (
  now: number,
  future: RequestResponseFuture,
  own: QueuePool,
  prng: Prng,
  topics: TopicBook,
): RouteQueue | undefined => {
  const { topic } = future
  const isDue = topics.isHomeDue(now, future) || topics.reachAway(now, topic)
  if (isDue && mayWait(now, future)) return undefined
  return (
    findIn(now, future, topic, prng, topics) ?? choose(now, future, prng, Lenience.isolated, own)
  )
}

/** A queue of this pool, by links as doubtful and as isolated as is put up with at most. */
const findIn = (
  now: number,
  future: RequestResponseFuture,
  pool: QueuePool,
  prng: Prng,
  topics: TopicBook,
  most: Lenience = Lenience.isolated,
): RouteQueue | undefined => {
  const { topic } = future
  let queue = choose(now, future, prng, Lenience.none, pool)
  if (queue !== undefined && queue.tier === 0) {
    if (isSpilling(queue)) topics.reachAway(now, topic)
    return queue
  }
  const isPatient = queue === undefined && mayWait(now, future)
  if (isPatient && topics.isHomeDue(now, future)) return undefined
  // At a home broker it does without the others; they are asked when they are needed, and while.
  if (queue?.tier !== 1) {
    const isAsking = topics.reachAway(now, topic)
    if (isPatient && isAsking) return undefined
  }
  queue ??= choose(now, future, prng, Lenience.doubtful, pool)
  if (most === Lenience.isolated) queue ??= choose(now, future, prng, Lenience.isolated, pool)
  if (queue !== undefined && queue.tier > 0 && pool.wasHome && !isHomeFit(now, pool)) {
    pool.homing ??= new Homing()
    pool.homing.leave(now)
  }
  return queue
}

/** The call was not sent yet, and has not waited for as long as it may. */
const mayWait = (now: number, { isOpen, waitUntil }: RequestResponseFuture): boolean =>
  !isOpen && (waitUntil === 0 || waitUntil > now)

/**
 * The home data centre does what it can, although it may not take this call: a link is behind, a queue
 * is full, or its owner was lost a moment ago and is expected back. That is no reason to leave it.
 */
const isHomeFit = (now: number, { tiers }: QueuePool): boolean =>
  tiers[0].some(
    ({ state, link, isolation }) =>
      state !== QueueState.stalled && link.isUp && isolation?.isOpenAt(now) !== true,
  )
