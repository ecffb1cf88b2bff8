/** Who owned which queue when, a band for each queue. */
import { useMemo } from 'preact/hooks'
import type { Recording } from '../state/recording.ts'

const WIDTH = 1_000
const BAND = 18
const COLOURS = 8
/** Narrower spans have no room for a name; pointing at them tells it. */
const LEAST_NAMED = 60

export const DrillBands = ({ recording, atMs }: { recording: Recording; atMs: number }) => {
  const { bands, durationMs, acts } = recording
  const owners = useMemo(
    () => [...new Set(bands.flatMap(({ spans }) => spans.map(({ owner }) => owner)))],
    [bands],
  )
  if (bands.length === 0) return <p class="soft">No queue was seen in this drill.</p>
  const x = (ms: number): number => (ms / Math.max(1, durationMs)) * WIDTH
  const height = bands.length * BAND
  return (
    <figure class="bands">
      <figcaption>Who owned which queue; hatched: in transition</figcaption>
      <div class="bands-names" aria-hidden="true">
        {bands.map(({ broker, queue }) => (
          <span key={`${broker} ${queue}`} title={broker}>
            {broker} #{queue}
          </span>
        ))}
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" height={height}>
        <title>Ownership of queues over time</title>
        <defs>
          <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse">
            <path d="M0 6L6 0" class="hatch" />
          </pattern>
        </defs>
        {bands.map(({ broker, queue, spans }, row) =>
          spans.map(({ fromMs, toMs, owner, epoch, state }) => {
            const at = { x: x(fromMs), y: row * BAND + 1 }
            const size = { width: Math.max(0.5, x(toMs) - x(fromMs)), height: BAND - 2 }
            const colour = owner === '' ? 'nobody' : String(owners.indexOf(owner) % COLOURS)
            return (
              <g key={`${broker} ${queue} ${fromMs}`}>
                <rect {...at} {...size} class={`owner-${colour}`}>
                  <title>{`${owner === '' ? 'nobody' : owner}, epoch ${epoch}, ${state}`}</title>
                </rect>
                {state === 'writable' ? null : <rect {...at} {...size} fill="url(#hatch)" />}
              </g>
            )
          }),
        )}
        {acts.map((act, i) => (
          <rect key={i} class="band-act" x={x(act.atMs)} width="1" height={height}>
            <title>{act.text}</title>
          </rect>
        ))}
        <rect class="past-now" x={x(atMs) - 1} width="2" height={height} />
      </svg>
      <div class="bands-labels" aria-hidden="true">
        {bands.map(({ broker, queue, spans }, row) =>
          spans
            .filter(({ fromMs, toMs }) => x(toMs) - x(fromMs) >= LEAST_NAMED)
            .map(({ fromMs, toMs, owner }) => (
              <span
                key={`${broker} ${queue} ${fromMs}`}
                style={{
                  left: `${x(fromMs) / 10}%`,
                  top: `${row * BAND}px`,
                  width: `${(x(toMs) - x(fromMs)) / 10}%`,
                }}
              >
                {owner}
              </span>
            )),
        )}
      </div>
    </figure>
  )
}
