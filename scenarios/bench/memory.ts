/** What an idle session and a queued message cost the broker. */
import { setTimeout as sleep } from 'node:timers/promises'
import { joinCrowd, settled } from './growth.ts'
import { whyNotSessions } from './machine.ts'
import { SLOW_TOPIC } from './parts.ts'
import type { Child } from './processes.ts'
import type { Run } from './run.ts'
import { markdown, number, whole } from './table.ts'
import { openWorld } from './world.ts'

const MESSAGE_BYTES = 1_024
/** There before the first reading, so that code, pools and spare pages are not counted. */
const FIRST_CLIENTS = 500
const FIRST_MESSAGES = 2_000
const GC = ['--expose-gc']

export interface MemoryRow {
  what: string
  count: number
  before: NodeJS.MemoryUsage
  after: NodeJS.MemoryUsage
  /** Bytes of resident memory for each: too few where the process had pages to spare. */
  rss: number
  /** Bytes of heap and buffers for each: all that is not the kernel's or the allocator's. */
  held: number
  reach: number
}

export async function measureMemory(run: Run): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = []
  if (!run.settings.only.includes('memory')) return rows
  await run.section('memory of idle sessions', () => sessions(run, rows))
  await run.section('memory of queued messages', () => messages(run, rows))
  return rows
}

async function sessions(run: Run, rows: MemoryRow[]): Promise<void> {
  const count = run.settings.quick ? 1_000 : 5_000
  const what = 'idle session'
  const obstacle = whyNotSessions(count + FIRST_CLIENTS)
  if (obstacle !== null) return run.skip(`memory per ${what}`, obstacle)
  if (!run.hasTimeFor(`memory per ${what}`, count * 1.5)) return
  const { broker, url } = await openWorld(run.crew, {}, GC)
  const crowds: Child<'crowd'>[] = []
  await joinCrowd(run, crowds, url, 0, FIRST_CLIENTS)
  await sleep(500)
  const before = await broker.ask('memory')
  const linked = await broker.ask('sessions')
  await joinCrowd(run, crowds, url, FIRST_CLIENTS, FIRST_CLIENTS + count)
  await settled(() => broker.ask('sessions'), linked + count)
  await sleep(1_000)
  rows.push(rowOf(what, count, 20_000, before, await broker.ask('memory')))
  run.log(`memory per ${what} read at ${whole(count)}`)
}

async function messages(run: Run, rows: MemoryRow[]): Promise<void> {
  const count = run.settings.quick ? 2_000 : 10_000
  const what = 'queued 1 KiB message'
  if (!run.hasTimeFor(`memory per ${what}`, 5_000)) return
  const limits = { maxDepth: 100_000, maxDepthBytes: 2 ** 30 }
  const world = await openWorld(run.crew, limits, GC)
  const { broker, responder, requester } = world
  await responder.ask('answerLate', { concurrency: 1, prefetch: 0 })
  await world.open(1)
  await run.warmUp(what, world, { concurrency: 64, size: MESSAGE_BYTES })
  const queue = async (more: number): Promise<number> => {
    await requester.ask('park', { calls: more, size: MESSAGE_BYTES })
    return settled(() => broker.ask('depth', { topic: SLOW_TOPIC }), more + queued)
  }
  let queued = 0
  queued = await queue(FIRST_MESSAGES)
  await sleep(300)
  const before = await broker.ask('memory')
  const reached = await queue(count)
  await sleep(500)
  const added = reached - queued
  const { failed } = await requester.ask('parked')
  if (added !== count) {
    run.problem(what, `${added} of ${count} were queued; failed: ${JSON.stringify(failed)}`)
  }
  if (added <= 0) return
  rows.push(rowOf(what, added, 2_000, before, await broker.ask('memory')))
  run.log(`memory per ${what} read at ${whole(added)}`)
  await proveAnswered(run, what, responder, requester, reached)
}

/** What was queued is answered once the handler is let go: it was really there. */
async function proveAnswered(
  run: Run,
  what: string,
  responder: Child<'responder'>,
  requester: Child<'requester'>,
  expected: number,
): Promise<void> {
  await responder.ask('release')
  const answered = await settled(async () => (await requester.ask('parked')).answered, expected)
  if (answered === expected) return
  const { failed } = await requester.ask('parked')
  run.problem(what, `${answered} of ${expected} were answered; failed: ${JSON.stringify(failed)}`)
}

function rowOf(
  what: string,
  count: number,
  reach: number,
  before: NodeJS.MemoryUsage,
  after: NodeJS.MemoryUsage,
): MemoryRow {
  // `arrayBuffers` is part of `external`.
  const heldBy = (usage: NodeJS.MemoryUsage): number => usage.heapUsed + usage.external
  const rss = (after.rss - before.rss) / count
  const held = (heldBy(after) - heldBy(before)) / count
  return { what, count, before, after, rss, held, reach }
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  const cells = rows.map(({ what, count, rss, held, reach }) => [
    what,
    whole(count),
    number(rss / 1_000),
    number(held / 1_000),
    `≤ ${reach / 1_000}`,
  ])
  const head = ['on the broker, each', 'count', 'RSS KB', 'heap and buffers KB', 'reach']
  const text =
    'After a collection. Resident memory also has what the process kept to spare: the larger\ncounts.\n'
  return ['## Memory\n', text, markdown(head, cells)].join('\n')
}
