/** Responders that die, freeze, are slow, refuse or fail: what their callers feel. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, clock, endOf, isOk } from './calls.ts'
import { count, type Figure, failedShare, failures, ms, percent, told, truths } from './figures.ts'
import type { Town } from './town.ts'

/** One that holds 100 calls, half of them idempotent, is killed; another is there. */
export const responderKilled = async (town: Town): Promise<Figure[]> => {
  await town.broker()
  const doomed = await town.responder({ options: { concurrency: 200 } })
  const requester = await town.requester()
  await doomed.behave({ isHolding: true })
  const calling = requester.child.ask('burst', {
    count: 100,
    timeoutMs: 15_000,
    idempotentOfTen: 5,
  })
  await town.until('it holds them all', async () => town.ledger.size > 100)
  const other = await town.responder()
  const at = doomed.kill()
  const calls = await calling
  const again = calls.filter((call) => call.isIdempotent)
  const once = calls.filter((call) => !call.isIdempotent)
  const isTold = ({ code, outcome }: Call): boolean =>
    code === 'responder_lost' && outcome === 'unknown'
  return [
    failures('idempotent ones failed', again),
    count('not answered by the other', again.filter(({ by }) => by !== other.name).length, 0),
    ms('last of them answered', lastOf(again) - at, 100),
    count('others not told responder_lost, unknown', once.filter((c) => !isTold(c)).length, 0),
    ms('last of them told', lastOf(once) - at, 200),
    ...truths(calls, town.ledger),
  ]
}

const lastOf = (calls: readonly Call[]): number => Math.max(...calls.map(endOf))

/** One of three is frozen: its queue is left alone; awake, it is used again. */
export const responderFrozen = async (
  town: Town,
  {
    rate,
    calmMs,
    frozenMs,
    afterMs,
  }: { rate: number; calmMs: number; frozenMs: number; afterMs: number },
): Promise<Figure[]> => {
  await town.broker()
  const manner = { delayMs: 5 }
  const names = ['a', 'b', 'c']
  const all = await Promise.all(names.map((name) => town.responder({ name, manner })))
  const requester = await town.requester()
  await requester.begin({ rate, timeoutMs: 2_000 })
  await sleep(calmMs)
  const at = all[0]!.freeze()
  await sleep(frozenMs)
  const thawedAt = all[0]!.thaw()
  await sleep(afterMs)
  const calls = await requester.end()
  const frozen = calls.filter((call) => call.at >= at - 500 && call.at < thawedAt)
  const hurt = frozen.filter((call) => !isOk(call) || call.ms > 250)
  const late = frozen.filter((call) => call.at >= at + 1_500)
  const back = calls.filter((call) => call.at >= thawedAt && call.by === 'a')
  return [
    ms('its queue left alone after', Math.max(0, ...hurt.map((call) => call.at)) - at, 1_500),
    failedShare('failed from 1.5 s on', late, 0.1),
    told('failed in all', frozen),
    ...truths(calls, town.ledger),
    ms('used again after', Math.min(...back.map((call) => call.at)) - thawedAt),
  ]
}

export interface Slow {
  calls: number
  /** Which of the two the requester has called before. */
  met: 'quick' | 'slow'
  slowMs: number
  timeoutMs: number
  concurrency: number
}

/** One of two takes longer than any call has, the other 5 ms; many calls at once, twice. */
export const responderSlow = async (
  town: Town,
  { calls, met, slowMs, timeoutMs, concurrency }: Slow,
): Promise<Figure[]> => {
  await town.broker()
  const [metMs, otherMs] = met === 'quick' ? [5, slowMs] : [slowMs, 5]
  const options = { concurrency }
  await town.responder({ manner: { delayMs: metMs }, options })
  const requester = await town.requester()
  await town.responder({ manner: { delayMs: otherMs }, options })
  await town.until('it knows both', async () => (await requester.writable()) === 2)
  const plan = { count: calls, timeoutMs }
  const first = await requester.child.ask('burst', plan)
  const second = await requester.child.ask('burst', plan)
  return [
    failedShare('of the first failed', first, 2),
    // One call may be the probe that finds out whether the slow one still is.
    failures('of the next failed', second, 1),
    ...truths([...first, ...second], town.ledger),
  ]
}

const isOpen = ({ code }: Call): boolean => code === 'circuit_open'

/** Handlers begin to fail: the circuit opens, lets one call through after 2 s, and closes. */
export const circuitOpens = async (
  town: Town,
  { business }: { business: number },
): Promise<Figure[]> => {
  await town.broker()
  const responder = await town.responder({ manner: { fails: 'defect' } })
  const requester = await town.requester({}, true)
  const { child } = requester
  const plan = { timeoutMs: 1_000 }
  const failing = await child.ask('oneByOne', { ...plan, count: 60 })
  const before = failing.findIndex(isOpen)
  if (before <= 0) throw new Error('the circuit did not open')
  const openedAt = endOf(failing[before - 1]!)
  await responder.behave({})
  await requester.begin({ rate: 200, ...plan })
  await sleep(3_000)
  const calls = await requester.end()
  const trial = calls.find((call) => !isOpen(call))
  if (trial === undefined) throw new Error('no trial was let through')
  const refused = [...failing.slice(before), ...calls.filter((call) => call.at < trial.at)]
  const after = calls.filter((call) => call.at > endOf(trial))
  await responder.behave({ fails: 'business' })
  const well = await child.ask('oneByOne', { ...plan, count: business })
  return [
    count('calls until it opened', before, 40),
    ms('slowest of those it refused', Math.max(...refused.map((call) => call.ms)), 5),
    ms('first trial, later than 2 s by', trial.at - openedAt - 2_000, 200),
    count('refused after a good trial', after.filter(isOpen).length, 0),
    count('refused for errors of business', well.filter(isOpen).length, 0),
    ...truths([...failing, ...calls, ...well], town.ledger),
  ]
}

/** One of four queues belongs to an instance that refuses all that comes, at once. */
export const oneRefuses = async (
  town: Town,
  { rate, warmMs, forMs }: { rate: number; warmMs: number; forMs: number },
): Promise<Figure[]> => {
  const broker = await town.broker()
  await Promise.all([1, 2, 3].map(() => town.responder({ manner: { delayMs: 20 } })))
  const refuser = await town.refuser(broker)
  const requester = await town.requester()
  await requester.begin({ rate })
  // It must have been met before it can be avoided.
  await sleep(warmMs)
  const before = await refuser.child.ask('count')
  const since = clock()
  await sleep(forMs)
  const calls = await requester.end()
  const got = (await refuser.child.ask('count')) - before
  const later = calls.filter((call) => call.at >= since)
  return [
    failures('failed', calls),
    percent('share of the calls it got', got / later.length, 1),
    ...truths(calls, town.ledger),
  ]
}

/** The one owner of the topic is frozen; another owns its queue, and the first one wakes. */
export const ownerFrozen = async (
  town: Town,
  { rate, frozenMs, afterMs }: { rate: number; frozenMs: number; afterMs: number },
): Promise<Figure[]> => {
  const broker = await town.broker()
  const options = { queues: { max: 1 } }
  const first = await town.responder({ manner: { delayMs: 5 }, options })
  const second = await town.responder({ manner: { delayMs: 5 }, options })
  const requester = await town.requester()
  await requester.begin({ rate, timeoutMs: 2_000, waitForResponder: true })
  await sleep(1_000)
  const epochOf = async (): Promise<number> => {
    const { topics } = await broker.child.ask('snapshot')
    return Math.max(...topics.flatMap(({ queues }) => queues.map(({ epoch }) => epoch)))
  }
  const epoch = await epochOf()
  const at = first.freeze()
  await sleep(frozenMs)
  const thawedAt = first.thaw()
  await sleep(afterMs)
  const calls = await requester.end()
  const taken = calls.filter((call) => isOk(call) && call.by === second.name)
  const stale = calls.filter((call) => call.at > thawedAt && call.by === first.name)
  return [
    ms('another owns its queue after', Math.min(...taken.map(endOf)) - at, 3_500),
    count('epochs that did not grow', (await epochOf()) > epoch ? 0 : 1, 0),
    count('answered by the old owner after it woke', stale.length, 0),
    failures(
      'failed after it woke',
      calls.filter((call) => call.at > thawedAt),
    ),
    ...truths(calls, town.ledger),
  ]
}
