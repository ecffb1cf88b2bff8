/** What an on-call person must see first: the sick services by name, then sick nodes. */
import type { ClusterSnapshot } from '../../admin/api.ts'
import { hashOf } from './place.ts'
import { isBrokerGrey } from './queue-row.ts'
import type { Tile } from './tile.ts'
import type { TopicRow } from './topic-row.ts'
import { ageText, plural, shareText } from './words.ts'

export interface Trouble {
  key: string
  level: 'sick' | 'watch' | 'unknown'
  /** A topic, a broker, an IDC. */
  what: string
  why: string
  /** The view that tells more, as a hash of the page. */
  to: string
}

export const troublesOf = (
  snapshot: ClusterSnapshot,
  tiles: readonly Tile[],
  topics: readonly TopicRow[],
): Trouble[] => [
  ...sickTopics(tiles, topics),
  ...snapshot.brokers.flatMap((broker): Trouble[] => {
    const { id, ageMs, error, state } = broker
    const told = { key: `broker ${id}`, what: id, to: '#/queues' }
    if (isBrokerGrey(broker)) {
      const since = ageMs === null ? 'never heard' : `silent for ${ageText(ageMs)}`
      return [{ ...told, level: 'unknown', why: error === null ? since : `${since}: ${error}` }]
    }
    return state === 'open' ? [] : [{ ...told, level: 'watch', why: state }]
  }),
  ...snapshot.forces.flatMap(({ id, idc, topic, to, what, by }): Trouble[] => {
    const isIdc = idc !== null && to === 'open'
    const why = isIdc
      ? `isolated by ${by}${topic === '*' ? '' : ` for ${topic}`}`
      : `${what === 'circuit' ? 'circuit' : 'queues'} forced ${to} by ${by}`
    const name = isIdc ? `IDC ${idc}` : topic === '*' ? 'every topic' : topic
    return [
      { key: `force ${id}`, level: 'watch', what: name, why, to: isIdc ? '#/idcs' : '#/circuits' },
    ]
  }),
]

const sickTopics = (tiles: readonly Tile[], topics: readonly TopicRow[]): Trouble[] => {
  const sick = new Map<string, Tile[]>()
  for (const tile of tiles) {
    if (tile.health !== 'sick') continue
    const of = sick.get(tile.topic)
    if (of === undefined) sick.set(tile.topic, [tile])
    else of.push(tile)
  }
  const lonely = topics.filter(({ hasNoConsumer, topic }) => hasNoConsumer && !sick.has(topic))
  return [
    ...[...sick].map(([topic, of]): Trouble => {
      const callers = of.filter(({ kind }) => kind === 'circuit')
      const worst = callers[0] ?? of[0]!
      const where = callers.length > 1 ? plural(callers.length, 'caller') : worst.name
      const { kind, word, why, flow, key } = worst
      const isSteady = word === 'closed' || word === 'writable'
      const told = [
        ...(isSteady ? [] : [`${kind} ${word}`]),
        ...((flow.sickShare ?? 0) > 0 ? [`${shareText(flow.sickShare)} fail`] : []),
      ]
      const first = `${told.join(' · ')}${told.length === 0 ? '' : ' '}at ${where}`
      const whys = why === '' ? first : `${first} · ${why}`
      return {
        ...{ key: `topic ${topic}`, level: 'sick', what: topic, why: whys },
        to: hashOf('circuits', key),
      }
    }),
    ...lonely.map(({ topic, watchers }): Trouble => {
      const wanting = watchers > 0 ? `, wanted by ${plural(watchers, 'client')}` : ''
      const to = hashOf('queues', topic)
      return { key: `topic ${topic}`, level: 'sick', what: topic, why: `no consumer${wanting}`, to }
    }),
  ]
}
