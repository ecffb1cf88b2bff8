/** A topic in the tree. */
import { asked } from '../asking.ts'
import { type Ask, changeLimits, releaseInstance } from '../state/asks.ts'
import type { HeldRow, TopicRow } from '../state/topic-row.ts'
import { ageText, countText, plural, rateText, shareText } from '../state/words.ts'
import { StateWord } from '../widgets/glyph-picture.tsx'

const WORDS = { well: 'well', watch: 'watch', sick: 'sick', unknown: 'unknown' } as const
const SHAPES = { well: 'circle', watch: 'diamond', sick: 'square', unknown: 'ring' } as const

const heldText = ({ name, reason, leftMs }: HeldRow): string =>
  `${name} is held: ${reason}, ${ageText(leftMs)} left`

const releaseOf = (topic: string, { instance, name }: HeldRow): Ask =>
  releaseInstance(topic, instance, name)

/** An instance that is held, among the queues of its topic. */
export const HeldLine = ({ topic, row }: { topic: string; row: HeldRow }) => (
  <div class="tree-row" data-held={row.instance}>
    <span class="tree-name">{row.name}</span>
    <span>
      <StateWord word="held" shape="triangle" health="watch" />
    </span>
    <span class="soft">{ageText(row.leftMs)} left</span>
    <span class="soft" title={row.reason}>
      {row.reason}
    </span>
    <span />
    <span />
    <span />
    <span class="row-actions">
      <button
        type="button"
        class="link"
        title={`at ${row.brokers.join(', ')}`}
        onClick={() => {
          asked.value = releaseOf(topic, row)
        }}
      >
        Release
      </button>
    </span>
  </div>
)

export const TopicLine = ({
  row,
  isOpen,
  onFlip,
}: {
  row: TopicRow
  isOpen: boolean
  onFlip: () => void
}) => {
  const { topic, groups, queues, depth, maxDepth, maxDepthBytes, fullest, health, held } = row
  const { hasNoConsumer, watchers, standbys, rate } = row
  const [first] = held
  return (
    <div class="tree-row tree-topic">
      <button type="button" class="flip" aria-expanded={isOpen} onClick={onFlip}>
        <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> <b>{topic}</b>{' '}
        <small>
          {plural(queues.length, 'queue')}
          {groups.length === 0 ? '' : ` · ${groups.join(', ')}`}
          {standbys > 0 ? ` · ${standbys} standby` : ''}
        </small>
      </button>
      <span>
        {hasNoConsumer ? (
          <StateWord word="no consumer" shape="square" health="sick" />
        ) : (
          <StateWord word={WORDS[health]} shape={SHAPES[health]} health={health} />
        )}
      </span>
      <span class="soft">
        {countText(depth)} · fullest at {shareText(fullest)}
      </span>
      <span class="soft">
        {watchers > 0 ? `wanted by ${watchers}` : 'wanted by nobody'}
        {held.length > 0 ? ` · ${held.length} held` : ''}
      </span>
      <span />
      <span class="number">{queues.length === 0 ? '–' : rateText(rate)}</span>
      <span />
      <span class="row-actions">
        {first === undefined ? null : (
          <button
            type="button"
            class="link"
            title={held.map(heldText).join('\n')}
            onClick={() => {
              if (held.length === 1) asked.value = releaseOf(topic, first)
              else if (!isOpen) onFlip()
            }}
          >
            {held.length === 1 ? 'Release' : 'Held …'}
          </button>
        )}
        <button
          type="button"
          class="link"
          onClick={() => {
            asked.value = changeLimits(topic, maxDepth, maxDepthBytes)
          }}
        >
          Limits
        </button>
      </span>
    </div>
  )
}
