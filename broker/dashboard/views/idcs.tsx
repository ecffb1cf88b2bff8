/** The map: data centres, what stands in them, and who calls whom across them. */
import { asked } from '../asking.ts'
import { picture } from '../live.ts'
import { isolateIdc, restoreIdc } from '../state/asks.ts'
import type { IdcBox, IdcFlow } from '../state/idcs.ts'
import { BOX_HEIGHT, BOX_WIDTH, mapArrow, mapLayout, type Place } from '../state/map-layout.ts'
import { isBrokerGrey } from '../state/queue-row.ts'
import { ageText, clockText, msText, plural, rateText, shareText } from '../state/words.ts'
import { CommandLine } from '../widgets/command-line.tsx'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { useWidth } from '../widgets/use-width.ts'
import { Nothing } from './nothing.tsx'

export const IdcsView = () => {
  const [box, width] = useWidth()
  const now = picture.value
  if (now === null) return <Nothing />
  const { boxes, flows } = now.map
  const layout = mapLayout(boxes.length, Math.max(width, BOX_WIDTH))
  const placeOf = new Map(boxes.map(({ idc }, i) => [idc, layout.boxes[i]!]))
  return (
    <div class="view view-main">
      <div class="toolbar">
        <CrossTraffic flows={flows} />
        <CommandLine words={['idcs']} />
      </div>
      <div ref={box} class="map" style={{ height: `${layout.height}px` }}>
        <Arrows flows={flows} placeOf={placeOf} width={layout.width} height={layout.height} />
        {boxes.map((idc) => (
          <Box key={idc.idc} box={idc} at={placeOf.get(idc.idc)!} now={now.snapshot.at} />
        ))}
      </div>
      <FlowTable flows={flows} />
    </div>
  )
}

/** In healthy operation there is none. */
const CrossTraffic = ({ flows }: { flows: readonly IdcFlow[] }) => {
  const known = flows.filter(({ rate }) => rate !== null)
  const all = known.reduce((sum, { rate }) => sum + rate!, 0)
  const local = known.reduce((sum, { from, to, rate }) => sum + (from === to ? rate! : 0), 0)
  if (all <= 0) return <p>No calls flow, as far as is known.</p>
  const isAll = all - local < 1e-9
  return (
    <p>
      <StateWord
        word={isAll ? 'All calls stay at home' : `${shareText(local / all)} of calls stay at home`}
        shape={isAll ? 'circle' : 'diamond'}
        health={isAll ? 'well' : 'watch'}
      />
      {isAll ? '; between IDCs there are heartbeats only.' : `; ${rateText(all - local)} cross.`}
    </p>
  )
}

const Arrows = ({
  flows,
  placeOf,
  width,
  height,
}: {
  flows: readonly IdcFlow[]
  placeOf: ReadonlyMap<string, Place>
  width: number
  height: number
}) => {
  const most = Math.max(1, ...flows.map(({ rate }) => rate ?? 0))
  return (
    <svg class="arrows" width={width} height={height} aria-hidden="true">
      <defs>
        {['calls', 'idle'].map((kind) => (
          <marker
            key={kind}
            id={`head-${kind}`}
            class={`head-${kind}`}
            viewBox="0 0 8 8"
            refX="6"
            refY="4"
            markerWidth="14"
            markerHeight="14"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0L8 4L0 8Z" />
          </marker>
        ))}
      </defs>
      {flows.map(({ from, to, rate, rttMs }) => {
        if (from === to) return null
        const { path, label } = mapArrow(placeOf.get(from)!, placeOf.get(to)!)
        const isBusy = rate !== null && rate > 0
        const kind = isBusy ? 'calls' : 'idle'
        return (
          <g key={`${from} ${to}`} class={`arrow arrow-${kind}`}>
            <path
              d={path}
              stroke-width={isBusy ? 2 + 8 * Math.sqrt(rate / most) : 1}
              marker-end={`url(#head-${kind})`}
            />
            <text x={label.x} y={label.y} text-anchor="middle">
              {isBusy ? rateText(rate) : rate === null ? 'rate unknown' : 'heartbeats'}
            </text>
            <text x={label.x} y={label.y + 14} text-anchor="middle" class="arrow-rtt">
              {rttMs === null ? '' : msText(rttMs)}
            </text>
          </g>
        )
      })}
    </svg>
  )
}

const Box = ({ box, at, now }: { box: IdcBox; at: Place; now: number }) => {
  const { idc, brokers, clients, lost, localShare, rate, isolated, away, listening } = box
  const grey = brokers.filter(isBrokerGrey).length
  const isGrey = brokers.length > 0 && grey === brokers.length
  const isIsolated = isolated.length > 0
  const isWhole = isolated.some(({ topic }) => topic === '*')
  const isAway = away.length > 0 || listening.length > 0
  const level = isIsolated || isAway || grey > 0 ? 'watch' : 'well'
  return (
    <section
      class={`idc is-${level}${isGrey ? ' is-grey' : ''}`}
      aria-label={`IDC ${idc}`}
      style={{
        transform: `translate(${at.x}px, ${at.y}px)`,
        width: `${BOX_WIDTH}px`,
        height: `${BOX_HEIGHT}px`,
      }}
    >
      <header>
        <h2>{idc}</h2>
        <button
          type="button"
          onClick={() => {
            asked.value = isWhole ? restoreIdc(idc, '*') : isolateIdc(idc, brokers.length)
          }}
        >
          {isWhole ? 'Restore' : 'Isolate'}
        </button>
      </header>
      <LocalShare share={localShare} rate={rate} />
      <ul class="idc-brokers">
        {brokers.map((broker) => (
          <li key={broker.id} title={broker.error ?? ''}>
            <span>{broker.id}</span>
            {isBrokerGrey(broker) ? (
              <StateWord
                word={broker.ageMs === null ? 'unknown' : `silent ${ageText(broker.ageMs)}`}
                shape="ring"
                health="unknown"
              />
            ) : (
              <StateWord
                word={broker.state}
                shape={broker.state === 'open' ? 'circle' : 'diamond'}
                health={broker.state === 'open' ? 'well' : 'watch'}
              />
            )}
          </li>
        ))}
      </ul>
      <p>
        {plural(clients, 'client')}
        {lost > 0 ? `, ${lost} lost` : ''}
      </p>
      {isolated.map(({ id, by, until, reason, topic }) => (
        <p key={id} class="note" title={`until ${clockText(until)}: ${reason}`}>
          <StateWord word="isolated" shape="triangle" health="watch" />{' '}
          {topic === '*' ? '' : `for ${topic} `}by {by}, {ageText(until - now)} left{' '}
          {topic === '*' ? null : (
            <button
              type="button"
              class="link"
              onClick={() => {
                asked.value = restoreIdc(idc, topic)
              }}
            >
              Restore
            </button>
          )}
        </p>
      ))}
      {away.length === 0 ? null : (
        <p class="note" title={away.join('\n')}>
          <StateWord word="away" shape="diamond" health="watch" />{' '}
          {away.length === 1 ? away[0] : `${plural(away.length, 'caller')} answered elsewhere`}
        </p>
      )}
      {listening.length === 0 ? null : (
        <p class="note" title={listening.map(({ topic }) => topic).join('\n')}>
          <StateWord word="taken over" shape="diamond" health="watch" />{' '}
          {listening.length === 1 ? listening[0]!.topic : plural(listening.length, 'topic')} by{' '}
          {[...new Set(listening.map(({ from }) => from))].join(', ')}
        </p>
      )}
    </section>
  )
}

const LocalShare = ({ share, rate }: { share: number | null; rate: number | null }) => (
  <div class="local-share">
    <span>
      <b>{shareText(share)}</b> local of {rateText(rate)}
    </span>
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="meter-track" width="100" height="6" />
      <rect class="local-fill" width={(share ?? 0) * 100} height="6" />
    </svg>
  </div>
)

const FlowTable = ({ flows }: { flows: readonly IdcFlow[] }) => (
  <table>
    <caption>Who calls whom</caption>
    <thead>
      <tr>
        <th scope="col">requesters in</th>
        <th scope="col">responders in</th>
        <th scope="col" class="number">
          attempts
        </th>
        <th scope="col" class="number">
          round trip
        </th>
      </tr>
    </thead>
    <tbody>
      {flows.map(({ from, to, rate, rttMs }) => (
        <tr key={`${from} ${to}`}>
          <td>{from}</td>
          <td>{to}</td>
          <td class="number">{rateText(rate)}</td>
          <td class="number">{msText(rttMs)}</td>
        </tr>
      ))}
    </tbody>
  </table>
)
