/** A topic over all brokers: its queues, who wants it, who answers. */
import type { BrokerPart, ClientPart } from '../../admin/api.ts'
import type { HeldView } from '../../core/view.ts'
import { type Health, worse } from './health.ts'
import type { QueueRow } from './queue-row.ts'
import { queueStanding } from './tile.ts'

/** One instance that an operator keeps from owning queues of a topic, at all brokers that say so. */
export interface HeldRow extends HeldView {
  brokers: readonly string[]
  /** Of the client; its instance where no client of that name is known. */
  name: string
}

export interface TopicRow {
  topic: string
  groups: readonly string[]
  queues: readonly QueueRow[]
  waiting: number
  depth: number
  /** Of the deepest queue, as a share of its watermark. */
  fullest: number
  maxDepth: number
  maxDepthBytes: number
  standbys: number
  watchers: number
  held: readonly HeldRow[]
  /** Clients want it, and nobody owns a queue of it. */
  hasNoConsumer: boolean
  rate: number | null
  health: Health
}

export const topicRows = (
  brokers: readonly BrokerPart[],
  clients: readonly ClientPart[],
  queues: readonly QueueRow[],
): TopicRow[] => {
  const byTopic = new Map<string, QueueRow[]>()
  for (const row of queues) {
    const of = byTopic.get(row.topic)
    if (of === undefined) byTopic.set(row.topic, [row])
    else of.push(row)
  }
  const views = new Map<
    string,
    { broker: string; view: NonNullable<BrokerPart['view']>['topics'][number] }[]
  >()
  for (const { id, view } of brokers) {
    for (const topic of view?.topics ?? []) {
      const of = views.get(topic.topic)
      if (of === undefined) views.set(topic.topic, [{ broker: id, view: topic }])
      else of.push({ broker: id, view: topic })
    }
  }
  const wanted = new Set(
    clients.flatMap(({ state, topics }) =>
      state === 'up' ? topics.map(({ topic }) => topic) : [],
    ),
  )
  const clientNames = new Map(clients.map(({ instance, name }) => [instance, name]))
  const nameOf = (instance: string): string => clientNames.get(instance) ?? instance
  const names = new Set([...views.keys(), ...wanted])
  return [...names].sort().map((topic) => {
    const told = views.get(topic) ?? []
    const rows = byTopic.get(topic) ?? []
    const sum = (of: (view: (typeof told)[number]['view']) => number): number =>
      told.reduce((total, { view }) => total + of(view), 0)
    const watchers = sum((view) => view.watchers)
    const rates = rows.flatMap(({ flow }) => (flow.rate === null ? [] : [flow.rate]))
    const isOwned = rows.some(({ queue }) => queue.owner !== '')
    const hasNoConsumer = (watchers > 0 || wanted.has(topic)) && !isOwned
    return {
      topic,
      groups: [...new Set(told.map(({ view }) => view.group).filter((group) => group !== ''))],
      queues: rows,
      waiting: rows.reduce((total, { queue }) => total + queue.waiting, 0),
      depth: rows.reduce((total, { depth }) => total + depth, 0),
      fullest: rows.reduce(
        (most, { depth, maxDepth }) => Math.max(most, maxDepth > 0 ? depth / maxDepth : 0),
        0,
      ),
      maxDepth: told.reduce((most, { view }) => Math.max(most, view.maxDepth), 0),
      maxDepthBytes: told.reduce((most, { view }) => Math.max(most, view.maxDepthBytes), 0),
      standbys: sum((view) => view.standbys),
      watchers,
      held: heldRows(told, nameOf),
      hasNoConsumer,
      rate: rates.length === 0 ? null : rates.reduce((total, rate) => total + rate, 0),
      health: rows.reduce<Health>(
        (health, row) => worse(health, queueStanding(row).health),
        hasNoConsumer ? 'sick' : 'well',
      ),
    }
  })
}

const heldRows = (
  told: readonly { broker: string; view: { held: readonly HeldView[] } }[],
  nameOf: (instance: string) => string,
): HeldRow[] => {
  const rows = new Map<string, HeldRow>()
  for (const { broker, view } of told) {
    for (const held of view.held) {
      const { instance, leftMs } = held
      const known = rows.get(instance)
      rows.set(instance, {
        ...(known ?? { ...held, name: nameOf(instance) }),
        leftMs: Math.max(leftMs, known?.leftMs ?? 0),
        brokers: [...(known?.brokers ?? []), broker],
      })
    }
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
