/**
 * What `finbus top` shows of a snapshot: rows with what is the matter with each. Rates are of the time
 * since an earlier snapshot; without one they are not known.
 */
import type { BrokerPart, ClientPart, ClusterSnapshot } from '../../broker/index.ts'
import { Calls, callsSince } from './top-calls.ts'

export interface TopRow {
  cells: readonly (string | number | undefined)[]
  /** What to sort by besides. */
  name: string
  rate: number | undefined
  /** The higher the worse; 0: nothing is the matter. */
  trouble: number
  why: string
}

export interface TopModel {
  brokers: readonly TopRow[]
  topics: readonly TopRow[]
  queues: readonly TopRow[]
  requesters: readonly TopRow[]
  /** Of all calls that settled. */
  calls: Calls
}

type Called = ClientPart['topics'][number]

/** Above these somebody should look. */
const DEEP = 0.7
const FAILING = 0.01
/** How bad each is; several add up. */
const BAD = {
  dead: 1_000,
  open: 500,
  forced: 400,
  failing: 300,
  isolated: 200,
  full: 200,
  away: 50,
}

export const modelOf = (
  snapshot: ClusterSnapshot,
  earlier: ClusterSnapshot | undefined,
): TopModel => {
  const before = new Map(earlier?.clients.map((client) => [client.instance, client]))
  const seconds = earlier === undefined ? 0 : (snapshot.at - earlier.at) / 1_000
  const byTopic = new Map<string, Calls>()
  const all = new Calls(seconds)
  const requesters: TopRow[] = []
  for (const client of snapshot.clients) {
    const own = new Calls(seconds)
    const past = before.get(client.instance)
    for (const called of client.topics) {
      const former = past?.topics.find(({ topic }) => topic === called.topic)
      const since = callsSince(called, former, past !== undefined)
      const calls = byTopic.get(called.topic) ?? new Calls(seconds)
      byTopic.set(called.topic, calls)
      for (const sum of [own, calls, all]) sum.add(since)
    }
    if (client.state !== 'gone' && client.topics.length > 0) {
      requesters.push(requesterRow(client, own))
    }
  }
  return {
    brokers: snapshot.brokers.map((broker) => brokerRow(broker, earlier, seconds)),
    topics: topicRows(snapshot, byTopic, seconds),
    queues: queueRows(snapshot, earlier, seconds),
    requesters,
    calls: all,
  }
}

const brokerRow = (
  broker: BrokerPart,
  earlier: ClusterSnapshot | undefined,
  seconds: number,
): TopRow => {
  const { id, idc, state, view, error, ageMs } = broker
  const queues = view?.topics.flatMap((topic) => topic.queues) ?? []
  const past = earlier?.brokers.find((one) => one.id === id)?.view
  const rate = rateOf(
    endsOf(queues),
    past?.topics.flatMap((topic) => topic.queues),
    seconds,
  )
  const troubles = new Troubles()
  if (state === 'unknown') troubles.add(BAD.dead, `no answer${error === null ? '' : `: ${error}`}`)
  else if (state !== 'open') troubles.add(BAD.forced, state)
  const old = state === 'unknown' && ageMs !== null ? `${Math.round(ageMs / 1_000)}s ago` : state
  return {
    cells: [
      ...[
        id,
        idc,
        old,
        view?.sessions,
        view?.topics.length,
        view === null ? undefined : queues.length,
      ],
      ...[sum(queues, ({ waiting }) => waiting), sum(queues, ({ unanswered }) => unanswered), rate],
    ],
    ...{ name: id, rate, trouble: troubles.sum, why: troubles.text },
  }
}

const topicRows = (
  { brokers, clients }: ClusterSnapshot,
  byTopic: ReadonlyMap<string, Calls>,
  seconds: number,
): TopRow[] => {
  const views = brokers.flatMap(({ view }) => view?.topics ?? [])
  const names = new Set([...views.map(({ topic }) => topic), ...byTopic.keys()])
  return [...names].map((name) => {
    const there = views.filter(({ topic }) => topic === name)
    const queues = there.flatMap((topic) => topic.queues)
    const called = clients.flatMap(({ state, topics }) =>
      state === 'gone' ? [] : topics.filter(({ topic }) => topic === name),
    )
    const calls = byTopic.get(name) ?? new Calls(seconds)
    const writable = queues.filter(({ state }) => state === 'writable').length
    const waiting = sum(queues, (queue) => queue.waiting)
    const troubles = new Troubles()
    if (queues.length === 0 && called.length > 0) troubles.add(BAD.dead, 'nobody answers')
    else if (writable === 0 && called.length > 0) troubles.add(BAD.open, 'no queue takes requests')
    noteCircuits(troubles, called)
    noteCalls(troubles, calls)
    const deepest = Math.max(0, ...there.map((topic) => fullest(topic)))
    if (deepest >= DEEP) troubles.add(BAD.full, `a queue is ${percent(deepest)} full`)
    const held = sum(there, (topic) => topic.held.length)
    if (held > 0) troubles.add(BAD.away, `${held} held`)
    const group = there.find((topic) => topic.group !== '')?.group ?? called[0]?.group ?? ''
    return {
      cells: [
        ...[name, group || '-', worstCircuit(called), `${writable}/${queues.length}`, waiting],
        ...[sum(queues, ({ unanswered }) => unanswered), calls.rate, calls.okText, calls.p99Ms],
      ],
      ...{ name, rate: calls.rate, trouble: troubles.sum, why: troubles.text },
    }
  })
}

const queueRows = (
  { brokers, clients }: ClusterSnapshot,
  earlier: ClusterSnapshot | undefined,
  seconds: number,
): TopRow[] => {
  const isolatedBy = new Map<string, number>()
  for (const { topics } of clients) {
    for (const { topic, routes } of topics) {
      for (const { broker, queue, isolation } of routes) {
        const key = `${broker} ${topic} ${queue}`
        if (isolation !== 'closed') isolatedBy.set(key, (isolatedBy.get(key) ?? 0) + 1)
      }
    }
  }
  return brokers.flatMap((broker) => {
    const past = earlier?.brokers.find(({ id }) => id === broker.id)?.view
    return (broker.view?.topics ?? []).flatMap((topic) => {
      const before = past?.topics.find((one) => one.topic === topic.topic)?.queues
      return topic.queues.map((queue): TopRow => {
        const former = before?.find((one) => one.queue === queue.queue)
        const rate = rateOf(endsOf([queue]), former && [former], seconds)
        const full = (queue.waiting + queue.unanswered) / topic.maxDepth
        const isolated = isolatedBy.get(`${broker.id} ${topic.topic} ${queue.queue}`) ?? 0
        const troubles = new Troubles()
        if (queue.state !== 'writable') troubles.add(BAD.full, queue.state)
        if (isolated > 0) troubles.add(BAD.isolated, `left alone by ${isolated}`)
        if (full >= DEEP) troubles.add(BAD.full, `${percent(full)} full`)
        return {
          cells: [
            ...[
              topic.topic,
              queue.queue,
              broker.id,
              queue.ownerName || queue.owner,
              queue.ownerIdc,
            ],
            ...[queue.state, queue.waiting, queue.unanswered, rate, queue.waitedMs],
          ],
          ...{ name: `${topic.topic} ${broker.id} ${queue.queue}`, rate },
          ...{ trouble: troubles.sum, why: troubles.text },
        }
      })
    })
  })
}

const requesterRow = (client: ClientPart, calls: Calls): TopRow => {
  const { name, idc, state, links, topics, inFlight, broker } = client
  const up = links.filter((link) => link.state === 'up').length
  const troubles = new Troubles()
  if (state === 'lost') troubles.add(BAD.open, 'its link is lost')
  noteCircuits(troubles, topics)
  noteCalls(troubles, calls)
  const away = topics.filter(({ isAway }) => isAway).length
  if (away > 0) troubles.add(BAD.away, `${away} ${away === 1 ? 'topic' : 'topics'} away from home`)
  if (up < links.length) troubles.add(BAD.away, `${links.length - up} links down`)
  return {
    cells: [
      ...[name, idc, state, `${up}/${links.length}`, topics.length, inFlight],
      ...[calls.rate, calls.okText, calls.p99Ms, broker],
    ],
    ...{ name, rate: calls.rate, trouble: troubles.sum, why: troubles.text },
  }
}

class Troubles {
  sum = 0
  readonly #words: string[] = []

  get text(): string {
    return this.#words.join('; ')
  }

  add(weight: number, words: string): void {
    this.sum += weight
    this.#words.push(words)
  }
}

const noteCircuits = (troubles: Troubles, called: readonly Called[]): void => {
  const of = ` of ${called.length}`
  const forced = called.filter(({ circuit }) => circuit.forced !== undefined)
  const open = called.filter(({ circuit }) => circuit.state !== 'closed')
  if (forced.length > 0) {
    const { to, reason } = forced[0]!.circuit.forced!
    troubles.add(BAD.forced, `circuit forced ${to} at ${forced.length}${of}: ${reason}`)
  } else if (open.length > 0) {
    const states = open.some(({ circuit }) => circuit.state === 'open') ? 'open' : 'half-open'
    troubles.add(BAD.open, `circuit ${states} at ${open.length}${of}`)
  }
  const isolated = sum(
    called,
    ({ routes }) => routes.filter(({ isolation }) => isolation !== 'closed').length,
  )
  if (isolated > 0) {
    const word = called
      .flatMap(({ routes }) => routes)
      .find((route) => route.forced !== undefined)?.forced
    const why = word === undefined ? '' : `: ${word.reason}`
    troubles.add(
      BAD.isolated,
      `${isolated} ${isolated === 1 ? 'queue' : 'queues'} left alone${why}`,
    )
  }
}

const noteCalls = (troubles: Troubles, calls: Calls): void => {
  if (calls.failedShare < FAILING) return
  troubles.add(BAD.failing, `${percent(calls.failedShare)} fail: ${calls.worstEnd}`)
}

const worstCircuit = (called: readonly Called[]): string => {
  if (called.length === 0) return '-'
  const states = new Set(called.map(({ circuit }) => circuit.state))
  return states.has('open') ? 'open' : states.has('half-open') ? 'half-open' : 'closed'
}

type Queue = NonNullable<BrokerPart['view']>['topics'][number]['queues'][number]

const fullest = (topic: { maxDepth: number; queues: readonly Queue[] }): number =>
  Math.max(
    0,
    ...topic.queues.map(({ waiting, unanswered }) => (waiting + unanswered) / topic.maxDepth),
  )

const endsOf = (queues: readonly Queue[]): number =>
  sum(queues, ({ ends }) => sum(Object.values(ends), (count) => count))

/** Undefined where there is nothing to compare with. A broker that was restarted counts from 0 again. */
const rateOf = (
  now: number,
  before: readonly Queue[] | undefined,
  seconds: number,
): number | undefined =>
  before === undefined || seconds <= 0 ? undefined : Math.max(0, now - endsOf(before)) / seconds

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

const percent = (share: number): string => `${Math.round(share * 1_000) / 10}%`
