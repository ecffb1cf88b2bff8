import { Frame, Reason } from '../../bus/frame.ts'
import { type Assigned, encodeAssigned, Standing } from '../../bus/topic-frames.ts'
import type { Dispatch } from './dispatch.ts'
import type { Handover } from './handover.ts'
import type { Queue } from './queue.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import { isHeld, type Registration, type Topic, type Vote } from './topic.ts'

/** An instance that has not confirmed its vote within this may have to leave it to another. */
const MOVE_MS = 100
/** What an instance that leaves still runs may take so long before another follows it. */
const LEAVE_MS = 200
const LOOK_MS = 10

/**
 * This broker's votes in active/standby topics. A vote is the topic's one queue here: given to one
 * instance at a time, by `assign`, for a lease. It is given on when the instance has let it go, or when
 * the lease is over since the instance was last heard: by then it counts the vote as lost itself.
 *
 * An instance confirms its vote once it is the active one, by the votes of a majority of the brokers.
 * Brokers that voted for different instances come together by preferring the same one: that which says
 * it is active, otherwise that with the smallest id. A vote that is confirmed is never asked back.
 */
export class Votes {
  readonly #state: BrokerState
  readonly #routing: Routing
  readonly #dispatch: Dispatch
  readonly #handover: Handover
  readonly #topics = new Set<Topic>()
  #dueAt = Number.POSITIVE_INFINITY

  constructor(state: BrokerState, routing: Routing, dispatch: Dispatch, handover: Handover) {
    this.#state = state
    this.#routing = routing
    this.#dispatch = dispatch
    this.#handover = handover
  }

  get nextDeadline(): number {
    return this.#dueAt
  }

  /** An instance offers to answer, on a new link or for the first time; its standing follows. */
  onDeclared(registration: Registration): void {
    const { topic } = registration
    registration.standing = undefined
    // An earlier life of this broker may have given its vote a moment ago.
    topic.vote ??= noVote(this.#state.identity.startedAt + this.#state.leaseMs)
    this.#topics.add(topic)
  }

  onStanding(now: number, registration: Registration, standing: Standing): void {
    const { topic } = registration
    const vote = topic.vote!
    if (registration.standing === undefined) this.#handover.tellStandingBy(now, registration)
    registration.standing = standing
    if (vote.holder === registration && vote.freeAt !== Number.POSITIVE_INFINITY) {
      // Back within the lease. It has counted the vote as lost since its link was, so it is free
      // to be given, and best to the same.
      if (standing === Standing.out || !this.#mayHave(registration))
        this.#takeBack(now, topic, now, 'out of reach')
      else {
        vote.queue!.epoch += 1
        this.#hand(now, registration, vote)
      }
    }
    this.#settle(now, topic)
  }

  /** Its owner is the active instance: whether the queue may become writable. */
  onConfirmed(now: number, vote: Vote, queue: Queue): boolean {
    if (vote.queue !== queue || vote.freeAt !== Number.POSITIVE_INFINITY) return false
    if (vote.holder?.queue !== queue) return false
    vote.isConfirmed = true
    vote.isAsked = false
    this.#arm(now, vote)
    return true
  }

  /** The instance has let its vote go, asked or not. */
  onRevoked(now: number, topic: Topic, session: Session, { queue, epoch }: Assigned): void {
    const { holder } = topic.vote ?? {}
    if (holder?.session !== session || holder.queue?.handle !== queue) return
    if (holder.queue.epoch !== epoch) return
    if (holder.standing === Standing.active) holder.standing = Standing.ready
    // Taken from it in the midst of its work: as when it leaves, another waits for what it runs.
    const isLeaving = !this.#mayHave(holder)
    this.#takeBack(now, topic, isLeaving ? now + LEAVE_MS : now, 'let go')
    topic.vote!.isLeaving = isLeaving
    this.#settle(now, topic)
  }

  /** An operator has said who may have the vote. Whoever has it and may not must let it go, active or not. */
  onWord(now: number, topic: Topic): void {
    const { holder, queue, freeAt } = topic.vote!
    const isHere = holder?.session.link !== undefined && freeAt === Number.POSITIVE_INFINITY
    if (isHere && !this.#mayHave(holder)) this.#handover.tellTaken(now, holder, queue!)
    this.#settle(now, topic)
  }

  #mayHave(registration: Registration): boolean {
    return this.#state.isOpen && !isHeld(registration)
  }

  /** The link of an instance is lost: its vote stays with it for the rest of the lease. */
  onAway(registration: Registration): void {
    const vote = registration.topic.vote!
    registration.standing = undefined
    if (vote.holder !== registration) return
    vote.freeAt = registration.session.heardAt + this.#state.leaseMs
    // Perhaps long ago: nobody listened for a link that had nothing to say.
    this.#dueAt = Math.min(this.#dueAt, vote.freeAt)
  }

  /** Away for longer than a moment: what waits for it can be done sooner by others, or fail sooner. */
  handBack(now: number, { topic }: Registration): void {
    const { queue } = topic.vote!
    if (queue !== undefined) this.#dispatch.handBack(now, queue, Reason.moved)
  }

  /** The offer is withdrawn, or its client is gone for good. */
  onRemoved(now: number, registration: Registration, reason: string): void {
    const { topic } = registration
    const vote = topic.vote!
    if (vote.holder === registration) {
      // What it did not ask for itself it may not know yet: until it does its lease goes on.
      const isHere = vote.freeAt === Number.POSITIVE_INFINITY
      const isOwnWish = isHere && (reason === 'unregistered' || reason === 'goodbye')
      const keptMs = isOwnWish ? LEAVE_MS : this.#state.leaseMs
      this.#takeBack(now, topic, isHere ? now + keptMs : vote.freeAt, reason)
      vote.isLeaving = isOwnWish
    }
    this.#settle(now, topic)
  }

  onDeadline(now: number): void {
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const topic of [...this.#topics]) this.#settle(now, topic)
  }

  /** Gives the vote if it is free, and asks for it back if another should have it. */
  #settle(now: number, topic: Topic): void {
    const vote = topic.vote!
    if (vote.isLeaving && vote.queue?.unanswered === 0) vote.freeAt = Math.min(now, vote.freeAt)
    if (vote.freeAt <= now) {
      if (vote.holder !== undefined) this.#takeBack(now, topic, now, 'owner lost')
      const next = this.#preferred(topic)
      if (next !== undefined) this.#give(now, next, vote)
    } else this.#moveOn(now, topic, vote)
    if (topic.registrations.size === 0 && (vote.freeAt <= now || vote.queue === undefined)) {
      this.#forget(now, topic, vote)
    } else this.#arm(now, vote)
  }

  /** A vote that its instance could make nothing of so far goes to the one that others vote for too. */
  #moveOn(now: number, topic: Topic, vote: Vote): void {
    const { holder, queue } = vote
    if (holder?.session.link === undefined || now < moveAt(vote)) return
    // It said it was, and is not: it may be so no longer.
    if (holder.standing === Standing.active) holder.standing = Standing.ready
    const other = this.#preferred(topic)
    if (other === undefined || other === holder) return
    vote.isAsked = true
    const payload = encodeAssigned({ queue: queue!.handle, epoch: queue!.epoch })
    this.#state.send(now, holder.session.link, Frame.revoke, payload)
  }

  /** The queue of the topic gets a new owner: the same handle, a higher epoch. */
  #give(now: number, registration: Registration, vote: Vote): void {
    if (vote.queue !== undefined) vote.queue.state = 'gone'
    vote.queue = this.#handover.open(registration, vote.queue)
    vote.holder = registration
    this.#hand(now, registration, vote)
  }

  /** Tells the holder that it has the vote, in a new epoch; requesters that it is worth waiting. */
  #hand(now: number, registration: Registration, vote: Vote): void {
    const queue = vote.queue!
    const link = registration.session.link!
    queue.state = 'transition'
    vote.givenAt = now
    vote.freeAt = Number.POSITIVE_INFINITY
    vote.isConfirmed = false
    vote.isAsked = false
    vote.isLeaving = false
    vote.link = link
    link.leases += 1
    this.#routing.changed(now, queue)
    this.#handover.tellAssigned(now, registration, queue)
  }

  /** The vote is nobody's, and may be given from `freeAt` on. Requesters wait for the next owner. */
  #takeBack(now: number, topic: Topic, freeAt: number, reason: string): void {
    const vote = topic.vote!
    const { holder, queue, link } = vote
    if (link !== undefined) link.leases -= 1
    holder!.queue = undefined
    vote.holder = undefined
    vote.link = undefined
    vote.freeAt = freeAt
    queue!.state = 'transition'
    queue!.isDoubtful = false
    this.#routing.changed(now, queue!)
    this.#dispatch.handBack(now, queue!, Reason.moved)
    this.#handover.adviseGone(queue!, reason)
  }

  /** Nobody answers the topic any more, and no vote is out. */
  #forget(now: number, topic: Topic, { queue }: Vote): void {
    this.#topics.delete(topic)
    topic.vote = undefined
    if (queue !== undefined) {
      this.#handover.remove(topic, queue)
      this.#routing.changed(now, queue)
    }
    this.#routing.forgetIfIdle(topic)
  }

  /** Who should have the vote: of those that could make something of it the active one, or the first by id. */
  #preferred(topic: Topic): Registration | undefined {
    let best: Registration | undefined
    for (const registration of topic.registrations) {
      const { standing, session } = registration
      if (standing === undefined || standing === Standing.out) continue
      if (session.link === undefined || !this.#mayHave(registration)) continue
      if (best === undefined || isBetter(registration, best)) best = registration
    }
    return best
  }

  #arm(now: number, vote: Vote): void {
    const dueAt = vote.isLeaving ? Math.min(vote.freeAt, now + LOOK_MS) : vote.freeAt
    if (dueAt > now) this.#dueAt = Math.min(this.#dueAt, dueAt)
    if (moveAt(vote) > now) this.#dueAt = Math.min(this.#dueAt, moveAt(vote))
  }
}

/** When a vote may be asked back. */
const moveAt = ({ isConfirmed, isAsked, givenAt }: Vote): number =>
  isConfirmed || isAsked ? Number.POSITIVE_INFINITY : givenAt + MOVE_MS

const isBetter = (a: Registration, b: Registration): boolean =>
  a.standing === b.standing
    ? a.session.instance < b.session.instance
    : a.standing === Standing.active

const noVote = (freeAt: number): Vote => ({
  holder: undefined,
  queue: undefined,
  link: undefined,
  givenAt: 0,
  isConfirmed: true,
  isAsked: false,
  isLeaving: false,
  freeAt,
})
