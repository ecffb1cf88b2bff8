/** What a story shows of all state at one instant. */
import type { Settlement, VirtualCall } from '../world/calls.ts'
import { TOPIC } from '../world/client-node.ts'
import type { Cast, ClientPart } from './cast.ts'
import { type Names, nameOf } from './names.ts'
import type { Table } from './script.ts'

/** A call of the story, and who asked. */
export interface Asked {
  readonly by: ClientPart
  readonly call: VirtualCall
}

export const tableOf = (
  table: Table,
  cast: Cast,
  names: Names,
  asked: Iterable<Asked>,
): string[] => {
  if (table === 'queues') return queuesOf(cast, names)
  if (table === 'links') return linksOf(cast, names)
  return [...asked].map((one) => callOf(cast, names, one))
}

const queuesOf = (cast: Cast, names: Names): string[] =>
  cast.brokers.flatMap((broker) => {
    const who = nameOf(broker, broker.life)
    if (!broker.node.isAlive) return [`${who}: gone`]
    const topic = broker.node.view().topics.find((one) => one.topic === TOPIC)
    const queues = (topic?.queues ?? []).map(
      ({ queue, epoch, state, owner, waiting, unanswered }) =>
        `${who}: queue ${queue} epoch ${epoch} of ${names.instance(owner)}, ${state}, ` +
        `${waiting} waiting, ${unanswered} unanswered`,
    )
    return queues.length === 0 ? [`${who}: no queues`] : queues
  })

const linksOf = (cast: Cast, names: Names): string[] =>
  cast.clients.map((client) => {
    const who = nameOf(client, client.life)
    if (!client.node.isAlive) return `${who}: gone`
    const links = client.node.links.map(({ url, state }) => `${names.broker(url)} ${state}`)
    return `${who}: ${links.join(', ')}`
  })

const callOf = (cast: Cast, names: Names, { by, call }: Asked): string => {
  const runs = runsOf(cast, { by, call }).map(({ instance }) => names.instance(instance))
  const ran = runs.length === 0 ? 'never ran' : `ran at ${runs.join(' and ')}`
  const [settlement] = call.settlements
  return `"${call.body}": ${settlement === undefined ? 'open' : endOf(settlement)}; ${ran}`
}

const endOf = (settlement: Settlement): string =>
  settlement.kind === 'reply' ? 'answered' : `${settlement.error.code}, ${settlement.error.outcome}`

/** How often a call was begun, and where, by the ledger. */
export const runsOf = (cast: Cast, { by, call }: Asked) =>
  call.future === undefined ? [] : cast.world.ledger.of(by.node.idOf(call))

/** Many calls in a sentence: how they ended, and where they ran. */
export const sumOf = (cast: Cast, names: Names, asked: readonly Asked[]): string => {
  const ends = countsOf(asked.map(({ call }) => (call.end === 'reply' ? 'answered' : call.end)))
  const ran = asked.flatMap((one) => runsOf(cast, one))
  const places = countsOf(ran.map(({ instance }) => `at ${shortOf(names.instance(instance))}`))
  const took = asked.map(({ call }) => call.tookMs)
  const times = `after ${Math.min(...took)} to ${Math.max(...took)} ms`
  return `${asked.length} calls: ${ends}, ${times}${places === '' ? '' : `; ran ${places}`}`
}

/** `responder sz-1 (life 2)` is `sz-1`. */
const shortOf = (name: string): string => name.replaceAll(/^responder | \(life \d+\)$/g, '')

/** Each word once, in the order of the alphabet, and how often it came. */
const countsOf = (words: readonly string[]): string => {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([word, count]) => `${count} ${word}`).join(', ')
}
