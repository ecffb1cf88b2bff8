/** Topics, and under each its queues: a tree of rows of one height, however many there are. */
import { useMemo, useState } from 'preact/hooks'
import { filter, picture, place } from '../live.ts'
import { healthRank } from '../state/health.ts'
import type { QueueRow } from '../state/queue-row.ts'
import type { HeldRow, TopicRow } from '../state/topic-row.ts'
import { passes } from '../widgets/filter-box.tsx'
import { VirtualRows } from '../widgets/virtual-rows.tsx'
import { Nothing } from './nothing.tsx'
import { QueueLine } from './queue-line.tsx'
import { HeldLine, TopicLine } from './topic-line.tsx'

type Line =
  | { is: 'topic'; row: TopicRow }
  | { is: 'held'; topic: string; row: HeldRow }
  | { is: 'queue'; row: QueueRow }

const ROW_HEIGHT = 40

export const TopicTree = () => {
  const [flipped, setFlipped] = useState<ReadonlySet<string>>(new Set())
  const now = picture.value
  const text = filter.value
  const { item } = place.value
  const lines = useMemo(
    () => linesOf(now?.topics ?? [], (topic) => flipped.has(topic) !== isOpen(topic, item)),
    [now, text, flipped, item],
  )
  if (now === null) return <Nothing />
  const flip = (topic: string): void => {
    const next = new Set(flipped)
    if (!next.delete(topic)) next.add(topic)
    setFlipped(next)
  }
  const isShown = (topic: string): boolean => flipped.has(topic) !== isOpen(topic, item)
  return (
    <div class="tree">
      <div class="tree-head" aria-hidden="true">
        <span>topic / queue</span>
        <span>state</span>
        <span>depth against watermark</span>
        <span>owner</span>
        <span class="number">in flight</span>
        <span class="number">rate</span>
        <span class="number">p99</span>
        <span />
      </div>
      {lines.length === 0 ? (
        <p class="empty">
          {now.topics.length === 0 ? 'No broker knows a topic.' : 'Nothing passes the filter.'}
        </p>
      ) : null}
      <VirtualRows count={lines.length} rowHeight={ROW_HEIGHT}>
        {(at) => {
          const line = lines[at]
          if (line === undefined) return null
          if (line.is === 'held') return <HeldLine topic={line.topic} row={line.row} />
          if (line.is === 'queue') return <QueueLine row={line.row} />
          const { topic } = line.row
          return <TopicLine row={line.row} isOpen={isShown(topic)} onFlip={() => flip(topic)} />
        }}
      </VirtualRows>
    </div>
  )
}

/** Closed at first, but for the one that a link led to. */
const isOpen = (topic: string, item: string): boolean => topic === item

/** A filter opens what it finds a queue in. */
const linesOf = (topics: readonly TopicRow[], isShown: (topic: string) => boolean): Line[] => {
  const isFiltered = filter.value.trim() !== ''
  return [...topics]
    .sort((a, b) => healthRank(a.health) - healthRank(b.health) || a.topic.localeCompare(b.topic))
    .flatMap((row): Line[] => {
      const isFound = passes(row.topic, ...row.groups, row.hasNoConsumer ? 'no consumer' : '')
      const found = isFiltered && !isFound ? row.queues.filter(queuePasses) : row.queues
      if (isFiltered && !isFound && found.length === 0) return []
      const isSpread = isShown(row.topic) || (isFiltered && !isFound)
      const lines: Line[] = [{ is: 'topic', row }]
      if (isSpread) {
        const { topic, held } = row
        lines.push(...held.map((one): Line => ({ is: 'held', topic, row: one })))
        lines.push(...found.map((queue): Line => ({ is: 'queue', row: queue })))
      }
      return lines
    })
}

const queuePasses = ({ topic, broker, queue }: QueueRow): boolean =>
  passes(topic, broker, queue.owner, queue.ownerName, queue.ownerIdc, queue.state)
