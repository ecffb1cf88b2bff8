/** What operators look at, one command each: a path of the admin API, and how its answer is told. */
import type { ClientPart, ClusterSnapshot, SessionView } from '../../broker/index.ts'
import { type AdminClient, adminOf } from './admin-client.ts'
import { meant } from './admin-names.ts'
import { AUDIT, SESSIONS, SNAPSHOT, TRACE } from './admin-shapes.ts'
import type { ClientFlags } from './client.ts'
import { roughly } from './duration.ts'
import { Failure, printable, UsageError } from './failure.ts'
import { readSettings } from './settings.ts'
import { type Cell, table } from './table.ts'

/** A page of sessions. */
const PAGE = 500
type SessionPage = { sessions: SessionView[]; next: string | null }

/** Brokers take no more clients than so many; whoever answers on for ever is not followed. */
const MOST_SESSIONS = 100_000

export const circuits = (topic: string | undefined, flags: ClientFlags): Promise<void> =>
  look(flags, async (admin) => {
    const snapshot = await admin.get('/v1/snapshot', SNAPSHOT)
    const only = topic === undefined ? undefined : meant('topic', topic, snapshot)
    const rows = snapshot.clients.flatMap((client) =>
      client.topics
        .filter((called) => only === undefined || called.topic === only)
        .map((called) => circuitOf(client, called)),
    )
    rows.sort((a, b) => b.isTrouble - a.isTrouble || compare(a.topic, b.topic))
    const circuits = rows.map(({ isTrouble: _, ...row }) => row)
    const forces = snapshot.forces.filter((force) => only === undefined || force.topic === only)
    if (flags.json) return json({ circuits, forces })
    return [
      forcesText(forces, snapshot.at),
      circuits.length === 0
        ? 'no circuits: nobody calls a topic\n'
        : told(
            ['TOPIC', 'REQUESTER', 'IDC', 'CIRCUIT', 'FORCED', 'ISOLATED', 'OPEN CALLS', 'WHY'],
            circuits.map((row) => [
              ...[row.topic, row.requester, row.idc, row.state, row.forced ?? '-'],
              ...[row.isolated, row.open, row.why],
            ]),
          ),
    ].join('')
  })

const circuitOf = (client: ClientPart, called: ClientPart['topics'][number]) => {
  const { state, forced } = called.circuit
  const isolated = called.routes.filter(({ isolation }) => isolation !== 'closed').length
  const why = forced?.reason ?? called.routes.find((route) => route.forced)?.forced?.reason ?? ''
  return {
    ...{ topic: called.topic, requester: client.name, instance: client.instance, idc: client.idc },
    state,
    forced: forced === undefined ? null : `${forced.to} for ${roughly(forced.leftMs)}`,
    ...{ isolated, queues: called.queues, open: called.open, why },
    isTrouble:
      (state === 'closed' ? 0 : 4) + (forced === undefined ? 0 : 2) + (isolated > 0 ? 1 : 0),
  }
}

const forcesText = (forces: ClusterSnapshot['forces'], now: number): string =>
  forces
    .map(({ topic, what, to, instance, idc, by, reason, until }) => {
      const whose = [instance === null ? '' : ` of ${instance}`, idc === null ? '' : ` in ${idc}`]
      const leftMs = roughly(Math.max(0, until - now))
      const words = `${what} of ${topic}${whose.join('')} forced ${to} by ${by} for ${leftMs}: ${reason}`
      return `${printable(words)}\n`
    })
    .join('')

export const idcs = (flags: ClientFlags): Promise<void> =>
  look(flags, async (admin) => {
    const { brokers, clients, forces } = await admin.get('/v1/snapshot', SNAPSHOT)
    const present = clients.filter(({ state }) => state !== 'gone')
    const names = [...new Set([...brokers, ...present].map(({ idc }) => idc))].sort()
    const rows = names.map((idc) => {
      const there = brokers.filter((broker) => broker.idc === idc)
      const those = present.filter((client) => client.idc === idc)
      const sent = new Map<string, number>()
      for (const { sentTo } of those.flatMap(({ topics }) => topics)) {
        for (const [to, count] of Object.entries(sentTo)) {
          sent.set(to, (sent.get(to) ?? 0) + count)
        }
      }
      const queues = brokers
        .flatMap(({ view }) => view?.topics ?? [])
        .flatMap((topic) => topic.queues)
        .filter(({ ownerIdc }) => ownerIdc === idc).length
      const isolated = forces.filter((force) => force.idc === idc && force.to === 'open')
      return {
        ...{
          idc,
          brokers: there.length,
          open: there.filter(({ state }) => state === 'open').length,
        },
        ...{ clients: those.length, queues, sentTo: Object.fromEntries(sent) },
        away: those.filter(({ topics }) => topics.some(({ isAway }) => isAway)).length,
        isolated: isolated.map(({ topic, by, reason }) => ({ topic, by, reason })),
      }
    })
    if (flags.json) return json({ idcs: rows })
    return told(
      [
        'IDC',
        'BROKERS',
        'OPEN',
        'CLIENTS',
        'AWAY',
        'QUEUES',
        'CALLS AT HOME',
        'ELSEWHERE',
        'ISOLATED',
      ],
      rows.map(({ idc, sentTo, isolated, ...row }) => {
        const all = Object.values(sentTo).reduce((sum, count) => sum + count, 0)
        const home = Object.hasOwn(sentTo, idc) ? sentTo[idc]! : 0
        const words = isolated.map(({ topic, by, reason }) => `${topic} by ${by}: ${reason}`)
        return [
          ...[idc, row.brokers, row.open, row.clients, row.away, row.queues, home, all - home],
          words.join('; '),
        ]
      }),
    )
  })

export const sessions = (flags: ClientFlags): Promise<void> =>
  look(flags, async (admin) => {
    const all = await allSessions(admin)
    if (flags.json) return json({ sessions: all })
    if (all.length === 0) return 'no sessions: no client is linked\n'
    return told(
      ['NAME', 'INSTANCE', 'IDC', 'STATE', 'FOR', 'CALLS', 'UNSENT', 'WATCHES', 'ANSWERS', 'FROM'],
      all.map((one) => [
        ...[one.name, one.instance, one.idc, one.state, roughly(one.forMs), one.calls],
        ...[one.unsentBytes, one.watches, one.answers, one.address],
      ]),
    )
  })

const allSessions = async (admin: AdminClient): Promise<SessionView[]> => {
  const all: SessionView[] = []
  let after: string | null = ''
  while (after !== null && all.length < MOST_SESSIONS) {
    const query = new URLSearchParams({ limit: `${PAGE}`, ...(after === '' ? {} : { after }) })
    const page: SessionPage = await admin.get(`/v1/sessions?${query}`, SESSIONS)
    all.push(...page.sessions)
    // Whoever gives the same page again is not asked for ever.
    after = page.sessions.length === 0 ? null : page.next
  }
  return all
}

export const trace = (id: string, flags: ClientFlags): Promise<void> =>
  look(flags, async (admin) => {
    if (!/^[\x21-\x7e]{1,200}$/.test(id)) {
      throw new UsageError(`a correlation id has 1 to 200 characters and no blanks; got "${id}"`)
    }
    const found = await admin.get(`/v1/trace/${encodeURIComponent(id)}`, TRACE)
    if (!found.isKnown) {
      throw new Failure(`nobody remembers a call ${id}: it never was, or is forgotten`, {
        facts: { code: 'not_found', silent: found.silent },
        remedy: 'Only the last calls are remembered; a handler finds the id in ctx.correlationId.',
      })
    }
    if (flags.json) return json(found)
    const began = found.events[0]?.at ?? 0
    const rows = found.events.map((event): Cell[] => [
      ...[clockOf(event.at), `+${Math.round(event.at - began)}ms`, event.role, event.nodeName],
      ...[event.what, event.attempt, detailOf(event)],
    ])
    const silent = found.silent.map(({ node, why }) => `silent: ${printable(`${node}: ${why}`)}\n`)
    return told(['TIME', 'AFTER', 'ROLE', 'WHO', 'WHAT', 'ATTEMPT', ''], rows) + silent.join('')
  })

const detailOf = (event: { queue?: number; instance?: string; reason?: string; topic?: string }) =>
  [
    event.topic ?? '',
    event.queue === undefined ? '' : `queue ${event.queue}`,
    event.instance === undefined ? '' : `instance ${event.instance}`,
    event.reason ?? '',
  ]
    .filter((text) => text !== '')
    .join(', ')

export const audit = (flags: ClientFlags): Promise<void> =>
  look(flags, async (admin) => {
    const { entries } = await admin.get('/v1/audit', AUDIT)
    if (flags.json) return json({ entries })
    if (entries.length === 0) return 'nobody has done anything yet\n'
    return told(
      ['AT', 'WHO', 'DID', 'TO', 'OUTCOME', 'REASON'],
      entries.map(({ at, who, action, target, reason, outcome, error }) => [
        ...[new Date(at).toISOString(), who, action, target],
        ...[error === null ? outcome : `${outcome}: ${error}`, reason],
      ]),
    )
  })

/** Asks, and prints what is to be told. */
const look = async (
  flags: ClientFlags,
  telling: (admin: AdminClient) => Promise<string>,
): Promise<void> => {
  const admin = adminOf(readSettings(flags))
  try {
    process.stdout.write(await telling(admin))
  } finally {
    admin.close()
  }
}

const json = (answer: object): string => `${JSON.stringify({ ok: true, ...answer })}\n`

/** A table of names that came over a wire: none of them may steer a terminal. */
const told = (heads: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  table(
    heads,
    rows.map((row) => row.map((cell) => (typeof cell === 'string' ? printable(cell) : cell))),
  )

/** Of the day, in UTC as in the log. */
const clockOf = (at: number): string => new Date(at).toISOString().slice(11, 23)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
