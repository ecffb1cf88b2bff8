import { QueueState, Reason } from '../../bus/frame.ts'
import type { Attempt, RequestResponseFuture } from './future.ts'
import { Isolation, type ProbeEnd } from './isolation.ts'
import type { RouteQueue } from './route-queue.ts'
import type { TopicRoutes } from './routes.ts'
import { type Forced, isMeant, type Selector, StandingForces } from './standing-forces.ts'
import type { ClientState } from './state.ts'

/** Refusals by a responder that say: not here, not now. */
const UNWILLING: ReadonlySet<Reason> = new Set([
  Reason.moved,
  Reason.stale,
  Reason.draining,
  Reason.marks_full,
  Reason.link_full,
  Reason.full,
])

/** What is slow for a queue that has not answered this requester yet. */
const UNKNOWN_SLOW_MS = 100

/** An operator's word about queues. */
export interface Force extends Selector {
  /** Default: one for each choice of queues. */
  readonly id?: string
  /** `probe` lets one call through to an isolated queue; `auto` takes an earlier word back. */
  readonly to: Forced | 'probe' | 'auto'
  readonly until: number
  readonly reason: string
}

/** A topic called within this is asked about elsewhere at once when all of home is forced open. */
const BUSY_MS = 10_000

/** Which ends of calls count against which queue, and what follows. */
export class Isolations {
  readonly #state: ClientState
  readonly #reachAway: (now: number, topic: TopicRoutes) => void
  readonly #standing = new StandingForces()

  /** `reachAway` looks for others who answer the topic in other data centres. */
  constructor(state: ClientState, reachAway: (now: number, topic: TopicRoutes) => void) {
    this.#state = state
    this.#reachAway = reachAway
  }

  /** The attempt's queue did not answer in its usual time, or lost the call. */
  failed(now: number, future: RequestResponseFuture, { queue, sentAt }: Attempt): void {
    if (queue === undefined) return
    if (future.probeOf === queue) {
      this.probed(now, future, 'badly')
      return
    }
    queue.isolation ??= new Isolation(now)
    const { prng, counters, effects } = this.#state
    const mayOpen = hasOther(now, queue)
    if (!mayOpen) this.#reachAway(now, future.topic)
    const forMs = queue.isolation.fail(now, sentAt, mayOpen, prng)
    if (forMs === 0) return
    const { topic } = queue
    topic.probeAt = Math.min(topic.probeAt, queue.isolation.probeAt)
    counters.isolations += 1
    effects.advise({ kind: 'queue_isolated', ...namesOf(queue), forMs })
  }

  /** One attempt was refused. Only what expired there counts; a responder's no is news of the way. */
  refused(
    now: number,
    future: RequestResponseFuture,
    attempt: Attempt,
    isByResponder: boolean,
  ): void {
    const queue = attempt.queue!
    const { reason } = future.refusal!
    if (reason === Reason.expired && isSlow(now, attempt)) this.failed(now, future, attempt)
    // Refused for the age of its way alone, a probe is sent again.
    else if (future.probeOf === queue && reason !== Reason.stale_batch) {
      this.probed(now, future, 'refused')
    }
    if (isByResponder && UNWILLING.has(reason)) queue.noteRefusal(now)
  }

  /** The time of a call is over, and one attempt has not been answered. */
  late(now: number, future: RequestResponseFuture, attempt: Attempt): void {
    const { queue, sentAt } = attempt
    if (isSlow(now, attempt)) this.failed(now, future, attempt)
    // Not slower than it ever is, and too slow for this call: others first, for longer each time.
    else if (queue !== undefined && queue.quickMs >= now - sentAt) queue.noteRefusal(now)
  }

  /** The probe of an isolated queue has ended. */
  probed(now: number, future: RequestResponseFuture, end: ProbeEnd): void {
    const queue = future.probeOf!
    future.probeOf = undefined
    const { isolation } = queue
    if (isolation === undefined) return
    if (!isolation.probed(now, future.probe, end, this.#state.prng)) return
    queue.topic.probeAt = Math.min(queue.topic.probeAt, isolation.probeAt)
    if (end === 'well') this.#state.effects.advise({ kind: 'queue_restored', ...namesOf(queue) })
  }

  /**
   * An operator decides. The word holds for queues that come later, too. Returns how many queues of
   * these topics it meant, or -1 if too many words hold already.
   */
  force(now: number, topics: Iterable<TopicRoutes>, force: Force): number {
    const { id = `${force.topic} ${force.instance} ${force.idc}`, to, reason } = force
    let count = 0
    if (to === 'open' || to === 'closed') {
      if (!this.#standing.put(now, { ...force, id, to })) return -1
    } else this.#standing.end(id, force)
    for (const topic of topics) {
      for (const queue of topic.queues) {
        if (isMeant(force, queue)) {
          count += 1
          if (to === 'probe') queue.isolation?.probeSoon(now)
        }
        this.#settle(now, queue, reason)
      }
      if (to === 'open' && isLeaving(now, topic)) this.#reachAway(now, topic)
    }
    return count
  }

  /** Queues of a topic have come or changed: what operators said before holds for them as well. */
  onRoutes(now: number, topic: TopicRoutes): void {
    if (this.#standing.count(now) === 0) return
    for (const queue of topic.queues) this.#settle(now, queue, '')
  }

  /** Makes what operators said so far hold for a queue; `reason`: why nothing does any more. */
  #settle(now: number, queue: RouteQueue, reason: string): void {
    const forcing = this.#standing.of(now, queue)
    const before = queue.isolation?.forcedAt(now)
    if (forcing !== undefined) queue.isolation ??= new Isolation(now)
    const { isolation } = queue
    if (isolation === undefined) return
    isolation.hold(forcing)
    queue.topic.probeAt = Math.min(queue.topic.probeAt, isolation.probeAt)
    if (before?.to === forcing?.to && before?.reason === forcing?.reason) return
    const about = forcing ?? { to: 'auto', reason }
    const news = { ...namesOf(queue), to: about.to, reason: about.reason }
    this.#state.effects.advise({ kind: 'queue_forced', ...news })
  }
}

/** All its queues at home were closed off while it has calls: they need others at once. */
const isLeaving = (now: number, { lastUsedAt, queues }: TopicRoutes): boolean => {
  const home = queues.filter(({ tier }) => tier === 0)
  const isOff = home.every(({ isolation }) => isolation?.forcedAt(now)?.to === 'open')
  return home.length > 0 && isOff && now - lastUsedAt < BUSY_MS
}

/** Another instance could take its calls: the last route of a topic is never isolated. */
const hasOther = (now: number, { topic, instance, label }: RouteQueue): boolean =>
  topic.queues.some(
    (other) =>
      other.instance !== instance &&
      topic.dark?.mayStandIn(label, other.label) !== false &&
      other.state === QueueState.writable &&
      other.link.isUp &&
      other.isolation?.isOpenAt(now) !== true,
  )

const namesOf = ({ topic, handle, link, instance }: RouteQueue) => ({
  topic: topic.name,
  queue: handle,
  broker: link.broker,
  instance,
})

/**
 * It waited longer than what is slow for that queue: impatience is not the queue's fault. Of a queue
 * that has not answered yet nothing is known, and a short wait says nothing.
 */
const isSlow = (now: number, { queue, sentAt }: Attempt): boolean => {
  const { slowMs = 0 } = queue ?? {}
  return now - sentAt > (slowMs === 0 ? UNKNOWN_SLOW_MS : slowMs)
}
