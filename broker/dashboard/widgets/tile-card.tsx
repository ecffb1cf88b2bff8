/** A tile of the wall. */
import type { Tile } from '../state/tile.ts'
import { msText, rateText, shareText } from '../state/words.ts'
import { GlyphPicture, StateWord } from './glyph-picture.tsx'
import { Sparkline } from './sparkline.tsx'

export const TileCard = ({
  tile,
  fullRate,
  isChosen,
  onChoose,
}: {
  tile: Tile
  fullRate: number
  isChosen: boolean
  onChoose: () => void
}) => {
  const { flow, health, shape, word, why, topic, name, members, isGrey, trail } = tile
  const { rate, sickShare, businessShare } = flow
  return (
    <button
      type="button"
      class={`tile is-${health}${isGrey ? ' is-grey' : ''}`}
      data-key={tile.key}
      aria-pressed={isChosen}
      onClick={onChoose}
      title={why === '' ? `${name} → ${topic}` : `${name} → ${topic}: ${why}`}
    >
      <GlyphPicture numbers={{ rate, fullRate, sickShare, businessShare, shape }} health={health} />
      <span class="tile-text">
        <span class="tile-topic">{topic}</span>
        <span class="tile-name">
          {tile.kind === 'circuit' ? '← ' : ''}
          {name}
          {members.length > 1 ? ` × ${members.length}` : ''}
        </span>
        <span class="tile-state">
          <StateWord word={word} shape={shape} health={health} />
          <span class="tile-why">{why}</span>
        </span>
        <span class="tile-numbers">
          <span>{rateText(rate)}</span>
          {sickShare !== null && sickShare > 0 ? <b>{shareText(sickShare)} fail</b> : null}
          {businessShare !== null && businessShare >= 0.001 ? (
            <span class="soft">{shareText(businessShare)} business</span>
          ) : null}
          <Sparkline points={trail.points} width={72} height={20} />
        </span>
        <span class="tile-latency">
          {flow.p50 === null && flow.p99 === null
            ? 'p50 – · p99 – no calls'
            : `p50 ${msText(flow.p50)} · p99 ${msText(flow.p99)}`}
        </span>
      </span>
    </button>
  )
}
