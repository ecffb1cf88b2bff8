/** Who owned what, in short: a line for each broker. */
import type { Band, DrillReport } from '../report.ts'
import { plain } from './text.ts'

export interface Holder {
  readonly broker: string
  readonly queues: number
  readonly atStart: string
  readonly atEnd: string
  /** How often one of its queues went to another owner. */
  readonly moves: number
  /** The longest that one of its queues was without an owner, or not seen, between two owners. */
  readonly gapMs: number
}

const MOST_BROKERS = 40
const MOST_OWNERS = 6

export const holdersOf = ({ bands }: DrillReport): Holder[] => {
  const brokers = new Map<string, Band[]>()
  for (const band of bands) {
    const known = brokers.get(band.broker)
    if (known === undefined) brokers.set(band.broker, [band])
    else known.push(band)
  }
  const endMs = Math.max(0, ...bands.map(({ spans }) => spans.at(-1)?.toMs ?? 0))
  return [...brokers]
    .slice(0, MOST_BROKERS)
    .map(([broker, rows]) => holderOf(plain(broker, 40), rows, endMs))
}

const holderOf = (broker: string, rows: readonly Band[], endMs: number): Holder => ({
  broker,
  queues: rows.length,
  atStart: tallied(rows.map(({ spans }) => spans[0]?.owner ?? '')),
  atEnd: tallied(
    rows.map(({ spans }) => spans.at(-1)).map((span) => (span?.toMs === endMs ? span.owner : '')),
  ),
  moves: rows.reduce((sum, { spans }) => sum + movesOf(spans), 0),
  gapMs: Math.max(0, ...rows.map(({ spans }) => longestGap(spans))),
})

/** `sz-1 × 2, sz-2`. */
const tallied = (owners: readonly string[]): string => {
  const counts = new Map<string, number>()
  for (const owner of owners.filter((name) => name !== '')) {
    counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  const names = [...counts].map(([owner, n]) => (n === 1 ? '' : `${n} × `) + plain(owner, 40))
  if (names.length === 0) return 'nobody'
  const more = names.length - MOST_OWNERS
  return more > 0 ? `${names.slice(0, MOST_OWNERS).join(', ')} and ${more} more` : names.join(', ')
}

const owned = (spans: Band['spans']): Band['spans'] => spans.filter(({ owner }) => owner !== '')

const movesOf = (spans: Band['spans']): number =>
  owned(spans).filter(({ owner, epoch }, i, all) => {
    const before = all[i - 1]
    // Not a broker's next life, which counts its queues and epochs anew.
    return before !== undefined && owner !== before.owner && epoch > before.epoch
  }).length

const longestGap = (spans: Band['spans']): number =>
  Math.max(
    0,
    ...owned(spans).map(({ fromMs }, i, all) => (i === 0 ? 0 : fromMs - all[i - 1]!.toMs)),
  )
