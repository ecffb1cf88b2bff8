/** What is behind a tile, and what can be done about it. */

import { asked } from '../asking.ts'
import { go } from '../keys.ts'
import { picture } from '../live.ts'
import { forceCircuit } from '../state/asks.ts'
import type { Tile } from '../state/tile.ts'
import type { TrailPoint } from '../state/trail.ts'
import { countText, exactText, msText, rateText, shareText } from '../state/words.ts'
import { CommandLine } from '../widgets/command-line.tsx'
import { Fact } from '../widgets/fact.tsx'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { type Curve, Graph } from '../widgets/graph.tsx'
import { CircuitRoutes } from './circuit-routes.tsx'
import { QueueFacts } from './queue-facts.tsx'

const CURVES: readonly Curve[] = [
  { label: 'rate', colour: '--well', scale: 'rate', value: rateText, fill: true },
  { label: 'p99', colour: '--watch', scale: 'ms', value: msText },
]
const FAIL: readonly Curve[] = [
  { label: 'fail', colour: '--sick', scale: 'share', value: shareText, fill: true },
]

export const TileDetails = ({ tile, onClose }: { tile: Tile; onClose: () => void }) => {
  const { topic, name, word, shape, health, why, flow, members, queue } = tile
  return (
    <aside class="details" aria-label={`Details of ${name}, ${topic}`}>
      <header>
        <div>
          <h2>{topic}</h2>
          <p class="soft">{name}</p>
        </div>
        <button type="button" class="quiet" onClick={onClose} aria-label="Close details">
          ✕
        </button>
      </header>
      <p>
        <StateWord word={word} shape={shape} health={health} /> {why}
      </p>
      <dl class="facts">
        <Fact name="rate">{rateText(flow.rate)}</Fact>
        <Fact name="fail">{shareText(flow.sickShare)}</Fact>
        <Fact name="business errors">{shareText(flow.businessShare)}</Fact>
        <Fact name="p50 / p99">
          {msText(flow.p50)} / {msText(flow.p99)}
        </Fact>
        <Fact name="in flight">{countText(tile.inFlight)}</Fact>
      </dl>
      <TrailGraphs points={tile.trail.points} />
      {queue === null ? <CircuitActions tile={tile} /> : <QueueFacts row={queue} />}
      {members.length === 0 ? null : <Ends tile={tile} />}
      {members.map((member) => (
        <CircuitRoutes key={member.key} member={member} isOnly={members.length === 1} />
      ))}
      <p>
        <a href="#/timeline">Timeline</a> ·{' '}
        <button type="button" class="link" onClick={() => go('queues', topic)}>
          Queues of this topic
        </button>
      </p>
      <CommandLine words={queue === null ? ['circuits', topic] : ['queues', topic]} />
    </aside>
  )
}

const TrailGraphs = ({ points }: { points: readonly TrailPoint[] }) => {
  const seconds = points.map(({ at }) => at / 1_000)
  return (
    <>
      <Graph
        height={150}
        curves={CURVES}
        data={[seconds, points.map(({ rate }) => rate), points.map(({ p99 }) => p99)]}
      />
      <Graph height={92} curves={FAIL} data={[seconds, points.map(({ sickShare }) => sickShare)]} />
    </>
  )
}

/** Every circuit of the topic, whoever the requester: that is whom a force is told to. */
const CircuitActions = ({ tile: { topic, members } }: { tile: Tile }) => {
  const circuits = (picture.value?.tiles ?? [])
    .filter((tile) => tile.kind === 'circuit' && tile.topic === topic)
    .reduce((sum, tile) => sum + tile.members.length, 0)
  const ask = (to: 'open' | 'closed' | 'probe' | 'auto') => () => {
    asked.value = forceCircuit(topic, to, circuits)
  }
  const isForced = members.some(({ part }) => part.circuit.forced !== undefined)
  return (
    <p class="actions">
      <button type="button" onClick={ask('open')}>
        Force open
      </button>
      <button type="button" onClick={ask('closed')}>
        Force closed
      </button>
      <button type="button" onClick={ask('probe')}>
        Probe
      </button>
      <button type="button" onClick={ask('auto')} disabled={!isForced}>
        Release
      </button>
    </p>
  )
}

/** How its calls ended, over all its instances, since each connected. */
const Ends = ({ tile: { members } }: { tile: Tile }) => {
  const sums = new Map<string, number>()
  for (const { part } of members) {
    for (const [end, count] of Object.entries(part.ends)) {
      sums.set(end, (sums.get(end) ?? 0) + count)
    }
  }
  const all = [...sums.values()].reduce((sum, count) => sum + count, 0)
  const rows = [...sums].sort(([, a], [, b]) => b - a)
  return (
    <table>
      <caption>How calls ended since connect</caption>
      <thead>
        <tr>
          <th scope="col">code</th>
          <th scope="col">outcome</th>
          <th scope="col" class="number">
            calls
          </th>
          <th scope="col" class="number">
            share
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([end, count]) => {
          const [code, outcome] = end.split(' ')
          return (
            <tr key={end}>
              <td>{code}</td>
              <td>{outcome ?? ''}</td>
              <td class="number">{exactText(count)}</td>
              <td class="number">{shareText(all === 0 ? null : count / all)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
