/** Processes that are stopped in good order (SIGTERM), or that stand still for a while, under load. */
import { setTimeout as sleep } from 'node:timers/promises'
import { count, type Figure, failures, ms, told, truths } from './figures.ts'
import type { Town } from './town.ts'

const manner = { delayMs: 20 }

export interface Drained {
  rate: number
  calmMs: number
}

/** One of two responders is stopped: what it holds it finishes or hands back. */
export const responderDrained = async (town: Town, load: Drained): Promise<Figure[]> => {
  await town.broker()
  return drain(town, load, 'responder')
}

/** One of two brokers is stopped: what waits in it is handed back, what runs is answered. */
export const brokerDrained = async (town: Town, load: Drained): Promise<Figure[]> => {
  await Promise.all([town.broker(), town.broker()])
  return drain(town, load, 'broker')
}

const drain = async (
  town: Town,
  { rate, calmMs }: Drained,
  what: 'responder' | 'broker',
): Promise<Figure[]> => {
  const options = { concurrency: 8 }
  const responders = await Promise.all([0, 1].map(() => town.responder({ manner, options })))
  const requester = await town.requester()
  await requester.begin({ rate })
  await sleep(calmMs)
  const began = performance.now()
  await (what === 'broker' ? town.brokers[0]! : responders[0]!).stop()
  const drainedMs = performance.now() - began
  await sleep(calmMs)
  const calls = await requester.end()
  return [
    failures('failed', calls),
    ms('until it had stopped', drainedMs),
    ...truths(calls, town.ledger),
  ]
}

export interface Stalled {
  rate: number
  stallMs: number
}

/** The requester's loop stands still while replies come: none of them may count as late. */
export const requesterStalled = async (town: Town, stalled: Stalled): Promise<Figure[]> => {
  await town.broker()
  await Promise.all([town.responder({ manner }), town.responder({ manner })])
  const requester = await town.requester()
  await requester.begin({ rate: stalled.rate, timeoutMs: 1_000 })
  await sleep(700)
  await requester.child.ask('block', { ms: stalled.stallMs })
  await sleep(stalled.stallMs + 1_200)
  const calls = await requester.end()
  return [failures('failed', calls), ...truths(calls, town.ledger)]
}

/** The requester is frozen for so long that its brokers hang up: its calls are found again. */
export const requesterFrozen = async (town: Town, stalled: Stalled): Promise<Figure[]> => {
  await town.broker()
  await Promise.all([town.responder({ manner }), town.responder({ manner })])
  const requester = await town.requester()
  await requester.begin({ rate: stalled.rate, timeoutMs: stalled.stallMs + 3_000 })
  await sleep(700)
  requester.freeze()
  await sleep(stalled.stallMs)
  requester.thaw()
  await sleep(1_200)
  const calls = await requester.end()
  return [failures('failed', calls), ...truths(calls, town.ledger)]
}

/** A responder's loop stands still, and no call it holds is late yet when it goes on. */
export const responderStalled = async (town: Town, stalled: Stalled): Promise<Figure[]> => {
  await town.broker()
  const [one] = await Promise.all([town.responder({ manner }), town.responder({ manner })])
  const requester = await town.requester()
  await requester.begin({ rate: stalled.rate, timeoutMs: 6_000 })
  await sleep(700)
  await one.child.ask('block', { ms: stalled.stallMs })
  await sleep(stalled.stallMs + 1_200)
  const calls = await requester.end()
  const late = calls.filter(({ code }) => code === 'deadline_exceeded' || code === 'expired')
  return [
    count('false timeouts', late.length, 0),
    // A loop that stands still for longer than the silence limit cannot be told from a dead one.
    told('failed', calls),
    ...truths(calls, town.ledger),
  ]
}
