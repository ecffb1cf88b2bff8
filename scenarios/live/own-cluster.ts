/** Brokers and registries of a drill's own, each a process that can be hurt. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerSnapshot } from '../../broker/index.ts'
import type { Cluster, Drill } from '../drills/drill.ts'
import { DrillError } from '../drills/drill.ts'
import type { QueueNow } from '../drills/stage.ts'
import type { Player } from '../drills/targets.ts'
import { type Act, actText, isSteer, STEERED_THERE, type SteerAct } from '../drills/words.ts'
import { named } from './clients.ts'
import { clock } from './clock.ts'
import type { Endpoint } from './fault-proxy.ts'
import type { Ground, Sight } from './ground.ts'
import { inTime } from './in-time.ts'
import type { Access } from './manners.ts'
import { forkPart, type PartOf } from './parts.ts'
import { Place } from './place.ts'
import type { Crew } from './processes.ts'
import type { Ways } from './ways.ts'

export interface ClusterFacts {
  crew: Crew
  ways: Ways
  topic: string
  onLost(player: Player, how: string): void
}

/** A healthy broker answers much sooner, even on a machine that is busy. */
const ANSWER_MS = 150
/** One that was silent before is not waited for again. */
const STILL_SILENT_MS = 10
const TRY_MS = 20

export class OwnCluster implements Ground {
  readonly #facts: ClusterFacts
  readonly #brokers: Place<'broker'>[] = []
  readonly #registries: Place<'registry'>[] = []
  /** Where each listens, life after life, by kind and name. */
  readonly #urls = new Map<string, string>()
  /** Brokers that have been asked, and have not answered yet. */
  readonly #asked = new Map<PartOf<'broker'>, Promise<BrokerSnapshot>>()
  /** The ways of brokers to the registries. */
  readonly #announced = new Map<string, Promise<{ registry?: string[] }>>()
  #cluster: Cluster | undefined

  constructor(facts: ClusterFacts) {
    this.#facts = facts
  }

  players(): Player[] {
    return this.places().filter(({ isUp }) => isUp)
  }

  places(): readonly Place[] {
    return [...this.#brokers, ...this.#registries]
  }

  refusal(act: Act): string | undefined {
    return isSteer(act)
      ? `"${actText(act)}" is for a cluster of yours: ${STEERED_THERE}`
      : undefined
  }

  async steer(act: SteerAct): Promise<never> {
    throw new Error(this.refusal(act))
  }

  async end(): Promise<void> {}

  /** Begins all processes at once. */
  async start({ cluster, steps }: Drill): Promise<void> {
    const refused = steps.flatMap(({ acts }) => acts).find((act) => isSteer(act))
    if (refused !== undefined) throw new DrillError(this.refusal(refused)!)
    const idcs = Object.entries(cluster.idcs)
    if (idcs.every(([, { brokers }]) => brokers === 0)) {
      throw new DrillError('this drill has no broker; give one of its IDCs "brokers": 1')
    }
    this.#cluster = cluster
    const { crew } = this.#facts
    for (let i = 1; i <= cluster.registries; i++) {
      const player: Player = { kind: 'registry', name: `${i}`, idc: '' }
      const fork = () => forkPart(crew, 'registry')
      this.#registries.push(new Place({ ...player, fork, ...this.#registryFacts(player) }))
    }
    for (const [idc, { brokers }] of idcs) {
      for (const player of named('broker', idc, 0, brokers)) {
        const fork = () => forkPart(crew, 'broker')
        this.#brokers.push(new Place({ ...player, fork, ...this.#brokerFacts(player) }))
      }
    }
    for (const place of this.places()) place.fork()
    await Promise.all(this.#registries.map((place) => place.join()))
    await Promise.all(this.#brokers.map((place) => place.join()))
  }

  async access(client: Player): Promise<Access> {
    const { ways } = this.#facts
    const servers = this.#brokers.map((server) => ({ server, to: this.#endpointOf(server) }))
    const urls = (await ways.open(client, servers)).map((port) => `ws://127.0.0.1:${port}`)
    if (this.#registries.length === 0) return { target: urls }
    // What the registries say is translated into these ways.
    const brokers = Object.fromEntries(this.#brokers.map(({ name }, i) => [name, urls[i]!]))
    return { target: { registry: await this.#registryWays(client, { brokers }) } }
  }

  async ready(withinMs: number): Promise<void> {
    const until = clock() + withinMs
    for (const place of this.#brokers) {
      const wanted = this.#queuesOf(place.idc)
      for (;;) {
        const { topics } = await place.child.ask('snapshot')
        const queues = topics.find(({ topic }) => topic === this.#facts.topic)?.queues ?? []
        const there = queues.filter(({ state }) => state === 'writable').length
        if (there >= wanted) break
        if (clock() > until) {
          const had = `broker ${place.name} has ${there} of ${wanted} queues`
          throw new Error(`the cluster was not ready within ${withinMs} ms: ${had}`)
        }
        await sleep(TRY_MS)
      }
    }
  }

  async look(): Promise<Sight> {
    const silent: string[] = []
    const looking = this.#brokers.map(async (place): Promise<QueueNow[]> => {
      if (!place.isUp) return []
      const view = await this.#snapshotOf(place.child)
      if (view === undefined && place.isUp) silent.push(place.name)
      return view === undefined ? [] : this.#queuesIn(place.name, view)
    })
    return { queues: (await Promise.all(looking)).flat(), silent }
  }

  async #snapshotOf(child: PartOf<'broker'>): Promise<BrokerSnapshot | undefined> {
    let asked = this.#asked.get(child)
    const waitMs = asked === undefined ? ANSWER_MS : STILL_SILENT_MS
    if (asked === undefined) {
      asked = child.ask('snapshot').finally(() => this.#asked.delete(child))
      this.#asked.set(child, asked)
    }
    return inTime(asked, waitMs)
  }

  #queuesIn(broker: string, { topics }: BrokerSnapshot): QueueNow[] {
    const queues = topics.find(({ topic }) => topic === this.#facts.topic)?.queues ?? []
    return queues.map(({ queue, epoch, ownerName, state, waiting, unanswered }) => ({
      ...{ broker, queue, epoch, state, owner: ownerName, depth: waiting + unanswered },
    }))
  }

  /** Responders of its own IDC own a broker's queues; without any, those of others have at least one. */
  #queuesOf(idc: string): number {
    const idcs = Object.entries(this.#cluster!.idcs)
    const own = this.#cluster!.idcs[idc]!.responders
    return own > 0 ? own : Math.min(1, ...idcs.map(([, { responders }]) => responders))
  }

  #brokerFacts(player: Player) {
    return {
      join: async (child: PartOf<'broker'>): Promise<void> => {
        const { name, idc } = player
        const registry = await this.#announcedTo(player)
        const listen = this.#urls.get(keyOf(player)) ?? 'ws://127.0.0.1:0'
        const { url } = await child.ask('listen', { id: name, idc, listen, ...registry })
        this.#urls.set(keyOf(player), url)
      },
      onLost: (how: string) => this.#facts.onLost(player, how),
    }
  }

  #registryFacts(player: Player) {
    return {
      join: async (child: PartOf<'registry'>): Promise<void> => {
        const listen = this.#urls.get(keyOf(player)) ?? 'http://127.0.0.1:0'
        const { url } = await child.ask('listen', { listen })
        this.#urls.set(keyOf(player), url)
      },
      onLost: (how: string) => this.#facts.onLost(player, how),
    }
  }

  #announcedTo(broker: Player): Promise<{ registry?: string[] }> {
    if (this.#registries.length === 0) return Promise.resolve({})
    const opening =
      this.#announced.get(broker.name) ??
      this.#registryWays(broker, {}).then((registry) => ({ registry }))
    this.#announced.set(broker.name, opening)
    return opening
  }

  async #registryWays(
    client: Player,
    view: { brokers?: Record<string, string> },
  ): Promise<string[]> {
    const servers = this.#registries.map((server) => ({
      server,
      to: { ...this.#endpointOf(server), ...view },
    }))
    const ports = await this.#facts.ways.open(client, servers)
    return ports.map((port) => `http://127.0.0.1:${port}`)
  }

  #endpointOf(server: Player): Endpoint {
    return { host: '127.0.0.1', port: Number(new URL(this.#urls.get(keyOf(server))!).port) }
  }
}

const keyOf = ({ kind, name }: Player): string => `${kind} ${name}`
