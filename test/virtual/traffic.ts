import type { CallAsk, VirtualCall } from '../../scenarios/sim/world/calls.ts'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { World } from '../../scenarios/sim/world/world.ts'
import type { Site } from './site.ts'

/** Calls at a steady pace, whatever becomes of earlier ones. */
export interface Stream {
  readonly by: ClientNode
  readonly perSecond: number
  readonly ask?: CallAsk | ((index: number) => CallAsk)
}

/** One call of a stream, and whom it was sent to first. */
export interface Sent {
  readonly by: ClientNode
  readonly call: VirtualCall
  readonly to: string | undefined
}

/** What was called in some stretch of time, and what is to be said of it. */
export class Traffic {
  readonly sent: Sent[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  get count(): number {
    return this.sent.length
  }

  /** Calls that had no reply. */
  get failed(): VirtualCall[] {
    return this.sent.filter(({ call }) => call.end !== 'reply').map(({ call }) => call)
  }

  /** How the calls ended, each way once, with how many did. */
  get ends(): Record<string, number> {
    const ends: Record<string, number> = {}
    for (const { call } of this.sent) ends[call.end] = (ends[call.end] ?? 0) + 1
    return ends
  }

  /** Calls whose first attempt went to that instance. */
  to({ instance }: ClientNode): VirtualCall[] {
    return this.sent.filter(({ to }) => to === instance).map(({ call }) => call)
  }

  /** The share of the calls that ran at that instance. */
  shareOf(client: ClientNode): number {
    return this.ranAt(client).length / this.count
  }

  /** When handlers of that instance started on these calls. */
  ranAt({ instance }: ClientNode): number[] {
    const instants: number[] = []
    for (const { by, call } of this.sent) {
      for (const run of this.#world.ledger.of(by.idOf(call))) {
        if (run.instance === instance) instants.push(run.startedAt)
      }
    }
    return instants.sort((a, b) => a - b)
  }

  /** Calls that were started more than once. */
  get ranTwice(): VirtualCall[] {
    return this.sent
      .filter(({ by, call }) => this.#world.ledger.of(by.idOf(call)).length > 1)
      .map(({ call }) => call)
  }

  /** How many of the calls ran in that data centre. */
  ranIn({ instances }: Site): number {
    return this.sent.filter((sent) => this.#hasRunIn(sent, instances)).length
  }

  /** When the first call was answered from that data centre, or -1. */
  answeredFrom({ instances }: Site): number {
    let first = -1
    for (const sent of this.sent) {
      const { at = -1, kind } = sent.call.settlements[0] ?? {}
      if (kind !== 'reply' || !this.#hasRunIn(sent, instances)) continue
      if (first < 0 || at < first) first = at
    }
    return first
  }

  /** The first of the calls that was sent to that data centre. */
  firstSentTo({ instances }: Site): Sent | undefined {
    return this.sent.find(({ to }) => to !== undefined && instances.has(to))
  }

  /** Those of the calls that had their answer by then. */
  answeredBy(instant: number): Traffic {
    return this.only(({ call }) => call.isSettled && call.settlements[0]!.at <= instant)
  }

  /** Some of the calls. */
  only(isMeant: (sent: Sent) => boolean): Traffic {
    const part = new Traffic(this.#world)
    part.sent.push(...this.sent.filter(isMeant))
    return part
  }

  /** So many of a thousand calls took no longer than this. */
  tookMs(perMille: number): number {
    const took = this.sent.map(({ call }) => call.tookMs).sort((a, b) => a - b)
    return took[Math.min(took.length - 1, Math.floor((took.length * perMille) / 1_000))] ?? -1
  }

  /** Those of the calls that began in that stretch of time. */
  between(from: number, to: number): Traffic {
    return this.only(({ call }) => call.startedAt >= from && call.startedAt < to)
  }

  #hasRunIn({ by, call }: Sent, instances: ReadonlySet<string>): boolean {
    return this.#world.ledger.of(by.idOf(call)).some((run) => instances.has(run.instance))
  }
}

/** Lets time go by with calls in it. */
export const drive = (world: World, ms: number, ...streams: Stream[]): Traffic => {
  const traffic = new Traffic(world)
  for (let at = 1; at <= ms; at++) {
    for (const { by, perSecond, ask } of streams) {
      const due = Math.floor((at * perSecond) / 1_000) - Math.floor(((at - 1) * perSecond) / 1_000)
      for (let i = 0; i < due; i++) {
        const call = by.call(typeof ask === 'function' ? ask(traffic.count) : ask)
        traffic.sent.push({ by, call, to: call.future?.current?.instance })
      }
    }
    world.run(1)
  }
  return traffic
}

/** The most of these instants that lie within any stretch of so many milliseconds. */
export const mostWithin = (instants: readonly number[], ms: number): number => {
  let most = 0
  for (let first = 0, last = 0; last < instants.length; last++) {
    while (instants[last]! - instants[first]! >= ms) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most
}
