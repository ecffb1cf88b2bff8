/** What every node remembers of one call. */
import { useEffect, useState } from 'preact/hooks'
import type { Trace } from '../../admin/api.ts'
import { read } from '../api.ts'
import { go } from '../keys.ts'
import { place } from '../live.ts'
import { preciseClockText } from '../state/words.ts'
import { CommandLine } from '../widgets/command-line.tsx'

type Found =
  | { is: 'nothing' }
  | { is: 'asking' }
  | { is: 'trace'; trace: Trace }
  | { is: 'failed'; why: string }

export const InspectorView = () => {
  const { item } = place.value
  const [id, setId] = useState(item)
  const [found, setFound] = useState<Found>({ is: 'nothing' })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    setId(item)
    if (item === '') return setFound({ is: 'nothing' })
    let isWanted = true
    setFound({ is: 'asking' })
    read<Trace>(`v1/trace/${encodeURIComponent(item)}`).then(
      (trace) => {
        if (isWanted) setFound({ is: 'trace', trace })
      },
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error)
        if (isWanted) setFound({ is: 'failed', why })
      },
    )
    return () => {
      isWanted = false
    }
  }, [item, turn])
  return (
    <div class="view view-main">
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault()
          if (id.trim() === item) setTurn(turn + 1)
          else go('trace', id.trim())
        }}
      >
        <label for="filter">Correlation id</label>
        <input
          id="filter"
          class="filter mono"
          value={id}
          onInput={({ currentTarget }) => setId(currentTarget.value)}
          placeholder="as in ctx.correlationId, error details, logs"
          spellcheck={false}
          autocomplete="off"
        />
        <button type="submit" class="strong">
          Inspect
        </button>
        <CommandLine words={['trace', item === '' ? 'ID' : item]} />
      </form>
      <Result found={found} />
    </div>
  )
}

const Result = ({ found }: { found: Found }) => {
  if (found.is === 'nothing') {
    return (
      <p class="empty">
        Give the id of a call. Nodes remember calls for a short while, the failed ones longest.
      </p>
    )
  }
  if (found.is === 'asking') return <p class="empty">Asking every node that may know …</p>
  if (found.is === 'failed') {
    return (
      <p class="result is-failed" role="alert">
        {found.why}
      </p>
    )
  }
  const { trace } = found
  return (
    <>
      {trace.isKnown ? null : (
        <p class="result is-failed">
          <strong>Nobody knows this call.</strong> It never was, or is forgotten
          {trace.silent.length > 0 ? ', or is known to one of the silent nodes below' : ''}.
        </p>
      )}
      {trace.silent.length === 0 ? null : (
        <ul class="silent">
          {trace.silent.map(({ node, why }) => (
            <li key={node}>
              <b>{node}</b> may know of it and did not answer: {why}
            </li>
          ))}
        </ul>
      )}
      {trace.events.length === 0 ? null : <Events events={trace.events} />}
    </>
  )
}

const BAD = new Set(['refused', 'expired', 'lost', 'cancelled', 'late', 'handed_back'])

const Events = ({ events }: { events: Trace['events'] }) => {
  const first = events[0]!.at
  const spanMs = Math.max(1, events.at(-1)!.at - first)
  return (
    <ol class="trace">
      {events.map((event, i) => {
        const { at, role, nodeName, node, what, attempt, topic, queue, instance, reason } = event
        const isBad = BAD.has(what) || (what === 'settled' && reason !== 'ok')
        const told = [
          topic,
          queue === undefined ? undefined : `queue #${queue}`,
          instance === undefined ? undefined : `instance ${instance}`,
          `attempt ${attempt}`,
        ]
        return (
          <li key={i} class={`role-${role}${isBad ? ' is-bad' : ''}`}>
            <time title={preciseClockText(at)}>
              +{(at - first).toFixed(at - first < 10 ? 1 : 0)} ms
            </time>
            <span class="trace-node" title={node}>
              <small>{role}</small> {nodeName}
            </span>
            <span class="trace-what">
              <b>{what.replace('_', ' ')}</b>
              {reason === undefined ? '' : ` – ${reason}`}
            </span>
            <span class="soft">{told.filter((text) => text !== undefined).join(' · ')}</span>
            <svg
              class="trace-bar"
              viewBox="0 0 100 4"
              preserveAspectRatio="none"
              aria-hidden="true"
            >
              <rect class="meter-track" width="100" height="4" />
              <rect
                class="trace-at"
                x={Math.min(98, ((at - first) / spanMs) * 98)}
                width="2"
                height="4"
              />
            </svg>
          </li>
        )
      })}
    </ol>
  )
}
