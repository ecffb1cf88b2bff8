/** A queue of some broker, with what is told of it there and what flows through it. */
import type { BrokerPart } from '../../admin/api.ts'
import type { QueueView, TopicView } from '../../core/view.ts'
import type { Flow } from './meter.ts'

export interface QueueRow {
  key: string
  broker: string
  brokerIdc: string
  topic: string
  queue: QueueView
  /** Waiting and unanswered together: what the watermark bounds. */
  depth: number
  maxDepth: number
  flow: Flow
  /** The broker does not speak now: all this is of `ageMs` ago. */
  isGrey: boolean
  ageMs: number | null
}

/** A view older than this says nothing about now. */
const STALE_MS = 3_500

export const isBrokerGrey = ({ state, ageMs }: BrokerPart): boolean =>
  state === 'unknown' || ageMs === null || ageMs > STALE_MS

export const queueKey = (broker: string, topic: string, queue: number): string =>
  `queue ${broker} ${topic} ${queue}`

export const queueRow = (
  part: BrokerPart,
  { topic, maxDepth }: TopicView,
  queue: QueueView,
  flow: Flow,
): QueueRow => ({
  key: queueKey(part.id, topic, queue.queue),
  broker: part.id,
  brokerIdc: part.idc,
  topic,
  queue,
  depth: queue.waiting + queue.unanswered,
  maxDepth,
  flow,
  isGrey: isBrokerGrey(part),
  ageMs: part.ageMs,
})
