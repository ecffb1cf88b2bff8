import { LOAD_UNIT } from '../../bus/frame.ts'
import type { RouteEntry } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import type { Homing } from './homing.ts'
import type { Isolation } from './isolation.ts'
import type { SendCount, TopicTally } from './topic-tally.ts'

/** Weight of the newest latency, and of the newest load, in the smoothed ones. */
const LATENCY_WEIGHT = 1 / 8
const LOAD_WEIGHT = 1 / 8
const LATENCY_HALF_LIFE_MS = 1_000
const BRIEF_MS = 10
/** How fast the slowest usual latency is forgotten: it stays near the 99th percentile. */
const SLOW_DECAY = 1 / 256
/** After a refusal by the responder itself its queue is left out for this, doubling up to the last. */
const FIRST_AVOID_MS = 20
const LAST_AVOID_MS = 2_000

/**
 * How near a queue is: 0 here, both its broker and its owner in this data centre; 1 at a home broker,
 * its owner elsewhere; 2 at a broker of another data centre.
 */
export type Tier = 0 | 1 | 2

/** Queues that the same calls may go to, by nearness, and whether those calls are at home. */
export interface QueuePool {
  readonly tiers: [RouteQueue[], RouteQueue[], RouteQueue[]]
  /** It had queues in this data centre, and calls may have to return there. */
  wasHome: boolean
  /** Made when its calls first had to leave their data centre. */
  homing: Homing | undefined
}

/** What a queue knows of its topic. */
export interface RouteTopic {
  readonly name: string
  readonly queues: readonly RouteQueue[]
  /** Dark-launch rules say which queues have the same calls. */
  readonly dark: { mayStandIn(label: string, other: string): boolean } | undefined
  /** The earliest instant at which an isolated queue wants a probe. */
  probeAt: number
  readonly tally: TopicTally
}

/** A queue of a topic at one broker, with its present owner, as a requester knows it. */
export class RouteQueue {
  readonly link: BrokerLink
  readonly topic: RouteTopic
  readonly handle: number
  /** The topic's handle at that broker. */
  topicHandle: number
  readonly owner: number
  readonly instance: string
  readonly idc: string
  readonly label: string
  epoch: number
  state: number
  tier: Tier = 0
  /** Calls of ours that it has not answered. */
  inFlight = 0
  /** Smoothed milliseconds from send to reply. */
  latencyMs = 0
  /** What is quick for it: the least, forgotten by and by. */
  quickMs = 0
  /** What is slow for it: about the 99th percentile of its latency. */
  slowMs = 0
  /** Smoothed: requests that wait there for each handler that may run. */
  load = 0
  /** What it has to give away to other data centres, in calls: a part of one. */
  spilled = 0
  /** Refused just now: left out until then, or until the broker says it is writable. */
  avoidUntil = 0
  /** Its owner refused just now: better ones first until then. */
  shyUntil = 0
  /** What is sent to its data centre is counted here. */
  readonly sends: SendCount
  #refusals = 0
  #heardAt = 0
  /** Made by its first failure. */
  isolation: Isolation | undefined

  constructor(link: BrokerLink, topic: RouteTopic, topicHandle: number, entry: RouteEntry) {
    this.link = link
    this.topic = topic
    this.handle = entry.queue
    this.topicHandle = topicHandle
    this.owner = entry.owner
    this.instance = entry.instance
    this.idc = entry.idc
    this.label = entry.label
    this.epoch = entry.epoch
    this.state = entry.state
    this.sends = topic.tally.sendsTo(entry.idc)
  }

  /** What the broker says of it now. */
  update({ epoch, state }: RouteEntry): void {
    this.epoch = epoch
    this.state = state
    this.avoidUntil = 0
    this.shyUntil = 0
  }

  /** What it took is believed less and less while nothing new is heard: a slow one may be well again. */
  latencyAt(now: number): number {
    return this.latencyMs * this.#belief(now)
  }

  /** It never is as quick as this call needs it: at most one such call at a time finds out more. */
  isHopeless(now: number, leftMs: number): boolean {
    const { quickMs } = this
    return quickMs > leftMs && (this.inFlight > 0 || quickMs * this.#belief(now) > leftMs)
  }

  /** A reply came from it. After a long silence it says more than all before. */
  noteReply(now: number, ms: number, load: number): void {
    const kept = (1 - LATENCY_WEIGHT) * (this.#heardAt === 0 ? 1 : this.#belief(now))
    this.latencyMs = this.latencyMs * kept + ms * (1 - kept)
    if (ms < this.quickMs || this.#heardAt === 0) this.quickMs = ms
    else this.quickMs += (ms - this.quickMs) * LATENCY_WEIGHT
    this.#heardAt = now
    if (ms > this.slowMs) this.slowMs = ms
    else this.slowMs += (ms - this.slowMs) * SLOW_DECAY
    this.load += (load / LOAD_UNIT - this.load) * LOAD_WEIGHT
    this.#refusals = 0
    if (this.isolation?.succeed(now) === true) this.isolation = undefined
  }

  /** Its owner refuses, or cannot be in time: who says no quickly must not draw the calls to itself. */
  noteRefusal(now: number): void {
    const forMs = Math.min(LAST_AVOID_MS, FIRST_AVOID_MS * 2 ** this.#refusals)
    this.#refusals = Math.min(16, this.#refusals + 1)
    this.shyUntil = now + forMs
  }

  /** What is left of what was known of it, after so long a silence. */
  #belief(now: number): number {
    const silentMs = now - this.#heardAt
    // While replies come it is asked for every one of them, and a power has its price.
    return silentMs < BRIEF_MS ? 1 : 0.5 ** (silentMs / LATENCY_HALF_LIFE_MS)
  }
}
