/** The wall of an instant in the past, small: every circuit, and the queues that were not well. */
import { fullRateOf } from '../state/glyph.ts'
import { HEALTHS, type Shape } from '../state/health.ts'
import { PAST_NUMBERS, type PastState } from '../state/history.ts'
import { GlyphPicture } from '../widgets/glyph-picture.tsx'

const MOST_SHOWN = 240
const GLYPH = 30

const SHAPES: Readonly<Record<string, Shape>> = {
  closed: 'circle',
  writable: 'circle',
  open: 'square',
  full: 'square',
  stalled: 'square',
  'half-open': 'diamond',
  transition: 'diamond',
  assigning: 'diamond',
  'forced open': 'triangle',
  'forced closed': 'triangle',
}

const known = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value

export const PastWall = ({ state: { tiles, words, numbers } }: { state: PastState }) => {
  const all = tiles.map((tile, i) => {
    const [rate, sickShare, businessShare] = [0, 1, 2].map((at) =>
      known(numbers[i * PAST_NUMBERS + at]),
    ) as [number | null, number | null, number | null]
    const health = HEALTHS[numbers[i * PAST_NUMBERS + PAST_NUMBERS - 1] ?? 0] ?? 'unknown'
    return { tile, rate, sickShare, businessShare, health, word: words[i] ?? '' }
  })
  const shown = all.filter(({ tile, health }) => tile.kind === 'circuit' || health !== 'well')
  /** A sick topic is named once, at its first glyph. */
  const named = new Set<string>()
  const nameOnce = (topic: string): boolean => !named.has(topic) && named.add(topic).has(topic)
  const fullRate = fullRateOf(shown.map(({ rate }) => rate))
  return (
    <div class="past-wall">
      {shown.slice(0, MOST_SHOWN).map(({ tile, rate, sickShare, businessShare, health, word }) => (
        <span key={tile.key} title={`${tile.name} → ${tile.topic}: ${word}`}>
          <GlyphPicture
            size={GLYPH}
            health={health}
            numbers={{ rate, fullRate, sickShare, businessShare, shape: SHAPES[word] ?? 'ring' }}
          />
          {health === 'sick' && nameOnce(tile.topic) ? <small>{tile.topic}</small> : null}
        </span>
      ))}
      {shown.length > MOST_SHOWN ? <small>and {shown.length - MOST_SHOWN} more</small> : null}
    </div>
  )
}
