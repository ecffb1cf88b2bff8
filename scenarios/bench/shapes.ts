/** Latency, closed loops and many connections: finbus with the machine's relay floor beside it. */
import type { LoadResult } from './load.ts'
import type { Section } from './options.ts'
import type { Run } from './run.ts'
import { bodySize, markdown, number, ratio, whole } from './table.ts'
import { openFloor, openWorld } from './world.ts'

interface Case {
  section: Section
  title: string
  clients: number
  concurrency: number
}

const CASES: readonly Case[] = [
  { section: 'lat', title: 'latency, 1 at a time', clients: 1, concurrency: 1 },
  { section: 'closed', title: 'closed loop, 64', clients: 1, concurrency: 64 },
  { section: 'closed', title: 'closed loop, 512', clients: 1, concurrency: 512 },
  { section: 'fan', title: '32 connections × 2', clients: 32, concurrency: 64 },
]

export interface ShapeRow {
  title: string
  size: number
  clients: number
  concurrency: number
  finbus: LoadResult
  floor: LoadResult
}

export async function measureShapes(run: Run): Promise<ShapeRow[]> {
  const wanted = CASES.filter((known) => run.settings.only.includes(known.section))
  const rows: ShapeRow[] = []
  if (wanted.length === 0) return rows
  await run.section('closed loops', async () => {
    const finbus = await openWorld(run.crew)
    const floor = await openFloor(run.crew)
    for (const [name, world] of [['finbus', finbus] as const, ['the floor', floor] as const]) {
      await world.open(1)
      await run.warmUp(name, world, { concurrency: 64, size: 128 })
    }
    for (const shape of wanted) {
      for (const world of [finbus, floor]) await world.open(shape.clients)
      for (const size of run.settings.sizes) {
        const what = `${shape.title}, ${bodySize(size)}`
        if (!run.hasTimeFor(what, 0)) continue
        // One after the other, so that whatever else the machine does meets both alike.
        const ours = await run.measure(what, finbus, { ...shape, size })
        const least = await run.measure(`${what} (floor)`, floor, { ...shape, size })
        rows.push({ ...shape, size, finbus: ours, floor: least })
        run.log(`${what}: ${whole(ours.rate)} req/s, floor ${whole(least.rate)}`)
      }
    }
  })
  return rows
}

export function shapeTable(rows: readonly ShapeRow[]): string {
  const head = [
    'case',
    'body',
    'req/s',
    'p50 µs',
    'p99 µs',
    'p99.9 µs',
    'CPU s/M',
    'floor req/s',
    'floor p50',
    'floor CPU s/M',
    'rate',
    'p50',
    'CPU',
  ]
  const cells = rows.map(({ title, size, finbus, floor }) => [
    title,
    bodySize(size),
    whole(finbus.rate),
    number(finbus.p50),
    number(finbus.p99),
    number(finbus.p999),
    number(finbus.cpuPerMillion),
    whole(floor.rate),
    number(floor.p50),
    number(floor.cpuPerMillion),
    ratio(finbus.rate, floor.rate),
    ratio(finbus.p50, floor.p50),
    ratio(finbus.cpuPerMillion, floor.cpuPerMillion),
  ])
  return [
    '## Calls\n',
    'CPU s/M: CPU seconds of broker, responder and requester per million requests. The floor relays',
    'the same bytes over ws with nothing in between; the last columns are finbus ÷ floor.\n',
    markdown(head, cells),
  ].join('\n')
}
