/** The wall: a tile for each requester and topic, and for each queue; trouble first. */
import { useMemo, useState } from 'preact/hooks'
import { go } from '../keys.ts'
import { filter, picture, place } from '../live.ts'
import { fullRateOf } from '../state/glyph.ts'
import { healthRank } from '../state/health.ts'
import type { Tile } from '../state/tile.ts'
import { countText } from '../state/words.ts'
import { Choice } from '../widgets/choice.tsx'
import { CommandLine } from '../widgets/command-line.tsx'
import { FilterBox, passes } from '../widgets/filter-box.tsx'
import { TileCard } from '../widgets/tile-card.tsx'
import { useWidth } from '../widgets/use-width.ts'
import { VirtualRows } from '../widgets/virtual-rows.tsx'
import { Nothing } from './nothing.tsx'
import { TileDetails } from './tile-details.tsx'

type Kind = 'all' | 'circuit' | 'queue'
type Order = 'trouble' | 'rate' | 'name' | 'p99'

const ORDERS: readonly (readonly [Order, string])[] = [
  ['trouble', 'Trouble'],
  ['rate', 'Rate'],
  ['name', 'Name'],
  ['p99', 'p99'],
]
/** Circuits before queues: callers are who is hurt. */
const kindRank = ({ kind }: Tile): number => (kind === 'circuit' ? 0 : 1)
/** By code units: comparing a thousand names as people do takes longer than all the rest. */
const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
const byName = (a: Tile, b: Tile): number => byText(a.topic, b.topic) || byText(a.name, b.name)
const COMPARE: Readonly<Record<Order, (a: Tile, b: Tile) => number>> = {
  trouble: (a, b) =>
    healthRank(a.health) - healthRank(b.health) || kindRank(a) - kindRank(b) || byName(a, b),
  rate: (a, b) => (b.flow.rate ?? -1) - (a.flow.rate ?? -1) || byName(a, b),
  name: byName,
  p99: (a, b) => (b.flow.p99 ?? -1) - (a.flow.p99 ?? -1) || byName(a, b),
}

const TILE_WIDTH = 268
const ROW_HEIGHT = 112

export const CircuitsView = () => {
  const [kind, setKind] = useState<Kind>('all')
  const [order, setOrder] = useState<Order>('trouble')
  const [box, width] = useWidth()
  const now = picture.value
  const text = filter.value
  const tiles = useMemo(
    () =>
      (now?.tiles ?? [])
        .filter((tile) => kind === 'all' || tile.kind === kind)
        .filter(({ topic, name, word }) => passes(topic, name, word))
        .sort(COMPARE[order]),
    [now, kind, order, text],
  )
  if (now === null) return <Nothing />
  const count = (of: Tile['kind']): string =>
    countText(now.tiles.filter((tile) => tile.kind === of).length)
  const fullRates = {
    circuit: fullRateOf(now.tiles.map((tile) => (tile.kind === 'circuit' ? tile.flow.rate : 0))),
    queue: fullRateOf(now.tiles.map((tile) => (tile.kind === 'queue' ? tile.flow.rate : 0))),
  }
  const columns = Math.max(1, Math.floor(width / TILE_WIDTH))
  const chosen = now.tiles.find(({ key }) => key === place.value.item)
  const topic = chosen?.topic
  return (
    <div class={chosen === undefined ? 'view' : 'view has-details'}>
      <div class="view-main">
        <div class="toolbar">
          <FilterBox hint="Filter by topic, requester, state" />
          <Choice
            label="What is shown"
            value={kind}
            onChoose={setKind}
            of={[
              ['all', 'All'],
              ['circuit', `Circuits ${count('circuit')}`],
              ['queue', `Queues ${count('queue')}`],
            ]}
          />
          <Choice label="Order" value={order} onChoose={setOrder} of={ORDERS} />
          <span class="soft legend">
            full glyph: circuit {countText(fullRates.circuit)}/s, queue {countText(fullRates.queue)}
            /s
          </span>
          <CommandLine words={topic === undefined ? ['circuits'] : ['circuits', topic]} />
        </div>
        {now.tilesOmitted > 0 ? (
          <p class="soft">{countText(now.tilesOmitted)} healthy tiles found no room.</p>
        ) : null}
        <div ref={box} class="wall">
          {tiles.length === 0 ? (
            <p class="empty">
              {now.tiles.length === 0
                ? 'Nobody calls and nobody answers yet.'
                : 'Nothing passes the filter.'}
            </p>
          ) : null}
          <VirtualRows count={Math.ceil(tiles.length / columns)} rowHeight={ROW_HEIGHT}>
            {(row) => (
              <div class="wall-row" style={{ gridTemplateColumns: `repeat(${columns}, 1fr)` }}>
                {tiles.slice(row * columns, (row + 1) * columns).map((tile) => (
                  <TileCard
                    key={tile.key}
                    tile={tile}
                    fullRate={fullRates[tile.kind]}
                    isChosen={tile === chosen}
                    onChoose={() => go('circuits', tile === chosen ? '' : tile.key)}
                  />
                ))}
              </div>
            )}
          </VirtualRows>
        </div>
      </div>
      {chosen === undefined ? null : <TileDetails tile={chosen} onClose={() => go('circuits')} />}
    </div>
  )
}
