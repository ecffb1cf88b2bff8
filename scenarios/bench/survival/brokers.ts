/** Brokers that die or freeze under load. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clock, endOf, madeIn, openAt, quantile } from './calls.ts'
import { type Figure, failures, ms, truths } from './figures.ts'
import type { Town } from './town.ts'

export interface BrokerHurt {
  rate: number
  calmMs: number
  afterMs: number
}

/** Long enough that calls are under way at any instant. */
const HANDLER_MS = 20

/** One of two brokers is killed: its clients find another way to the same instances. */
export const brokerKilled = async (town: Town, hurt: BrokerHurt): Promise<Figure[]> =>
  oneOfTwo(town, hurt, 500, async () => {
    town.brokers[0]!.kill()
  })

/** One of two brokers is frozen, and wakes. */
export const brokerFrozen = async (town: Town, hurt: BrokerHurt): Promise<Figure[]> =>
  oneOfTwo(town, hurt, 1_500, async () => {
    town.brokers[0]!.freeze()
    await sleep(1_500)
    town.brokers[0]!.thaw()
  })

const oneOfTwo = async (
  town: Town,
  { rate, calmMs, afterMs }: BrokerHurt,
  mostMs: number,
  hurt: () => Promise<void>,
): Promise<Figure[]> => {
  await Promise.all([town.broker(), town.broker()])
  const manner = { delayMs: HANDLER_MS }
  await Promise.all([town.responder({ manner }), town.responder({ manner })])
  const requester = await town.requester()
  await requester.begin({ rate })
  await sleep(calmMs)
  const at = clock()
  await hurt()
  await sleep(afterMs)
  const calls = await requester.end()
  const calm = madeIn(calls, at - calmMs / 2, at).filter((call) => endOf(call) < at)
  const usualMs = quantile(calm, 0.9)
  // Those under way at that instant or made soon after, and held up: that is to be affected.
  const near = [...openAt(calls, at), ...madeIn(calls, at, at + mostMs)]
  const affected = near.filter((call) => call.ms > usualMs)
  return [
    failures('failed', calls),
    ms(`p99 of the ${affected.length} affected`, quantile(affected, 0.99), mostMs),
    ...truths(calls, town.ledger),
    ms('usual p90', usualMs),
  ]
}
