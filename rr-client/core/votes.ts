import { Frame } from '../../bus/frame.ts'
import { encodeAssigned, encodeStanding, Standing } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'
import { type Candidacy, type Vote, votesToBegin, votesToStay } from './candidacy.ts'
import type { Registration } from './registration.ts'
import type { ClientState } from './state.ts'

/** Votes that would do, were they sure (nothing was acknowledged for a while), are counted so often. */
const RECOUNT_MS = 10
/** A vote by a link that was quiet for longer than this share of its lease is made sure by a ping. */
const QUIET_SHARE = 0.25
const NOTHING = Buffer.alloc(0)

/** What follows from votes for the parts around. */
export interface VoteActs {
  /** The queue that came with a vote is no longer ours. */
  disown(now: number, link: BrokerLink, registration: Registration): void
  /** Nothing more of it may start: what waits goes back. */
  stop(now: number, registration: Registration): void
}

/**
 * Active/standby: which instance of a group answers a topic, decided by the votes of the brokers. Each
 * broker gives its vote to one instance at a time, for a lease. An instance is active from when it
 * has the votes of a majority until it has too few to keep every other from that; so never two are.
 *
 * The danger is in what one does not know: a vote counts only while its broker cannot have given it
 * to another, by our own clock and whatever has been heard. A vote that came back later is no excuse for
 * what was started without it, so the count is taken before every start.
 */
export class Votes {
  readonly #state: ClientState
  readonly #acts: VoteActs
  /** The active/standby topics of this client. */
  readonly #candidates = new Set<Registration>()
  #dueAt = Number.POSITIVE_INFINITY

  constructor(state: ClientState, acts: VoteActs) {
    this.#state = state
    this.#acts = acts
  }

  get nextDeadline(): number {
    return this.#dueAt
  }

  open(registration: Registration): void {
    if (registration.candidacy !== undefined) this.#candidates.add(registration)
  }

  /** Closed: it starts nothing more, and needs no votes. */
  close(registration: Registration): void {
    const { candidacy } = registration
    if (candidacy === undefined) return
    this.#candidates.delete(registration)
    candidacy.isActive = false
    for (const link of candidacy.votes.keys()) link.leases -= 1
    candidacy.votes.clear()
    candidacy.told.clear()
  }

  /** A handler of it may start now. */
  mayStart(now: number, registration: Registration): boolean {
    const candidacy = registration.candidacy!
    if (!candidacy.isActive) return false
    this.#judge(now, registration, candidacy)
    return candidacy.isActive
  }

  /** The topic was declared at a broker just now. */
  declared(now: number, link: BrokerLink, registration: Registration): void {
    const { candidacy } = registration
    if (candidacy !== undefined) this.#tell(now, link, registration, this.#standing(candidacy))
  }

  /** More or fewer brokers are linked than before. */
  onLinks(now: number): void {
    for (const registration of this.#candidates) {
      this.#judge(now, registration, registration.candidacy!)
    }
  }

  /** What a broker that is linked no more has given is counted as lost at once. */
  onLinkDown(now: number, link: BrokerLink): void {
    for (const { candidacy } of this.#candidates) {
      candidacy!.votes.delete(link)
      candidacy!.told.delete(link)
    }
    link.leases = 0
    this.onLinks(now)
  }

  /** A broker has given its vote. */
  take(now: number, link: BrokerLink, registration: Registration, vote: Vote): void {
    const candidacy = registration.candidacy!
    // Before it counts: what was lost meanwhile must not be made up for by it.
    this.#judge(now, registration, candidacy)
    if (!candidacy.votes.has(link)) link.leases += 1
    candidacy.votes.set(link, vote)
    if (vote.leaseMs === 0) {
      this.#giveBack(now, link, registration, vote)
      return
    }
    const isQuiet = link.pulse.ageBound(now) > vote.leaseMs * QUIET_SHARE
    if (isQuiet) this.#state.send(now, link, Frame.ping, NOTHING)
    if (candidacy.isActive) this.#confirm(now, link, vote)
    else this.#judge(now, registration, candidacy)
  }

  /** An operator takes the vote from us, whatever becomes of it: the broker gives it on once we say so. */
  #giveBack(
    now: number,
    link: BrokerLink,
    registration: Registration,
    { queue, epoch }: Vote,
  ): void {
    this.#acts.disown(now, link, registration)
    this.lose(link, registration)
    this.#state.send(now, link, Frame.revoked, encodeAssigned({ queue, epoch }))
    this.#judge(now, registration, registration.candidacy!)
  }

  /** A broker would give its vote to another. The active one keeps it, and says so. */
  keeps(now: number, link: BrokerLink, registration: Registration): boolean {
    const candidacy = registration.candidacy!
    const vote = candidacy.votes.get(link)
    if (!this.mayStart(now, registration) || vote === undefined) return false
    this.#confirm(now, link, vote)
    return true
  }

  /** The vote was let go. */
  lose(link: BrokerLink, { candidacy }: Registration): void {
    if (candidacy?.votes.delete(link) !== true) return
    link.leases -= 1
    // From one that lets it go a broker does not expect to be active.
    if (candidacy.told.get(link) === Standing.active) candidacy.told.set(link, Standing.ready)
  }

  onDeadline(now: number): void {
    if (now < this.#dueAt) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const registration of this.#candidates) {
      this.#judge(now, registration, registration.candidacy!)
    }
  }

  /** Two urls of one broker give one vote. An estimate too high is safe, one too low is not. */
  get #brokers(): number {
    return this.#state.links.filter(({ twin }) => twin === undefined).length
  }

  /** Counts the votes, and draws the conclusions. */
  #judge(now: number, registration: Registration, candidacy: Candidacy): void {
    const brokers = this.#brokers
    const votes = candidacy.count(now)
    const { topic } = registration
    if (candidacy.isActive && votes < votesToStay(brokers)) {
      candidacy.isActive = false
      this.#acts.stop(now, registration)
      this.#letGo(now, registration, candidacy)
      this.#state.effects.advise({ kind: 'standby_passive', topic, votes, brokers })
    } else if (!candidacy.isActive && votes >= votesToBegin(brokers)) {
      candidacy.isActive = true
      for (const [link, vote] of candidacy.votes) this.#confirm(now, link, vote)
      this.#state.effects.advise({ kind: 'standby_active', topic, votes, brokers })
    }
    this.#announce(now, registration, candidacy)
    this.#arm(now, candidacy)
  }

  /** Tells brokers that have given us no vote how we stand, if they believe otherwise. */
  #announce(now: number, registration: Registration, candidacy: Candidacy): void {
    const standing = this.#standing(candidacy)
    if (standing === Standing.out) this.#letGo(now, registration, candidacy)
    for (const [link, told] of candidacy.told) {
      if (told === standing || candidacy.votes.has(link) || !link.isUp) continue
      this.#tell(now, link, registration, standing)
    }
  }

  #standing({ isActive }: Candidacy): Standing {
    if (isActive) return Standing.active
    const linked = this.#state.links.filter((link) => link.isUp).length
    return linked >= votesToBegin(this.#brokers) ? Standing.ready : Standing.out
  }

  #tell(now: number, link: BrokerLink, registration: Registration, standing: Standing): void {
    registration.candidacy!.told.set(link, standing)
    const news = { id: registration.id, standing, brokers: this.#state.links.length }
    this.#state.send(now, link, Frame.standing, encodeStanding(news))
  }

  /** An instance that is not active must not sit on votes of which another could make something. */
  #letGo(now: number, registration: Registration, candidacy: Candidacy): void {
    for (const [link, { queue, epoch }] of [...candidacy.votes]) {
      this.#acts.disown(now, link, registration)
      this.lose(link, registration)
      if (link.isUp) this.#state.send(now, link, Frame.revoked, encodeAssigned({ queue, epoch }))
    }
  }

  #confirm(now: number, link: BrokerLink, { queue, epoch }: Vote): void {
    this.#state.send(now, link, Frame.assigned, encodeAssigned({ queue, epoch }))
  }

  #arm(now: number, candidacy: Candidacy): void {
    if (candidacy.isActive) this.#dueAt = Math.min(this.#dueAt, candidacy.lapsesAt(now) + 1)
    else if (candidacy.votes.size >= votesToBegin(this.#brokers)) {
      this.#dueAt = Math.min(this.#dueAt, now + RECOUNT_MS)
    }
  }
}
