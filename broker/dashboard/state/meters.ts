/** The meters of everything that one snapshot tells of; what it tells of no longer is forgotten. */
import type { BrokerPart, ClientPart, ClusterSnapshot } from '../../admin/api.ts'
import type { QueueView } from '../../core/view.ts'
import { tallyOfEnds, tallyOfQueue } from './ends.ts'
import { type Counted, Meter, type Reading } from './meter.ts'
import { isBrokerGrey, queueKey } from './queue-row.ts'
import type { TopicPart } from './tile.ts'

export const circuitKey = (instance: string, topic: string): string =>
  `circuit ${instance} ${topic}`
const sentKey = (instance: string, topic: string, idc: string): string =>
  `sent ${instance} ${topic} ${idc}`

/** Views this close to each other are the same one, asked for twice. */
const LEAST_STEP_MS = 100

export class Meters {
  readonly #meters = new Map<string, Meter>()
  readonly #readAt = new Map<string, number>()
  #seen = new Set<string>()

  take({ at, clients, brokers }: ClusterSnapshot): void {
    this.#seen = new Set()
    for (const client of clients) this.#takeClient(at, client)
    for (const broker of brokers) this.#takeBroker(at, broker)
    for (const key of this.#meters.keys()) {
      if (this.#seen.has(key)) continue
      this.#meters.delete(key)
      this.#readAt.delete(key)
    }
  }

  circuit(instance: string, topic: string): Counted | undefined {
    return this.#meters.get(circuitKey(instance, topic))?.counted()
  }

  queue(
    broker: string,
    life: number,
    topic: string,
    { queue, epoch }: QueueView,
  ): Counted | undefined {
    return this.#meters.get(`${queueKey(broker, topic, queue)} ${life} ${epoch}`)?.counted()
  }

  /** Attempts a second to responders of an IDC; undefined if not known yet. */
  sent(instance: string, topic: string, idc: string): number | undefined {
    return this.#meters.get(sentKey(instance, topic, idc))?.counted()?.perSecond.calls
  }

  /** A client that is not linked says nothing, which is not that nothing happens. */
  #takeClient(at: number, { instance, state, topics }: ClientPart): void {
    if (state !== 'up') return
    for (const part of topics) {
      this.#note(circuitKey(instance, part.topic), readingOf(at, part))
      for (const [idc, sent] of Object.entries(part.sentTo)) {
        const tally = { calls: sent, ok: 0, business: 0, sick: 0 }
        this.#note(sentKey(instance, part.topic, idc), { at, tally, latency: [] })
      }
    }
  }

  #takeBroker(at: number, part: BrokerPart): void {
    const { view } = part
    if (view === null || isBrokerGrey(part)) return
    const readAt = at - (part.ageMs ?? 0)
    for (const { topic, queues } of view.topics) {
      for (const queue of queues) {
        const key = `${queueKey(part.id, topic, queue.queue)} ${view.life} ${queue.epoch}`
        const { ends, latency } = queue
        this.#note(key, { at: readAt, tally: tallyOfQueue(ends), latency })
      }
    }
  }

  #note(key: string, reading: Reading): void {
    this.#seen.add(key)
    const lastAt = this.#readAt.get(key)
    if (lastAt !== undefined && Math.abs(reading.at - lastAt) < LEAST_STEP_MS) return
    this.#readAt.set(key, reading.at)
    let meter = this.#meters.get(key)
    if (meter === undefined) {
      meter = new Meter()
      this.#meters.set(key, meter)
    }
    meter.note(reading)
  }
}

const readingOf = (at: number, { ends, latency }: TopicPart): Reading => ({
  at,
  tally: tallyOfEnds(ends),
  latency,
})
