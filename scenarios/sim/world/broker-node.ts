import { BrokerCore } from '../../../broker/core/broker-core.ts'
import { type Grant, Link } from '../../../broker/core/session.ts'
import type { BrokerLimits } from '../../../broker/core/state.ts'
import type { AnnouncementRefused } from '../../../broker/registry/core/announced-copy.ts'
import type { Advisory } from '../../../bus/advisory.ts'
import { Outbox, type Wire } from '../../../bus/outbox.ts'
import { Prng } from '../../../bus/prng.ts'
import { Pulse } from '../../../bus/pulse.ts'
import type { DarkLaunchRule } from '../../../bus/rules.ts'
import { brokerUrl } from './address.ts'
import { Rank } from './agenda.ts'
import { Announcing } from './announcing.ts'
import type { ClockAsk } from './clock.ts'
import type { EndEvents } from './link.ts'
import { Node } from './node.ts'
import type { Surroundings } from './surroundings.ts'
import type { VirtualHttp } from './virtual-http.ts'

/** What a broker is started with. */
export interface BrokerAsk extends BrokerLimits {
  readonly idc: string
  /** What each token opens; a client with none of them may do everything. */
  readonly grants?: Readonly<Record<string, Grant>>
  readonly clock?: ClockAsk
  /** Where it is reached; by its name alone, if nothing is said. */
  readonly hosts?: readonly string[]
  /** Names of the registries it announces itself to, and what it says there of where it is reached. */
  readonly registries?: readonly string[]
  readonly urls?: readonly string[]
}

export const BROKER_LIMITS: BrokerLimits = {
  maxDepth: 10_000,
  maxDepthBytes: 32 * 1_048_576,
  maxBodyBytes: 1_048_576,
  maxSessions: 20_000,
  maxTopics: 20_000,
  warmUpMs: 2_000,
  sessionHoldMs: 10_000,
  pingMs: 250,
  silenceMs: 1_000,
  traceEvents: 4_096,
}

/** One life of a broker process. */
export class BrokerNode extends Node {
  readonly core: BrokerCore
  readonly life: number
  readonly limits: BrokerAsk
  readonly advisories: Advisory[] = []
  /** What it was told by clients since it is watched, and how its drains ended. */
  readonly reports: { from: string; json: Buffer }[] = []
  readonly drains: { handedBack: number; abandoned: number }[] = []
  /** By which registry its start was refused, and why; it is closed then. */
  refusedBy: AnnouncementRefused | undefined
  readonly #wires = new Map<Link, Wire>()
  readonly #announcing: Announcing | undefined
  #nextLink = 1

  constructor(
    world: Surroundings,
    name: string,
    life: number,
    limits: BrokerAsk,
    http: VirtualHttp,
  ) {
    super(world, name, limits.silenceMs, limits.clock)
    this.limits = limits
    this.life = life
    const identity = { id: name, idc: limits.idc, life, startedAt: this.now }
    this.core = new BrokerCore(identity, limits, {
      close: (link, code, reason) => this.#close(link, code, reason),
      advise: (advisory) => this.advisories.push(advisory),
      authenticate: (token) => ({ grant: limits.grants?.[token] }),
      reported: (session, json) => this.reports.push({ from: session.instance, json }),
      ordered: () => {},
      sessionIs: () => {},
      drained: (handedBack, abandoned) => this.drains.push({ handedBack, abandoned }),
    })
    const { registries = [], hosts = [name], urls = hosts.map(brokerUrl) } = limits
    if (registries.length === 0) return
    this.#announcing = new Announcing(
      this,
      http,
      registries,
      { id: name, life, idc: limits.idc, urls },
      (advisory) => this.advisories.push(advisory),
      new Prng(world.nature.u32()),
      (refused) => {
        this.refusedBy = refused
        this.leave()
      },
    )
  }

  /** Makes itself known; it serves from the first instant. */
  start(): void {
    this.#announcing?.start()
  }

  /** Ends in good order: takes its announcements back, says goodbye, closes its links. */
  leave(): void {
    this.#announcing?.close()
    this.step((now) => this.core.close(now))
    this.flushNow()
    for (const wire of this.#wires.values()) wire.close(1001, 'the broker closes')
    this.#wires.clear()
    this.die()
  }

  /** The events of the broker's end of a new link, and what opens it once the wire is there. */
  accept(address: string): { events: EndEvents; open: (wire: Wire) => void } {
    let link: Link | undefined
    const events: EndEvents = {
      onBatch: (bytes) => this.step((now) => this.core.onBatch(now, link!, bytes)),
      onClosed: (reason) =>
        this.step((now) => {
          this.#wires.delete(link!)
          this.core.onClosed(now, link!, reason)
        }),
    }
    const open = (wire: Wire): void =>
      this.step((now) => {
        const pulse = new Pulse(now)
        const outbox: Outbox = new Outbox(wire, pulse, this.slabs, () => this.flushSoon(outbox))
        link = new Link(now, this.#nextLink, address, pulse, outbox)
        this.#nextLink += 1
        this.#wires.set(link, wire)
        this.core.onOpen(now, link)
      })
    return { events, open }
  }

  setRules(rules: readonly DarkLaunchRule[], version: number): void {
    this.step((now) => this.core.setRules(now, rules, version))
  }

  view() {
    return this.core.view(this.now)
  }

  advised<K extends Advisory['kind']>(kind: K): Extract<Advisory, { kind: K }>[] {
    return this.advisories.filter((a): a is Extract<Advisory, { kind: K }> => a.kind === kind)
  }

  /** The last words of a link go out before it is closed. */
  #close(link: Link, code: number, reason: string): void {
    const wire = this.#wires.get(link)
    this.#wires.delete(link)
    this.world.at(0, Rank.told, () => {
      if (!this.isAlive) return
      link.outbox.flush(this.now)
      wire?.close(code, reason)
    })
  }
}
