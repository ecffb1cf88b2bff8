/** The last ten minutes under a slider; at the chosen instant, the state of then. */
import { entries, picture, store } from '../live.ts'
import { HEALTHS } from '../state/health.ts'
import { PAST_NUMBERS, type PastState } from '../state/history.ts'
import { spark } from '../state/spark.ts'
import {
  ageText,
  clockText,
  countText,
  msText,
  plural,
  rateText,
  shareText,
} from '../state/words.ts'
import { Fact } from '../widgets/fact.tsx'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { PastWall } from './past-wall.tsx'

const WIDTH = 1_000
const HEIGHT = 64

export const PastSlider = ({
  instant,
  onInstant,
}: {
  instant: number | null
  onInstant: (instant: number | null) => void
}) => {
  const now = picture.value
  const { states } = store.history
  const first = states[0]
  const last = states.at(-1)
  if (now === null || first === undefined || last === undefined || first === last) {
    return (
      <p class="soft">The slider goes back to when this page was opened, at most ten minutes.</p>
    )
  }
  const spanMs = last.at - first.at
  const state = instant === null ? last : (store.history.at(instant) ?? last)
  const size = { width: WIDTH, height: HEIGHT, spanMs }
  const rate = spark(
    states.map(({ at, rate: value }) => ({ at, value })),
    size,
  )
  const sick = spark(
    states.map(({ at, sickShare }) => ({ at, value: sickShare })),
    { ...size, most: 1 },
  )
  const x = (at: number): number => ((at - first.at) / spanMs) * WIDTH
  return (
    <section class="past" aria-label="The last ten minutes">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="spark-area" d={rate.area} />
        <path class="spark-sick" d={sick.area} />
        <path class="spark-line" d={rate.line} />
        {entries.value
          .filter(({ level, at }) => level === 'warn' && at >= first.at)
          .slice(0, 200)
          .map(({ at, n, broker }) => (
            <rect key={`${broker} ${n}`} class="past-mark" x={x(at) - 1} width="2" height="8" />
          ))}
        <rect class="past-now" x={x(state.at) - 1} width="2" height={HEIGHT} />
      </svg>
      <input
        type="range"
        aria-label="Instant"
        aria-valuetext={clockText(state.at)}
        min={first.at}
        max={last.at}
        step="any"
        value={state.at}
        onInput={({ currentTarget }) => {
          const at = Number(currentTarget.value)
          onInstant(at >= last.at - 1_000 ? null : at)
        }}
      />
      <p class="past-line">
        <span class="soft">{clockText(first.at)}</span>
        <strong>
          {instant === null
            ? 'now'
            : `as it was at ${clockText(state.at)}, ${ageText(last.at - state.at)} ago`}
        </strong>
        {instant === null ? null : (
          <button type="button" onClick={() => onInstant(null)}>
            Back to now
          </button>
        )}
        <span class="soft">{clockText(last.at)}</span>
      </p>
      <Then state={state} />
    </section>
  )
}

const Then = ({ state }: { state: PastState }) => {
  const sick = state.tiles.filter(
    (_, i) => HEALTHS[state.numbers[i * PAST_NUMBERS + PAST_NUMBERS - 1]!] === 'sick',
  )
  return (
    <div class="then">
      <dl class="totals">
        <Fact name="calls">{rateText(state.rate)}</Fact>
        <Fact name="fail">{shareText(state.sickShare)}</Fact>
        <Fact name="p99">{msText(state.p99)}</Fact>
        <Fact name="waiting">{countText(state.waiting)}</Fact>
        <Fact name="clients">{countText(state.clients)}</Fact>
        <Fact name="sick">
          {sick.length === 0
            ? 'nothing'
            : `${plural(sick.length, 'tile')}: ${[...new Set(sick.map(({ topic }) => topic))].slice(0, 3).join(', ')}`}
        </Fact>
      </dl>
      <p class="then-brokers">
        {state.brokers.map(({ id, word, isGrey }) => (
          <span key={id}>
            {id}{' '}
            <StateWord
              word={word}
              shape={isGrey ? 'ring' : word === 'open' ? 'circle' : 'diamond'}
              health={isGrey ? 'unknown' : word === 'open' ? 'well' : 'watch'}
            />
          </span>
        ))}
        {state.forces.map((force) => (
          <StateWord key={force} word={force} shape="triangle" health="watch" />
        ))}
      </p>
      <PastWall state={state} />
    </div>
  )
}
