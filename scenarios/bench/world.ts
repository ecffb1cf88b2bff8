/** Three processes that are ready for load: broker, responder, requester. */
import type { BrokerOptions } from '../../broker/index.ts'
import type { LoadPlan, LoadResult } from './load.ts'
import { TOPIC } from './parts.ts'
import type { Child, Crew } from './processes.ts'
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
  const broker = crew.fork('broker', execArgv)
  const responder = crew.fork('responder')
  const requester = crew.fork('requester')
  const { url } = await broker.ask('listen', options)
  await responder.ask('connect', { url })
  await responder.ask('answer', { topic: TOPIC })
  return {
    url,
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
  const broker = crew.fork('floorBroker')
  const responder = crew.fork('floorResponder')
  const requester = crew.fork('floorRequester')
  const { url } = await broker.ask('listen')
  await responder.ask('join', { url })
  return {
    pids: { broker: broker.pid, responder: responder.pid, requester: requester.pid },
    open: (clients) => requester.ask('open', { url, clients }),
    verify: (calls) => requester.ask('verify', { calls }),
    load: (plan) => requester.ask('load', plan),
  }
}
