/** A topic in the tree. */
import { asked } from '../asking.ts'
import { changeLimits, releaseInstance } from '../state/asks.ts'
import type { TopicRow } from '../state/topic-row.ts'
import { ageText, countText, plural, rateText, shareText } from '../state/words.ts'
import { StateWord } from '../widgets/glyph-picture.tsx'

const WORDS = { well: 'well', watch: 'watch', sick: 'sick', unknown: 'unknown' } as const
const SHAPES = { well: 'circle', watch: 'diamond', sick: 'square', unknown: 'ring' } as const

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
            title={`${first.instance} is held: ${first.reason}, ${ageText(first.leftMs)} left`}
            onClick={() => {
              asked.value = releaseInstance(topic, first.instance)
            }}
          >
            Release
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
