import type { TimelineEntry } from './api.ts'
import { Ring } from './ring.ts'

export const ENTRY_EVENT = 'entry'
/** The first event of a stream: its id says where the stream begins. */
export const START_EVENT = 'start'

/** An entry, and the id that a listener comes back with to hear what followed it. */
export interface FeedItem {
  readonly entry: TimelineEntry
  readonly id: string
}

/** What there is to listen to: the entries of one broker, or of all. */
export class Feed {
  readonly ring: Ring<FeedItem>
  readonly #hearers = new Set<() => void>()

  constructor(most: number) {
    this.ring = new Ring(most)
  }

  push(item: FeedItem): void {
    this.ring.push(item)
    for (const hear of this.#hearers) hear()
  }

  /** `hear` is called after each new entry. Returns how to end that. */
  listen(hear: () => void): () => void {
    this.#hearers.add(hear)
    return () => this.#hearers.delete(hear)
  }
}

/** Up to which entry of which broker life somebody has heard. */
export type Positions = ReadonlyMap<number, number>

/** Longest id that is read: a hundred brokers. */
const MAX_POSITIONS = 100

/** The id of an entry: for every broker heard of, its life and the last number. */
export const idOf = (positions: Positions): string =>
  [...positions]
    .slice(-MAX_POSITIONS)
    .map(([life, n]) => `${life}-${n}`)
    .join(',')

/** Undefined if it is none. */
export const positionsIn = (id: string): Positions | undefined => {
  const parts = id.split(',', MAX_POSITIONS + 1)
  if (parts.length > MAX_POSITIONS) return undefined
  const positions = new Map<number, number>()
  for (const part of parts) {
    const match = /^(\d{1,16})-(\d{1,16})$/.exec(part.trim())
    if (match === null) return undefined
    positions.set(Number(match[1]), Number(match[2]))
  }
  return positions
}
