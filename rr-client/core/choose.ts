import { Flag, QueueState } from '../../bus/frame.ts'
import { hashText } from '../../bus/hash.ts'
import type { Prng } from '../../bus/prng.ts'
import type { RequestResponseFuture } from './future.ts'
import type { QueuePool, RouteQueue } from './route-queue.ts'

/** What is put up with when nothing better is there. */
export const Lenience = { none: 0, doubtful: 1, isolated: 2 } as const
export type Lenience = (typeof Lenience)[keyof typeof Lenience]

/**
 * The load at home, in calls waiting for each handler that may run, from which a share of the calls
 * goes to another data centre; it grows to the most over the range. At a load of 1 a call takes
 * twice as long as its handler.
 */
const SPILL_LOAD = 0.25
const SPILL_RANGE = 1.5
const SPILL_MOST = 0.9
/** Only to where so much less waits: where as much waits, the way would be for nothing. */
const SPILL_GAIN = 0.5
/** Latencies decide only where they differ by this factor and by so much: the rest is noise. */
const SLOWER_FACTOR = 2
const SLOWER_MS = 5

/**
 * The queue a call goes to: the nearest fit ones, and of two random ones of these the better by
 * calls in flight, then by latency (Mitzenmacher 2001); with a key, the owner that ranks highest for
 * it (rendezvous hashing, Thaler and Ravishankar 1998).
 */
export const choose = (
  now: number,
  future: RequestResponseFuture,
  prng: Prng,
  lenience: Lenience,
  pool: QueuePool = future.topic,
): RouteQueue | undefined => {
  const { tiers, homing } = pool
  if (now >= future.topic.probeAt) {
    const probe = dueProbe(now, future, pool, prng)
    if (probe !== undefined) return probe
  }
  const home = pick(now, future, tiers[0], prng, lenience)
  if (home === undefined) return elsewhere(now, future, pool, prng, lenience)
  if (tiers[1].length === 0 && tiers[2].length === 0) return home
  const isStaying = homing === undefined || prng.chance(homing.share(now))
  if (isStaying && (home.load < SPILL_LOAD || !isSpilled(home))) return home
  const other = elsewhere(now, future, pool, prng, Lenience.none)
  if (other === undefined || (isStaying && other.load > home.load * SPILL_GAIN)) return home
  return other
}

/**
 * Whether this call is one of those that a home queue with this load gives away: every so many, not by
 * chance, which would give it bunches of calls again.
 */
const isSpilled = (home: RouteQueue): boolean => {
  home.spilled += Math.min(SPILL_MOST, (home.load - SPILL_LOAD) / SPILL_RANGE)
  if (home.spilled < 1) return false
  home.spilled -= 1
  return true
}

/** The call would rather have gone to another data centre, had its queues been known. */
export const isSpilling = ({ tier, load }: RouteQueue): boolean => tier === 0 && load >= SPILL_LOAD

const elsewhere = (
  now: number,
  future: RequestResponseFuture,
  { tiers }: QueuePool,
  prng: Prng,
  lenience: Lenience,
): RouteQueue | undefined =>
  pick(now, future, tiers[1], prng, lenience) ?? pick(now, future, tiers[2], prng, lenience)

const pick = (
  now: number,
  future: RequestResponseFuture,
  queues: readonly RouteQueue[],
  prng: Prng,
  lenience: Lenience,
): RouteQueue | undefined => {
  const { key } = future.facts
  const { length } = queues
  if (length === 0) return undefined
  if (key !== undefined) {
    return highest(
      key,
      queues.filter((queue) => isFit(now, queue, future, prng, lenience)),
    )
  }
  if (length === 1) return isFit(now, queues[0]!, future, prng, lenience) ? queues[0] : undefined
  const leftMs = future.deadline - now
  const first = prng.below(length)
  const other = (first + 1 + prng.below(length - 1)) % length
  const a = queues[first]!
  const b = queues[other]!
  const isFitA = isFit(now, a, future, prng, lenience)
  const isFitB = isFit(now, b, future, prng, lenience)
  const isInTimeA = isFitA && !a.isHopeless(now, leftMs)
  const isInTimeB = isFitB && !b.isHopeless(now, leftMs)
  const best = betterOf(now, a, isInTimeA, b, isInTimeB)
  if (best !== undefined) return best
  const fit = queues.filter((queue) => isFit(now, queue, future, prng, lenience))
  if (fit.length === 0) return undefined
  const inTime = fit.filter((queue) => !queue.isHopeless(now, leftMs))
  if (inTime.length > 0) return inTime[prng.below(inTime.length)]
  return betterOf(now, a, isFitA, b, isFitB) ?? fit[prng.below(fit.length)]
}

const betterOf = (
  now: number,
  a: RouteQueue,
  isGoodA: boolean,
  b: RouteQueue,
  isGoodB: boolean,
): RouteQueue | undefined => {
  if (isGoodA && isGoodB) return isBetter(now, b, a) ? b : a
  if (isGoodA) return a
  return isGoodB ? b : undefined
}

const isFit = (
  now: number,
  queue: RouteQueue,
  future: RequestResponseFuture,
  prng: Prng,
  lenience: Lenience,
): boolean =>
  (queue.state === QueueState.writable ||
    (queue.state === QueueState.full && queue.avoidUntil > 0) ||
    (queue.state === QueueState.stalled && lenience === Lenience.isolated)) &&
  queue.avoidUntil <= now &&
  (queue.shyUntil <= now || lenience === Lenience.isolated) &&
  queue.link.isUp &&
  (!queue.link.isDoubtful || lenience !== Lenience.none) &&
  !queue.link.outbox.isClogged &&
  !isTried(future, queue.instance) &&
  future.refusedBy?.includes(queue) !== true &&
  (queue.isolation === undefined || isAdmitted(now, queue, prng, lenience))

const isAdmitted = (
  now: number,
  { isolation }: RouteQueue,
  prng: Prng,
  lenience: Lenience,
): boolean => {
  if (isolation!.admits(now, prng)) return true
  // The last route is never isolated, unless an operator says so.
  return lenience === Lenience.isolated && isolation!.forcedAt(now)?.to !== 'open'
}

/** An instance that may have the call already is not asked a second time as if it were new. */
const isTried = (future: RequestResponseFuture, instance: string): boolean =>
  future.current?.instance === instance ||
  future.earlier?.some((attempt) => attempt.instance === instance) === true

/** An isolated queue whose time has come, if this call may be its probe. */
const dueProbe = (
  now: number,
  future: RequestResponseFuture,
  { tiers, homing }: QueuePool,
  prng: Prng,
): RouteQueue | undefined => {
  const { topic, facts } = future
  // Calls that are at home do not leave it to see how those elsewhere do.
  const isAway = tiers[0].length === 0 || homing?.isAway === true
  const isIdempotent = (facts.flags & Flag.idempotent) !== 0
  let found: RouteQueue | undefined
  let probe = 0
  let next = Number.POSITIVE_INFINITY
  for (const queue of topic.queues) {
    const { isolation } = queue
    if (isolation === undefined) continue
    if (
      found === undefined &&
      now >= isolation.probeAt &&
      isReachable(queue) &&
      (isAway || queue.tier === 0) &&
      !isTried(future, queue.instance) &&
      tiers[queue.tier].includes(queue)
    ) {
      probe = isolation.takeProbe(now, isIdempotent, usualMs(queue), prng)
      if (probe > 0) found = queue
    }
    next = Math.min(next, isolation.probeAt)
  }
  topic.probeAt = next
  if (found === undefined) return undefined
  future.probeOf = found
  future.probe = probe
  return found
}

/** What is slow for a queue; if it has never answered, what is slow for the slowest of its topic. */
const usualMs = ({ slowMs, topic }: RouteQueue): number =>
  slowMs > 0 ? slowMs : Math.max(...topic.queues.map((queue) => queue.slowMs))

const isReachable = ({ state, link }: RouteQueue): boolean =>
  state === QueueState.writable && link.isUp && !link.isDoubtful && !link.outbox.isClogged

const isBetter = (now: number, a: RouteQueue, b: RouteQueue): boolean => {
  const [slow, quick] = a.latencyMs > b.latencyMs ? [a, b] : [b, a]
  const hardlyMs = quick.latencyMs * SLOWER_FACTOR + SLOWER_MS
  if (quick.latencyMs === 0 || slow.latencyMs <= hardlyMs) return a.inFlight < b.inFlight
  // Not heard of for a while it may be well again: one call finds out, not all of them.
  const slowMs = slow.inFlight > 0 ? slow.latencyMs : slow.latencyAt(now)
  if (slowMs <= hardlyMs) return a.inFlight < b.inFlight
  const [waitA, waitB] = slow === a ? [slowMs, quick.latencyMs] : [quick.latencyMs, slowMs]
  return (a.inFlight + 1) * waitA < (b.inFlight + 1) * waitB
}

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
