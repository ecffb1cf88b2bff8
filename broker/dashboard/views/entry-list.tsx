/** The entries of the timeline, newest first. */
import { useState } from 'preact/hooks'
import type { TimelineEntry } from '../../admin/api.ts'
import { entries } from '../live.ts'
import { entryKey, MAX_ENTRIES } from '../state/entries.ts'
import { hashOf } from '../state/place.ts'
import { preciseClockText, valueText } from '../state/words.ts'
import { passes } from '../widgets/filter-box.tsx'

export type Level = TimelineEntry['level']
export type Source = 'all' | TimelineEntry['source']

const LEVELS: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2 }
const MARKS: Readonly<Record<Level, string>> = { debug: '·', info: '○', warn: '▲' }
const AT_ONCE = 200

export const EntryList = ({
  level,
  source,
  until,
}: {
  level: Level
  source: Source
  until: number | null
}) => {
  const [room, setRoom] = useState(AT_ONCE)
  const found = entries.value.filter(
    (entry) =>
      // What operators did is shown whole, whatever its level.
      (source === 'operator' || LEVELS[entry.level] >= LEVELS[level]) &&
      (source === 'all' || entry.source === source) &&
      (until === null || entry.at <= until) &&
      passes(entry.text, entry.kind, entry.node, entry.topic ?? '', entry.broker),
  )
  if (found.length === 0) return <p class="empty">Nothing of the kind is remembered.</p>
  return (
    <>
      <ol class="entries">
        {found.slice(0, room).map((entry) => (
          <Entry key={entryKey(entry)} entry={entry} />
        ))}
      </ol>
      {found.length > room ? (
        <button type="button" onClick={() => setRoom(room + AT_ONCE)}>
          {found.length - room} older ones
        </button>
      ) : null}
      {entries.value.length >= MAX_ENTRIES ? (
        <p class="soft">
          The page keeps the last {MAX_ENTRIES} entries; the brokers may know more.
        </p>
      ) : null}
    </>
  )
}

const Entry = ({ entry }: { entry: TimelineEntry }) => {
  const { at, level, source, node, kind, text, topic, idc, audit, advisory, broker } = entry
  const correlationId =
    advisory !== null && 'correlationId' in advisory ? advisory.correlationId : undefined
  return (
    <li class={`entry level-${level} source-${source}`}>
      <time>{preciseClockText(at)}</time>
      <span class="entry-level" title={level}>
        <span aria-hidden="true">{MARKS[level] ?? '·'}</span>
        <span class="unseen">{level}</span>
      </span>
      <span class="entry-source">{source}</span>
      <span class="entry-text">
        {text}
        <small>
          {' '}
          {kind} · {node}
          {topic === null ? '' : ` · ${topic}`}
          {idc === null ? '' : ` · ${idc}`} · told by {broker}
        </small>
        {correlationId === undefined ? null : (
          <>
            {' '}
            <a href={hashOf('trace', correlationId)}>inspect</a>
          </>
        )}
        {audit === null ? null : (
          <details>
            <summary>{audit.outcome}: what was before, what is after</summary>
            <dl class="facts">
              <div>
                <dt>reason</dt>
                <dd>{audit.reason}</dd>
              </div>
              <div>
                <dt>before</dt>
                <dd class="mono">{valueText(audit.before)}</dd>
              </div>
              <div>
                <dt>after</dt>
                <dd class="mono">{valueText(audit.after)}</dd>
              </div>
              {audit.error === null ? null : (
                <div>
                  <dt>error</dt>
                  <dd>{audit.error}</dd>
                </div>
              )}
            </dl>
          </details>
        )}
      </span>
    </li>
  )
}
