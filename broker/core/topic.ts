import type { Standing } from '../../bus/topic-frames.ts'
import { Figures } from './figures.ts'
import type { Credit, DepthLimits, Queue } from './queue.ts'
import type { RouteSubsets } from './route-subsets.ts'
import type { Link, Session } from './session.ts'
import type { Takeover } from './takeover.ts'

/** A topic as one broker knows it: its group, its queues, and who wants to hear of them. */
export class Topic {
  readonly handle: number
  readonly name: string
  /** The one group that answers it, while it has registrations. */
  group = ''
  /** Bounds of the queues as its group declared them last; 0 for none. */
  minQueues = 0
  maxQueues = 0
  readonly registrations = new Set<Registration>()
  readonly queues = new Map<number, Queue>()
  /** Queues that lost their owner and wait for another: only where the number of queues is bounded. */
  spare: Queue[] = []
  /** Made when an instance of another data centre offers to answer. */
  takeover: Takeover | undefined
  /** This broker's vote for its one active instance: present if the others stand by. */
  vote: Vote | undefined
  readonly watchers = new Set<Session>()
  /** Which of its queues each watcher knows, while they are too many for everybody to know all. */
  subsets: RouteSubsets | undefined
  /** Queues whose news the watchers have not been told. */
  readonly changed = new Set<Queue>()
  toldAt = Number.NEGATIVE_INFINITY
  /** The broker's own, until an operator sets others. */
  limits: DepthLimits
  /** Instances that an operator keeps from owning a queue. */
  readonly holds = new Map<string, Hold>()
  /** Sums of its queues that have ended. */
  readonly ended = new Figures()

  constructor(handle: number, name: string, limits: DepthLimits) {
    this.handle = handle
    this.name = name
    this.limits = limits
  }

  get isIdle(): boolean {
    const isUsed = this.registrations.size > 0 || this.queues.size > 0 || this.watchers.size > 0
    return !isUsed && this.holds.size === 0
  }
}

/** An operator's word that an instance is to own no queue of a topic. */
export interface Hold {
  readonly reason: string
  readonly until: number
}

/** A session's offer to answer a topic, and the queue it got for it, if it does not stand by. */
export interface Registration extends Credit {
  readonly session: Session
  readonly topic: Topic
  /** Its instance runs in the broker's data centre. */
  readonly isLocal: boolean
  /** One instance of the group is active, over all brokers. */
  readonly isStandby: boolean
  /** How it stands in the votes of all brokers, as it said on its present link. */
  standing: Standing | undefined
  /** Brokers in its list; all instances of the group must list the same. */
  brokers: number
  queue: Queue | undefined
  /** Declared on the present link: what a client that is back does not declare again is over. */
  isDeclared: boolean
}

/** Who has this broker's vote in an active/standby topic, which is the topic's queue here. */
export interface Vote {
  holder: Registration | undefined
  /** The holder's, or that of the last one until the next is there. */
  queue: Queue | undefined
  /** The link that is watched for the vote's sake. */
  link: Link | undefined
  givenAt: number
  /** The holder is the active instance: the queue is writable. */
  isConfirmed: boolean
  /** It was asked to let the vote go. */
  isAsked: boolean
  /** The last holder left in good order; the vote waits for what it runs. */
  isLeaving: boolean
  /** Not given to another before this; Infinity while the holder is linked. */
  freeAt: number
}

/** It has a queue, which may be in transition. */
export const owns = ({ queue }: Registration): boolean =>
  queue !== undefined && queue.state !== 'gone'

/** An operator keeps it from owning a queue. */
export const isHeld = ({ topic, session }: Registration): boolean =>
  topic.holds.size > 0 && topic.holds.has(session.instance)

/** It may own a queue: its client is here and has said so, or is expected back at any moment. */
export const isEligible = (registration: Registration): boolean =>
  (registration.isDeclared || owns(registration)) && !isHeld(registration)
