/** Three processes that are ready for load: broker, responder, requester. */
import type { BrokerOptions } from '../../broker/index.ts'
import type { Crew } from '../live/processes.ts'
import type { LoadPlan, LoadResult } from './load.ts'
import { TOPIC } from './parts.ts'
import { type Child, forkPart } from './processes.ts'
import type { Pids } from './usage.ts'

/** What both finbus and the relay floor can be put under. */
export interface Loadable {
  pids: Pids
  /** Opens or closes clients until there are so many. */
  open(clients: number): Promise<void>
  /** Calls with mixed bodies; returns how many replies were wrong. */
  verify(calls: number): Promise<number>
  load(plan: LoadPlan): Promise<LoadResult>
}

export interface World extends Loadable {
  url: string
  adminUrl: string | undefined
  broker: Child<'broker'>
  responder: Child<'responder'>
  requester: Child<'requester'>
}

/** A broker, a responder of `account.balance`, and a requester without clients yet. */
export async function openWorld(
  crew: Crew,
  options: BrokerOptions = {},
  execArgv: string[] = [],
): Promise<World> {
  const broker = forkPart(crew, 'broker', execArgv)
  const responder = forkPart(crew, 'responder')
  const requester = forkPart(crew, 'requester')
  const { url, adminUrl } = await broker.ask('listen', options)
  await responder.ask('connect', { url })
  await responder.ask('answer', { topic: TOPIC })
  return {
    url,
    adminUrl,
    broker,
    responder,
    requester,
    pids: { broker: broker.pid, responder: responder.pid, requester: requester.pid },
    open: (clients) => requester.ask('open', { url, clients }),
    verify: (calls) => requester.ask('verify', { calls }),
    load: (plan) => requester.ask('load', plan),
  }
}

/** The same shape with nothing in it. */
export async function openFloor(crew: Crew): Promise<Loadable> {
  const broker = forkPart(crew, 'floorBroker')
  const responder = forkPart(crew, 'floorResponder')
  const requester = forkPart(crew, 'floorRequester')
  const { url } = await broker.ask('listen')
  await responder.ask('join', { url })
  return {
    pids: { broker: broker.pid, responder: responder.pid, requester: requester.pid },
    open: (clients) => requester.ask('open', { url, clients }),
    verify: (calls) => requester.ask('verify', { calls }),
    load: (plan) => requester.ask('load', plan),
  }
}
