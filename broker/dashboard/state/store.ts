/** Snapshots in, pictures out: what every view of the page is drawn from. Reads no clock. */
import type { BrokerPart, ClusterSnapshot } from '../../admin/api.ts'
import { healthRank } from './health.ts'
import { History, PAST_NUMBERS, type PastState } from './history.ts'
import { type IdcMap, idcMap } from './idcs.ts'
import { type Flow, flowOf } from './meter.ts'
import { circuitKey, Meters } from './meters.ts'
import { isBrokerGrey, type QueueRow, queueRow } from './queue-row.ts'
import {
  type CircuitMember,
  circuitStanding,
  groupStanding,
  queueStanding,
  type Tile,
} from './tile.ts'
import { type TopicRow, topicRows } from './topic-row.ts'
import { type TileName, Trail } from './trail.ts'
import { type Trouble, troublesOf } from './trouble.ts'

/** All there is to show of one snapshot. */
export interface Picture {
  snapshot: ClusterSnapshot
  tiles: readonly Tile[]
  /** Tiles that found no room. */
  tilesOmitted: number
  topics: readonly TopicRow[]
  map: IdcMap
  troubles: readonly Trouble[]
  /** Of all requesters together. */
  flow: Flow
}

/** Healthy ones beyond it are left out, and counted. */
const MAX_TILES = 5_000

export class Store {
  readonly history = new History()
  readonly #meters = new Meters()
  #trails = new Map<string, Trail>()

  take(told: ClusterSnapshot): Picture {
    const snapshot = { ...told, brokers: told.brokers.toSorted(byPlace) }
    this.#meters.take(snapshot)
    const queues = this.#queueRows(snapshot.brokers)
    const topics = topicRows(snapshot.brokers, snapshot.clients, queues)
    const trails = this.#trails
    this.#trails = new Map()
    const all = [
      ...this.#circuitTiles(snapshot, trails),
      ...queues.map((row) => this.#queueTile(snapshot.at, row, trails)),
    ]
    const byTrouble = all.sort(
      (a, b) => healthRank(a.health) - healthRank(b.health) || (a.key < b.key ? -1 : 1),
    )
    const tiles = byTrouble.slice(0, MAX_TILES)
    const picture = {
      ...{ snapshot, tiles, topics, tilesOmitted: all.length - tiles.length },
      map: idcMap(snapshot, this.#meters),
      troubles: troublesOf(snapshot, tiles, topics),
      flow: flowOf(
        snapshot.clients.flatMap(({ instance, topics: of }) =>
          of.map(({ topic }) => this.#meters.circuit(instance, topic)),
        ),
      ),
    }
    this.history.note(pastOf(picture))
    return picture
  }

  #queueRows(brokers: readonly BrokerPart[]): QueueRow[] {
    return brokers.flatMap((part) => {
      const { view } = part
      if (view === null) return []
      return view.topics.flatMap((topic) =>
        topic.queues.map((queue) => {
          const counted = isBrokerGrey(part)
            ? undefined
            : this.#meters.queue(part.id, view.life, topic.topic, queue)
          return queueRow(part, topic, queue, flowOf([counted]))
        }),
      )
    })
  }

  #circuitTiles({ at, clients }: ClusterSnapshot, trails: Map<string, Trail>): Tile[] {
    const groups = new Map<string, CircuitMember[]>()
    for (const client of clients) {
      for (const part of client.topics) {
        const flow = flowOf([this.#meters.circuit(client.instance, part.topic)])
        const standing = circuitStanding(client, part, flow)
        const key = circuitKey(client.instance, part.topic)
        const group = `circuit ${client.name} ${part.topic}`
        const member = { ...standing, key, client, part, flow }
        const of = groups.get(group)
        if (of === undefined) groups.set(group, [member])
        else of.push(member)
      }
    }
    return [...groups].map(([key, members]): Tile => {
      const [{ client, part }] = members as [CircuitMember]
      const flow = flowOf(
        members.map(({ client: { instance } }) => this.#meters.circuit(instance, part.topic)),
      )
      const name: TileName = { key, kind: 'circuit', topic: part.topic, name: client.name }
      return {
        ...groupStanding(members),
        ...name,
        ...{ members, flow },
        inFlight: members.reduce((sum, member) => sum + member.part.open, 0),
        trail: this.#trail(name, trails, at, flow),
        queue: null,
      }
    })
  }

  #queueTile(at: number, row: QueueRow, trails: Map<string, Trail>): Tile {
    const { key, flow, topic, queue, broker } = row
    const owner = queue.owner === '' ? 'no owner' : queue.ownerName
    const told = `#${queue.queue} ${owner} at ${broker}`
    const name: TileName = { key, kind: 'queue', topic, name: told }
    return {
      ...queueStanding(row),
      ...name,
      ...{ flow, members: [], queue: row, inFlight: queue.unanswered },
      trail: this.#trail(name, trails, at, flow),
    }
  }

  #trail(name: TileName, before: Map<string, Trail>, at: number, flow: Flow): Trail {
    const trail = before.get(name.key) ?? new Trail(name)
    trail.note(at, flow)
    this.#trails.set(name.key, trail)
    return trail
  }
}

/** The API tells them in the order in which it came to know them. */
const byPlace = (a: BrokerPart, b: BrokerPart): number =>
  a.idc === b.idc ? (a.id < b.id ? -1 : 1) : a.idc < b.idc ? -1 : 1

const MAX_PAST_TILES = 2_000

const pastOf = ({ snapshot, tiles, flow, topics }: Picture): PastState => {
  const kept = tiles.slice(0, MAX_PAST_TILES)
  const numbers = new Float32Array(kept.length * PAST_NUMBERS)
  kept.forEach(({ flow: of, health }, i) => {
    const row = [of.rate, of.sickShare, of.businessShare, of.p99]
    row.forEach((value, at) => {
      numbers[i * PAST_NUMBERS + at] = value ?? Number.NaN
    })
    numbers[i * PAST_NUMBERS + PAST_NUMBERS - 1] = healthRank(health)
  })
  return {
    ...{ at: snapshot.at, rate: flow.rate, sickShare: flow.sickShare, p99: flow.p99, numbers },
    waiting: topics.reduce((sum, { waiting }) => sum + waiting, 0),
    brokers: snapshot.brokers.map((broker) => ({
      ...{ id: broker.id, idc: broker.idc, isGrey: isBrokerGrey(broker) },
      word: isBrokerGrey(broker) ? 'unknown' : broker.state,
    })),
    clients: snapshot.clients.filter(({ state }) => state === 'up').length,
    forces: snapshot.forces.map(
      ({ topic, idc, what, to, by }) =>
        `${what} of ${topic}${idc === null ? '' : ` in ${idc}`} forced ${to} by ${by}`,
    ),
    tiles: kept.map(({ trail }) => trail.of),
    words: kept.map(({ word }) => word),
  }
}
