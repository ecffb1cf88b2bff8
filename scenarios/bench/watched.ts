/** What it costs to be looked at: the same load, with and without an admin side and a page that asks it. */
import { median } from './load.ts'
import type { Run } from './run.ts'
import { markdown, number, ratio, whole } from './table.ts'
import { openWorld, type World } from './world.ts'

const SHAPE = { concurrency: 64, size: 128 }
const ROUNDS = 9
const QUICK_ROUNDS = 3
/** As the dashboard does. */
const ASK_EVERY_MS = 1_000

export interface WatchedResult {
  rounds: number
  /** Medians of the rounds, in which one followed the other. */
  off: Cost
  on: Cost
  /** The median of the rounds' own ratios, on ÷ off. */
  rate: number
  cpu: number | null
}

interface Cost {
  rate: number
  cpuPerMillion: number | null
}

export async function measureWatched(run: Run): Promise<WatchedResult | null> {
  if (!run.settings.only.includes('watched')) return null
  let result: WatchedResult | null = null
  await run.section('being looked at', async () => {
    const off = await openWorld(run.crew)
    const on = await openWorld(run.crew, { admin: 'http://127.0.0.1:0' })
    for (const [name, world] of [['off', off] as const, ['on', on] as const]) {
      await world.open(1)
      await run.warmUp(name, world, SHAPE)
    }
    const asking = askOnAndOn(on)
    try {
      result = await compare(run, off, on)
    } finally {
      await asking.stop()
    }
  })
  return result
}

const compare = async (run: Run, off: World, on: World): Promise<WatchedResult> => {
  const rounds = run.settings.quick ? QUICK_ROUNDS : ROUNDS
  const pairs: { off: Cost; on: Cost }[] = []
  for (let round = 0; round < rounds && !run.crew.interrupted; round++) {
    const what = `round ${round + 1}`
    // By turns the one and the other goes first, so that whatever else the machine does meets both alike.
    const first = round % 2 === 0 ? off : on
    const one = await run.measure(what, first, SHAPE)
    const two = await run.measure(what, first === off ? on : off, SHAPE)
    const pair = first === off ? { off: one, on: two } : { off: two, on: one }
    pairs.push(pair)
    run.log(`${what}: off ${whole(pair.off.rate)} req/s, on ${whole(pair.on.rate)}`)
  }
  const cost = (of: 'off' | 'on'): Cost => ({
    rate: median(pairs.map((pair) => pair[of].rate)),
    cpuPerMillion: medianIfAll(pairs.map((pair) => pair[of].cpuPerMillion)),
  })
  return {
    rounds: pairs.length,
    off: cost('off'),
    on: cost('on'),
    rate: median(pairs.map((pair) => pair.on.rate / pair.off.rate)),
    cpu: medianIfAll(pairs.map((pair) => quotient(pair.on.cpuPerMillion, pair.off.cpuPerMillion))),
  }
}

/** Asks for the whole snapshot again and again, and listens to what happens, as an open page does. */
const askOnAndOn = ({ adminUrl }: World): { stop: () => Promise<void> } => {
  const ending = new AbortController()
  const { signal } = ending
  const listen = async (): Promise<void> => {
    const events = await fetch(`${adminUrl}/v1/advisories`, { signal })
    for await (const _ of events.body!) if (signal.aborted) return
  }
  let asked = Promise.resolve()
  const ask = async (): Promise<void> => {
    await (await fetch(`${adminUrl}/v1/snapshot`, { signal })).arrayBuffer()
  }
  const timer = setInterval(() => {
    asked = ask().catch(() => {})
  }, ASK_EVERY_MS)
  const listening = listen().catch(() => {})
  return {
    stop: async () => {
      clearInterval(timer)
      ending.abort()
      await Promise.all([asked, listening])
    },
  }
}

export function watchedTable({ rounds, off, on, rate, cpu }: WatchedResult): string {
  const head = ['64 at once, 128 B', 'req/s', 'CPU s/M']
  const rows = [
    ['nobody looks', whole(off.rate), number(off.cpuPerMillion)],
    ['an open page', whole(on.rate), number(on.cpuPerMillion)],
    ['on ÷ off', ratio(rate, 1), ratio(cpu, 1)],
  ]
  return [
    '## Being looked at\n',
    `Medians of ${rounds} rounds by turns. An admin side, its clients' reports, counts of latency, traces, and`,
    'one who asks for the snapshot each second and listens to what happens.\n',
    markdown(head, rows),
  ].join('\n')
}

const medianIfAll = (values: readonly (number | null)[]): number | null =>
  values.every((value) => value !== null) ? median([...values]) : null

const quotient = (a: number | null, b: number | null): number | null =>
  a === null || b === null || b === 0 ? null : a / b
