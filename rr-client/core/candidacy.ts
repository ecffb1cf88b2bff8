import type { Standing } from '../../bus/topic-frames.ts'
import type { BrokerLink } from './broker-link.ts'

/** An owner uses a lease up to this share; its broker gives the vote on at the end (WIRE-SAFETY H3). */
const LEASE_SHARE = 0.8

/** Votes of so many brokers that make an instance the active one. */
export const votesToBegin = (brokers: number): number => Math.floor(brokers / 2) + 1

/** Votes that the active one must keep: with so many no other can win those it takes to begin. */
export const votesToStay = (brokers: number): number => brokers - Math.floor(brokers / 2)

/** What one broker gave with its vote. */
export interface Vote {
  readonly queue: number
  readonly epoch: number
  readonly leaseMs: number
}

/** An instance's standing in one active/standby topic: whose votes it has, and whether it is active. */
export class Candidacy {
  readonly votes = new Map<BrokerLink, Vote>()
  /** What each broker was told last of our standing, on its present link. */
  readonly told = new Map<BrokerLink, Standing>()
  isActive = false

  /** Votes that no broker can have given to another by now. */
  count(now: number): number {
    let count = 0
    for (const [link, vote] of this.votes) if (link.isUp && now <= lapseOf(link, vote)) count += 1
    return count
  }

  /** When the next of the votes that hold now lapses, if nothing is heard until then. */
  lapsesAt(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const [link, vote] of this.votes) {
      const instant = lapseOf(link, vote)
      if (instant >= now) next = Math.min(next, instant)
    }
    return next
  }
}

/**
 * Counted from when we sent what the broker acknowledged last: it has read that no earlier, and counts
 * from then.
 */
const lapseOf = ({ pulse }: BrokerLink, { leaseMs }: Vote): number =>
  pulse.ackedSentAt + leaseMs * LEASE_SHARE
