/** The map of data centres: what stands where, and who calls whom. */
import type { BrokerPart, ClientPart, ClusterSnapshot, StandingForce } from '../../admin/api.ts'
import type { Meters } from './meters.ts'

export interface IdcBox {
  idc: string
  brokers: readonly BrokerPart[]
  /** Linked ones, and those whose link is lost. */
  clients: number
  lost: number
  /** Of the attempts sent from here, those that stayed; null while nothing is known or sent. */
  localShare: number | null
  /** Attempts a second sent from here. */
  rate: number | null
  /** An operator told clients to leave its responders alone. */
  isolated: readonly StandingForce[]
  /** Requesters here whose calls have left: `name → topic`. */
  away: readonly string[]
  /** Topics whose queues here are owned from elsewhere. */
  listening: readonly { topic: string; from: string }[]
}

export interface IdcFlow {
  from: string
  to: string
  /** Attempts a second; null is unknown. */
  rate: number | null
  /** Median round trip of the links between them. */
  rttMs: number | null
}

export interface IdcMap {
  boxes: readonly IdcBox[]
  flows: readonly IdcFlow[]
}

export const idcMap = (snapshot: ClusterSnapshot, meters: Meters): IdcMap => {
  // Who is gone stands nowhere.
  const clients = snapshot.clients.filter(({ state }) => state !== 'gone')
  const up = clients.filter(({ state }) => state === 'up')
  const rates = ratesOf(up, meters)
  const names = new Set([
    ...snapshot.brokers.map(({ idc }) => idc),
    ...clients.map(({ idc }) => idc),
    ...[...rates.values()].flatMap(({ from, to }) => [from, to]),
  ])
  const rtts = roundTrips(up)
  const flows = [...names].flatMap((from) =>
    [...names].flatMap((to): IdcFlow[] => {
      const rate = rates.get(pair(from, to))?.rate
      const rttMs = rtts.get(pair(from, to)) ?? null
      return rate === undefined && rttMs === null ? [] : [{ from, to, rate: rate ?? 0, rttMs }]
    }),
  )
  const boxes = [...names].sort().map((idc) => boxOf(idc, { ...snapshot, clients }, rates))
  return { boxes, flows }
}

type Rates = Map<string, { from: string; to: string; rate: number | null }>

/** No IDC's name has a blank in it. */
const pair = (from: string, to: string): string => `${from} ${to}`

const ratesOf = (clients: readonly ClientPart[], meters: Meters): Rates => {
  const rates: Rates = new Map()
  for (const { idc: from, instance, topics } of clients) {
    for (const { topic, sentTo } of topics) {
      for (const to of Object.keys(sentTo)) {
        const known = rates.get(pair(from, to)) ?? { from, to, rate: null }
        const rate = meters.sent(instance, topic, to)
        if (rate !== undefined) known.rate = (known.rate ?? 0) + rate
        rates.set(pair(from, to), known)
      }
    }
  }
  return rates
}

const roundTrips = (clients: readonly ClientPart[]): Map<string, number> => {
  const all = new Map<string, number[]>()
  for (const { idc, links } of clients) {
    for (const link of links) {
      if (link.state !== 'up' || link.rttMs === undefined) continue
      const of = all.get(pair(idc, link.idc))
      if (of === undefined) all.set(pair(idc, link.idc), [link.rttMs])
      else of.push(link.rttMs)
    }
  }
  return new Map(
    [...all].map(([key, values]) => [
      key,
      values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!,
    ]),
  )
}

const boxOf = (idc: string, snapshot: ClusterSnapshot, rates: Rates): IdcBox => {
  const out = [...rates.values()].filter(({ from, rate }) => from === idc && rate !== null)
  const rate = out.length === 0 ? null : out.reduce((sum, flow) => sum + flow.rate!, 0)
  const local = out.find(({ to }) => to === idc)?.rate ?? 0
  const here = snapshot.clients.filter((client) => client.idc === idc)
  const brokers = snapshot.brokers.filter((broker) => broker.idc === idc)
  const listening = new Map<string, { topic: string; from: string }>()
  for (const { topic, queues } of brokers.flatMap(({ view }) => view?.topics ?? [])) {
    for (const { ownerIdc } of queues) {
      if (ownerIdc === '' || ownerIdc === idc) continue
      listening.set(`${topic} ${ownerIdc}`, { topic, from: ownerIdc })
    }
  }
  return {
    idc,
    brokers,
    clients: here.filter(({ state }) => state === 'up').length,
    lost: here.filter(({ state }) => state !== 'up').length,
    rate,
    localShare: rate === null || rate <= 0 ? null : local / rate,
    isolated: snapshot.forces.filter(
      (force) => force.idc === idc && force.what === 'queues' && force.to === 'open',
    ),
    away: [
      ...new Set(
        here.flatMap(({ name, topics }) =>
          topics.flatMap(({ topic, isAway }) => (isAway ? [`${name} → ${topic}`] : [])),
        ),
      ),
    ],
    listening: [...listening.values()],
  }
}
