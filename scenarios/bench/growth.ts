/** What a request costs as topics, idle sessions and open calls grow: it should not notice. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadResult } from './load.ts'
import { whyNotSessions } from './machine.ts'
import { type Child, forkPart } from './processes.ts'
import type { Run } from './run.ts'
import { markdown, number, ratio, whole } from './table.ts'
import { openWorld, type World } from './world.ts'

/** The load is always the same: 8 calls open in each of 8 clients. */
const CLIENTS = 8
const SHAPE = { concurrency: 64, size: 128 }
const REACH = 1.3
/** Two windows a row: each is shorter. */
const WINDOW = 0.75
const PER_CROWD = 2_500
const DEEP = { maxDepth: 100_000, maxDepthBytes: 2 ** 30 }

export interface GrowthRow {
  what: string
  count: number
  /** Time to get from the row before to this one. */
  prepareMs: number
  load: LoadResult
  /** The same load just after, where nothing had grown: what the machine was good for then. */
  plain: LoadResult
}

/** One thing that grows. */
interface Growth {
  what: string
  /** A guess, for the budget only. */
  perThousandMs: number
  whyNot?(count: number): string | null
  /** Adds what is missing from `before` up to `count`. */
  grow(world: World, before: number, count: number): Promise<void>
}

export async function measureGrowth(run: Run): Promise<GrowthRow[]> {
  const rows: GrowthRow[] = []
  if (!run.settings.only.includes('growth')) return rows
  await run.section('growth', async () => {
    const plain = await openLoaded(run, 'growth: the world that stays')
    for (const growth of [topics(), idleSessions(run), openCalls(run, false), openCalls(run, true)])
      await run.section(growth.what, () => follow(run, growth, plain, rows))
  })
  return rows
}

async function openLoaded(run: Run, what: string): Promise<World> {
  const world = await openWorld(run.crew, DEEP)
  await world.open(CLIENTS)
  await run.warmUp(what, world, SHAPE)
  return world
}

async function follow(run: Run, growth: Growth, plain: World, rows: GrowthRow[]): Promise<void> {
  if (!run.hasTimeFor(`all of ${growth.what}`, 2_000)) return
  const world = await openLoaded(run, growth.what)
  const seconds = run.settings.seconds * WINDOW
  let before = 0
  for (const count of run.steps) {
    const what = `${whole(count)} ${growth.what}`
    const obstacle = growth.whyNot?.(count) ?? null
    if (obstacle !== null) {
      run.skip(what, obstacle)
      continue
    }
    if (!run.hasTimeFor(what, ((count - before) / 1_000) * growth.perThousandMs)) continue
    const began = performance.now()
    await growth.grow(world, before, count)
    before = count
    const prepareMs = performance.now() - began
    const row = {
      what: growth.what,
      count,
      prepareMs,
      load: await run.measure(what, world, SHAPE, seconds),
      plain: await run.measure(`${what} (beside it)`, plain, SHAPE, seconds),
    }
    rows.push(row)
    run.log(`${what}: ${number(costOf(row.load))} µs, beside it ${number(costOf(row.plain))} µs`)
  }
}

/** One responder answers them all; every client calls every one of them. */
function topics(): Growth {
  return {
    what: 'topics',
    perThousandMs: 1_000,
    grow: async ({ responder, requester }, before, count) => {
      await responder.ask('answerMany', { from: before, to: count })
      await requester.ask('spread', { topics: count })
    },
  }
}

/** Other clients that are connected and quiet. */
function idleSessions(run: Run): Growth {
  const crowds: Child<'crowd'>[] = []
  return {
    what: 'idle sessions',
    perThousandMs: 1_500,
    whyNot: whyNotSessions,
    grow: async ({ url }, before, count) => {
      await joinCrowd(run, crowds, url, before, count)
      await sleep(run.settings.quick ? 200 : 1_000)
    },
  }
}

/** Brings the crowd from `before` to `count` clients, over as many processes as that takes. */
export async function joinCrowd(
  run: Run,
  crowds: Child<'crowd'>[],
  url: string,
  before: number,
  count: number,
): Promise<void> {
  for (let have = before; have < count; ) {
    const index = Math.floor(have / PER_CROWD)
    crowds[index] ??= forkPart(run.crew, 'crowd')
    const clients = Math.min(count, (index + 1) * PER_CROWD) - have
    await crowds[index].ask('join', { url, clients })
    have += clients
  }
}

/**
 * Calls that wait in a handler. Held by the clients under load themselves, they also keep those
 * clients' floors where they are, which is the harder case.
 */
function openCalls(run: Run, own: boolean): Growth {
  let holder: Child<'requester'> | undefined
  return {
    what: own ? 'open calls of the same clients' : 'open calls of another client',
    perThousandMs: 300,
    grow: async (world, before, count) => {
      if (holder === undefined) {
        holder = own ? world.requester : forkPart(run.crew, 'requester')
        if (!own) await holder.ask('open', { url: world.url, clients: 1 })
        await world.responder.ask('answerLate', { concurrency: Math.max(...run.steps) })
      }
      await holder.ask('park', { calls: count - before, size: 16 })
      const waiting = await settled(() => world.responder.ask('waiting'), count)
      if (waiting === count) return
      const { failed } = await holder.ask('parked')
      throw new Error(`${waiting} of ${count} calls are open; failed: ${JSON.stringify(failed)}`)
    },
  }
}

/** Reads a number until it is the wanted one, or has not moved for two seconds. */
export async function settled(read: () => Promise<number>, wanted: number): Promise<number> {
  let last = await read()
  for (let still = 0; last !== wanted && still < 40; still++) {
    await sleep(50)
    const next = await read()
    if (next !== last) still = 0
    last = next
  }
  return last
}

/** CPU µs of one request. */
const costOf = (load: LoadResult): number | null => load.cpuPerMillion

/** The cost in units of what the unchanged world cost at the same time. */
function relativeCost({ load, plain }: GrowthRow): number | null {
  return load.cpuPerMillion && plain.cpuPerMillion && load.cpuPerMillion / plain.cpuPerMillion
}

export function growthTable(rows: readonly GrowthRow[]): string {
  const cells = rows.map((row) => {
    const base = rows.find(({ what, count }) => what === row.what && count === 10) ?? row
    return [
      row.what,
      whole(row.count),
      number(costOf(row.load)),
      ratio(costOf(row.load), costOf(base.load)),
      number(costOf(row.plain)),
      ratio(relativeCost(row), relativeCost(base)),
      whole(row.load.rate),
      ratio(row.load.rate, base.load.rate),
      number(row.load.p50),
      number(row.load.p99),
      whole(row.prepareMs),
    ]
  })
  const head = [
    'growing',
    'count',
    'CPU µs',
    '÷ 10',
    'beside',
    '÷ 10 calm',
    'req/s',
    '÷ 10',
    'p50 µs',
    'p99 µs',
    'set-up ms',
  ]
  return [
    '## Growth\n',
    `Always ${SHAPE.concurrency} calls of ${SHAPE.size} B at once from the same ${CLIENTS} clients. CPU µs: per request, over`,
    `broker, responder and requester. Reach: within ${REACH}× of the row of 10. Beside: the same load`,
    'right after each row in a world where nothing grew; calm is the ratio with the changes of the',
    'machine in between taken out.\n',
    markdown(head, cells),
  ].join('\n')
}
