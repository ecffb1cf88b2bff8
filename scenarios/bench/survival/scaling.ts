/** Responders that come, go and are restarted while calls go on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clock, madeIn, unevennessOf } from './calls.ts'
import { count, type Figure, failedShare, failures, ms, percent, truths } from './figures.ts'
import type { BrokerProcess, ResponderProcess, Town } from './town.ts'

const manner = { delayMs: 10 }

export interface Scaling {
  rate: number
  /** How long each number of responders is kept. */
  stayMs: number
}

/** Two responders become six, and two again. */
export const twoSixTwo = async (town: Town, { rate, stayMs }: Scaling): Promise<Figure[]> => {
  const broker = await town.broker()
  const recruits = await Promise.all(Array.from({ length: 6 }, () => town.recruit({ manner })))
  const first = recruits.slice(0, 2)
  const others = recruits.slice(2)
  for (const responder of first) await town.enlist(responder)
  const requester = await town.requester()
  await requester.begin({ rate })
  await sleep(stayMs)
  const outAt = clock()
  await Promise.all(others.map((responder) => town.enlist(responder)))
  const sixAt = await town.until('six queues', async () => (await broker.writable()) === 6)
  await sleep(stayMs)
  const inAt = clock()
  const leaving = Promise.all(others.map(({ child }) => child.ask('leave')))
  const twoAt = await town.until('two queues', async () => (await broker.writable()) === 2)
  const reports = await leaving
  await sleep(stayMs)
  const calls = await requester.end()
  const namesOf = (some: ResponderProcess[]): string[] => some.map(({ name }) => name)
  const ofSix = madeIn(calls, sixAt + 100, inAt)
  const ofTwo = madeIn(calls, twoAt + 100, Number.POSITIVE_INFINITY)
  return [
    ms('queues follow out', sixAt - outAt, 1_000),
    ms('queues follow in', twoAt - inAt, 1_000),
    failures('failed', calls),
    percent('shares of six, off by at most', unevennessOf(ofSix, namesOf(recruits)), 15),
    percent('shares of two, off by at most', unevennessOf(ofTwo, namesOf(first)), 15),
    count(
      'given up when leaving',
      reports.reduce((sum, report) => sum + report.abandoned, 0),
      0,
    ),
    ...truths(calls, town.ledger),
  ]
}

export interface Rolling {
  responders: number
  rate: number
  everyMs: number
}

/** Each responder is stopped in good order and replaced by a new process, one after the other. */
export const rollingRestart = async (
  town: Town,
  { responders, rate, everyMs }: Rolling,
): Promise<Figure[]> => {
  const broker = await town.broker()
  const all = await Promise.all(
    Array.from({ length: responders }, () => town.responder({ manner })),
  )
  const requester = await town.requester()
  await requester.begin({ rate })
  let moved = 0
  for (const old of all) {
    await sleep(everyMs)
    const before = await ownersAt(broker)
    await old.stop()
    await town.responder({ manner })
    const after = await ownersAt(broker)
    moved += [...before].filter(([queue, owner]) => (after.get(queue) ?? owner) !== owner).length
    moved += Math.max(0, [...before.keys()].filter((queue) => !after.has(queue)).length - 1)
  }
  await sleep(everyMs)
  const calls = await requester.end()
  return [
    failedShare('failed', calls, 0.01),
    count('moves beyond their own queues, in all', moved, 2 * responders),
    ...truths(calls, town.ledger),
  ]
}

const ownersAt = async ({ child }: BrokerProcess): Promise<Map<number, string>> => {
  const { topics } = await child.ask('snapshot')
  const queues = topics.flatMap((topic) => topic.queues)
  return new Map(queues.map(({ queue, owner }) => [queue, owner]))
}
