/** Brokers: how they are, what they hold, and drain or resume. */

import type { BrokerPart } from '../../admin/api.ts'
import { asked } from '../asking.ts'
import { picture } from '../live.ts'
import { drainBroker, resumeBroker } from '../state/asks.ts'
import { isBrokerGrey } from '../state/queue-row.ts'
import { ageText, bytesText, countText } from '../state/words.ts'
import { passes } from '../widgets/filter-box.tsx'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { Nothing } from './nothing.tsx'

const HEADS = [
  'broker',
  'IDC',
  'state',
  'up for',
  'sessions',
  'topics',
  'queues',
  'in flight',
  'waiting',
]

export const BrokerTable = () => {
  if (picture.value === null) return <Nothing />
  const { brokers } = picture.value.snapshot
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            {HEADS.map((head, i) => (
              <th key={head} scope="col" class={i > 2 ? 'number' : ''}>
                {head}
              </th>
            ))}
            <th scope="col">
              <span class="unseen">actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {brokers
            .filter(({ id, idc, state }) => passes(id, idc, state))
            .map((broker) => (
              <Line key={broker.id} broker={broker} />
            ))}
        </tbody>
      </table>
    </div>
  )
}

const Line = ({ broker }: { broker: BrokerPart }) => {
  const { id, idc, state, view, ageMs, error, admin } = broker
  const isGrey = isBrokerGrey(broker)
  const age = ageMs === null ? '' : ` for ${ageText(ageMs)}`
  const isDraining = state === 'draining' || state === 'drained'
  return (
    <tr class={isGrey ? 'is-grey' : ''}>
      <th scope="row" title={admin ?? ''}>
        {id}
      </th>
      <td>{idc}</td>
      <td title={error ?? ''}>
        {isGrey ? (
          <StateWord word={`silent${age}`} shape="ring" health="unknown" />
        ) : (
          <StateWord
            word={state}
            shape={isDraining ? 'diamond' : 'circle'}
            health={isDraining ? 'watch' : 'well'}
          />
        )}
        {isGrey && error !== null ? <small> {error}</small> : null}
      </td>
      {view === null ? (
        <td class="number" colSpan={6}>
          – unknown
        </td>
      ) : (
        <>
          <td class="number">{ageText(view.upMs)}</td>
          <td class="number">{countText(view.sessions)}</td>
          <td class="number">{countText(view.topics.length)}</td>
          <td class="number">
            {countText(view.topics.reduce((sum, { queues }) => sum + queues.length, 0))}
          </td>
          <td class="number">{countText(view.deliveries)}</td>
          <td class="number">{bytesText(view.waitingBytes)}</td>
        </>
      )}
      <td class="row-actions">
        <button
          type="button"
          class="link"
          onClick={() => {
            asked.value = isDraining ? resumeBroker(id) : drainBroker(id, view?.sessions ?? null)
          }}
        >
          {isDraining ? 'Resume' : 'Drain'}
        </button>
      </td>
    </tr>
  )
}
