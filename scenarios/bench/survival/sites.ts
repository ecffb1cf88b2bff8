/** Data centres that die, freeze, are cut off, and come back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, clock, endOf, isOk, madeIn } from './calls.ts'
import { count, type Figure, failedShare, failures, ms, percent, told, truths } from './figures.ts'
import type { Home, RequesterProcess, ResponderProcess, Town } from './town.ts'

export interface SiteHurt {
  /** Brokers, and responders, in each data centre. */
  size: number
  rate: number
  calmMs: number
  afterMs: number
}

const HANDLER_MS = 5
const HERE = 'sz'
const THERE = 'sh'

interface Sites {
  here: ResponderProcess[]
  there: ResponderProcess[]
  requester: RequesterProcess
}

/** Two data centres with `brokers` brokers and `responders` responders each; a requester in the first. */
const twoSites = async (town: Town, brokers: number, responders: number): Promise<Sites> => {
  const idcs = [HERE, THERE]
  await Promise.all(idcs.flatMap((idc) => times(brokers, () => town.broker({ idc }))))
  const manner = { delayMs: HANDLER_MS }
  const recruits = (idc: string): Promise<ResponderProcess[]> =>
    Promise.all(times(responders, () => town.responder({ idc, manner })))
  const [here, there] = await Promise.all([recruits(HERE), recruits(THERE)])
  return { here, there, requester: await town.requester({ idc: HERE }) }
}

/** Brokers and responders of the requester's own data centre are killed, all at once. */
export const siteKilled = (town: Town, hurt: SiteHurt): Promise<Figure[]> =>
  loseHome(town, hurt, 'all', 1_000, (process) => process.kill())

/** The same, frozen: their sockets stay open and say nothing. */
export const siteFrozen = (town: Town, hurt: SiteHurt): Promise<Figure[]> =>
  loseHome(town, hurt, 'all', 2_500, (process) => process.freeze())

/** Only the responders there are killed; the brokers live. */
export const handlersKilled = (town: Town, hurt: SiteHurt): Promise<Figure[]> =>
  loseHome(town, hurt, 'responders', 1_000, (process) => process.kill())

/** Only the responders there are frozen. */
export const handlersFrozen = (town: Town, hurt: SiteHurt): Promise<Figure[]> =>
  loseHome(town, hurt, 'responders', 5_000, (process) => process.freeze())

const loseHome = async (
  town: Town,
  { size, rate, calmMs, afterMs }: SiteHurt,
  what: 'all' | 'responders',
  mostMs: number,
  hurt: (process: { kill(): number; freeze(): number }) => void,
): Promise<Figure[]> => {
  const { here, there, requester } = await twoSites(town, size, size)
  await requester.begin({ rate })
  await sleep(calmMs)
  const at = clock()
  const brokers = town.brokers.slice(0, size)
  for (const process of what === 'all' ? [...here, ...brokers] : here) hurt(process)
  await sleep(afterMs)
  const calls = await requester.end()
  const elsewhere = await Promise.all(town.brokers.slice(size).map((broker) => broker.writable()))
  const names = there.map(({ name }) => name)
  const after = calls.filter((call) => call.at >= at)
  const first = firstBy(after, names)
  const later = after.filter((call) => call.at >= first)
  return [
    failures('failed before', madeIn(calls, 0, at - 1_000)),
    ms('first success elsewhere', first - at, mostMs),
    failedShare('failed from then on', later, 1),
    count('queues lost elsewhere', Math.max(0, size - Math.min(...elsewhere)), 0),
    ...truths(calls, town.ledger),
    told('failed in all', calls),
  ]
}

/** When the first call was answered by one of these. */
const firstBy = (calls: readonly Call[], names: readonly string[]): number =>
  Math.min(...calls.filter((call) => isOk(call) && names.includes(call.by)).map(endOf))

export interface SiteBack {
  size: number
  rate: number
  calmMs: number
  goneMs: number
  /** By then calls must be local again. */
  backMs: number
}

/** All of the requester's data centre is killed and started again: calls return, without an error. */
export const siteReturns = async (
  town: Town,
  { size, rate, calmMs, goneMs, backMs }: SiteBack,
): Promise<Figure[]> => {
  const { here, there, requester } = await twoSites(town, 1, size)
  const [broker] = town.brokers
  await requester.begin({ rate })
  await sleep(calmMs)
  for (const process of [...here, broker!]) process.kill()
  await sleep(goneMs)
  await town.broker({ idc: HERE, id: broker!.name, listen: broker!.url })
  const manner = { delayMs: HANDLER_MS }
  await Promise.all(here.map(() => town.responder({ idc: HERE, manner })))
  const backAt = clock()
  await sleep(backMs + 1_500)
  const calls = await requester.end()
  const away = there.map(({ name }) => name)
  const settled = calls.filter((call) => call.at >= backAt + backMs)
  const far = settled.filter(({ by }) => away.includes(by))
  return [
    failures(
      'failed since it is back',
      calls.filter((call) => call.at >= backAt),
    ),
    percent(`not local ${backMs / 1_000} s later`, far.length / settled.length, 0.1),
    ...truths(calls, town.ledger),
  ]
}

export interface SitesCut extends SiteHurt {
  cutMs: number
}

/** The way between the data centres swallows everything for a while; both have callers of their own. */
export const sitesCutApart = async (
  town: Town,
  { size, rate, calmMs, cutMs, afterMs }: SitesCut,
): Promise<Figure[]> => {
  const [a, b] = await Promise.all([town.broker({ idc: HERE }), town.broker({ idc: THERE })])
  const [toA, toB] = await Promise.all([town.proxy(a!), town.proxy(b!)])
  const homes = [
    { idc: HERE, target: [a!.url, toB!.url] },
    { idc: THERE, target: [b!.url, toA!.url] },
  ]
  const manner = { delayMs: HANDLER_MS }
  const recruits = (home: Home) => times(size, () => town.responder({ ...home, manner }))
  await Promise.all(homes.flatMap(recruits))
  const requesters = await Promise.all(homes.map((home) => town.requester(home)))
  await Promise.all(requesters.map((requester) => requester.begin({ rate })))
  await sleep(calmMs)
  toA!.cut()
  toB!.cut()
  const cutAt = clock()
  await sleep(cutMs)
  toA!.heal()
  toB!.heal()
  const healedAt = clock()
  await sleep(afterMs)
  const calls = (await Promise.all(requesters.map((requester) => requester.end()))).flat()
  const owned = await Promise.all([a!, b!].map((broker) => broker.writable()))
  return [
    failures('failed while cut', madeIn(calls, cutAt, healedAt)),
    failures(
      'failed since',
      calls.filter((call) => call.at >= healedAt),
    ),
    count(
      'queues with no owner or a strange one',
      Math.abs(owned[0]! - size) + Math.abs(owned[1]! - size),
      0,
    ),
    ...truths(calls, town.ledger),
  ]
}

const times = <T>(count: number, make: () => Promise<T>): Promise<T>[] =>
  Array.from({ length: count }, make)
