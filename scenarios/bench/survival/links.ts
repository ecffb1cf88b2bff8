/** Requesters that are cut off, brokers that stop without a word, registries that are gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { endOf, failedOf, madeIn, quantile } from './calls.ts'
import { count, type Figure, failedShare, failures, ms, truths } from './figures.ts'
import type { Town } from './town.ts'

/** The requester is cut off for a moment while handlers work (check 8). */
export const requesterCutBriefly = async (
  town: Town,
  { calls }: { calls: number },
): Promise<Figure[]> => {
  const cut = { calls, cutMs: 300, timeoutMs: 2_000, delayMs: 400 }
  const { ended } = await cutWhileWorking(town, cut)
  return [failedShare('failed', ended, 1), ...truths(ended, town.ledger)]
}

/** The same for longer than any call may take: all end by their deadline, and responders are told. */
export const requesterCutLong = async (
  town: Town,
  { calls, cutMs, timeoutMs }: { calls: number; cutMs: number; timeoutMs: number },
): Promise<Figure[]> => {
  const cut = { calls, cutMs, timeoutMs, delayMs: timeoutMs * 1.5 }
  const { ended, aborted } = await cutWhileWorking(town, cut)
  const lateMs = Math.max(...ended.map((call) => call.ms)) - timeoutMs
  return [
    count('did not fail', ended.length - failedOf(ended).length, 0),
    ms('the latest end after its deadline', lateMs, 50),
    count('handlers not told that it is over', calls - aborted, 0),
    ...truths(ended, town.ledger),
  ]
}

interface Cut {
  calls: number
  cutMs: number
  timeoutMs: number
  /** How long a handler works. */
  delayMs: number
}

const cutWhileWorking = async (town: Town, { calls, cutMs, timeoutMs, delayMs }: Cut) => {
  const broker = await town.broker()
  const proxy = await town.proxy(broker)
  const responder = await town.responder({ options: { concurrency: calls } })
  const requester = await town.requester({ target: [proxy.url] })
  await responder.behave({ delayMs })
  const calling = requester.child.ask('burst', { count: calls, timeoutMs })
  await town.until('all are at work', async () => town.ledger.size > calls)
  proxy.part()
  await sleep(cutMs)
  proxy.heal()
  const ended = await calling
  await town.until('none is', async () => (await responder.child.ask('running')) === 0)
  return { ended, aborted: await responder.child.ask('aborted') }
}

/** Queues at four brokers, one of which stops without closing a socket, for good (check 11). */
export const oneOfFourFrozen = async (
  town: Town,
  { rate, calmMs, frozenMs }: { rate: number; calmMs: number; frozenMs: number },
): Promise<Figure[]> => {
  await Promise.all(Array.from({ length: 4 }, () => town.broker()))
  await town.responder({ manner: { delayMs: 5 } })
  const requester = await town.requester()
  await requester.begin({ rate, timeoutMs: 1_000 })
  await sleep(calmMs)
  const at = town.brokers[0]!.freeze()
  await sleep(frozenMs)
  const calls = await requester.end()
  const calm = quantile(madeIn(calls, at - calmMs / 2, at - 200), 0.99)
  const later = madeIn(calls, at + 1_000, at + frozenMs)
  return [
    failedShare(
      'failed',
      calls.filter((call) => endOf(call) > at),
      0.5,
    ),
    ms('p99 in the first second', quantile(madeIn(calls, at, at + 1_000), 0.99), 400),
    ms('p99 later, above that before', quantile(later, 0.99) - calm, 20),
    ...truths(calls, town.ledger),
  ]
}

/** Brokers and clients know each other through two registries, and both are killed. */
export const registriesKilled = async (
  town: Town,
  { rate, calmMs, afterMs }: { rate: number; calmMs: number; afterMs: number },
): Promise<Figure[]> => {
  const registries = await Promise.all([town.registry(), town.registry()])
  const registry = registries.map(({ url }) => url)
  await Promise.all([town.broker({ registry }), town.broker({ registry })])
  for (const { child } of registries) {
    await town.until('both brokers are known', async () => (await child.ask('brokers')) === 2)
  }
  const home = { target: { registry }, manner: { delayMs: 5 } }
  await Promise.all([town.responder(home), town.responder(home)])
  const requester = await town.requester({ target: { registry } })
  await requester.begin({ rate })
  await sleep(calmMs)
  for (const one of registries) one.kill()
  await sleep(afterMs)
  const calls = await requester.end()
  const { links } = await requester.child.ask('snapshot')
  const up = links.filter(({ state }) => state === 'up').length
  return [failures('failed', calls), count('links lost', 2 - up, 0), ...truths(calls, town.ledger)]
}
