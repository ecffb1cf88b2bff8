/** A queue in the tree. */
import { asked } from '../asking.ts'
import { holdInstance } from '../state/asks.ts'
import type { QueueRow } from '../state/queue-row.ts'
import { queueStanding } from '../state/tile.ts'
import { countText, msText, rateText } from '../state/words.ts'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { MeterBar } from '../widgets/meter-bar.tsx'

export const QueueLine = ({ row }: { row: QueueRow }) => {
  const { topic, broker, queue, depth, maxDepth, flow, isGrey } = row
  const { word, shape, health, why } = queueStanding(row)
  const { owner, ownerName, ownerIdc, epoch, unanswered, window } = queue
  return (
    <div class={isGrey ? 'tree-row is-grey' : 'tree-row'} data-queue={row.key}>
      <span class="tree-name">
        #{queue.queue} <small>at {broker}</small>
      </span>
      <span title={why}>
        <StateWord word={word} shape={shape} health={health} />
      </span>
      <span class="depth">
        <MeterBar value={depth} limit={maxDepth} title={`${depth} of ${maxDepth}`} />
        <small>{countText(depth)}</small>
      </span>
      <span title={owner}>
        {owner === '' ? (
          <em>nobody</em>
        ) : (
          <>
            {ownerName} <small>{`${ownerIdc} · epoch ${epoch}`}</small>
          </>
        )}
      </span>
      <span class="number">
        {countText(unanswered)} <small>of {countText(window)}</small>
      </span>
      <span class="number">{rateText(flow.rate)}</span>
      <span class="number">{flow.p99 === null ? '–' : msText(flow.p99)}</span>
      <span class="row-actions">
        {owner === '' ? null : (
          <button
            type="button"
            class="link"
            onClick={() => {
              asked.value = holdInstance(topic, owner, ownerName)
            }}
          >
            Hold
          </button>
        )}
      </span>
    </div>
  )
}
