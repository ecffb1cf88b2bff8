/** Requesters as processes: one that makes the load, and many in one that only call now and then. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, connect } from '../../rr-client/index.ts'
import type { Call } from '../drills/stage.ts'
import { Caller, type CallPlan, TOPIC } from './caller.ts'
import { onTerm, optionsOf, spin, type Who } from './manners.ts'
import { type BurstPlan, Pace, type Plan } from './pace.ts'
import type { Tell } from './serve.ts'

export interface Requesting extends Who {
  /** The ids of its calls begin with it. Default: the name. */
  prefix?: string
}

/** How often calls that have settled are told, for those who want to be told. */
const TELL_MS = 50
/** Clients that are linked at once, so that a broker has time for others. */
const PAGE = 50

export function requesterPart(tell: Tell) {
  let bus: Bus | undefined
  let caller: Caller | undefined
  let pace = new Pace([])
  return {
    connect: async (who: Requesting): Promise<void> => {
      const { target, name, idc, topic = TOPIC, prefix = name } = who
      bus = await connect(target, optionsOf(who))
      caller = new Caller(bus, { topic, prefix, idc, isBystander: false })
      pace = new Pace([caller])
      onTerm(() => closeAll(pace, [bus!], tell))
    },
    ready: ({ withinMs }: { withinMs: number }) => caller!.ready(withinMs),
    begin: (plan: Plan): void => pace.begin(plan),
    /** Tells of calls as they settle, in lists. */
    stream: (): void => stream(pace, tell),
    end: () => pace.end(),
    burst: (plan: BurstPlan) => pace.burst(plan),
    oneByOne: (plan: BurstPlan) => pace.oneByOne(plan),
    /** What was called has been sent before: a call that never left may be late with reason. */
    block: async ({ ms }: { ms: number }): Promise<void> => {
      pace.isHeld = true
      await sleep(10)
      setTimeout(() => {
        spin(ms)
        pace.isHeld = false
      }, 1)
    },
    snapshot: () => bus!.snapshot(),
  }
}

export function bystandersPart(tell: Tell) {
  const buses: Bus[] = []
  let pace = new Pace([])
  return {
    connect: async ({ clients, ...who }: Who & { clients: number }): Promise<void> => {
      while (buses.length < clients) {
        const page = Math.min(PAGE, clients - buses.length)
        const linking = Array.from({ length: page }, () => connect(who.target, optionsOf(who)))
        buses.push(...(await Promise.all(linking)))
      }
      const { topic = TOPIC, name, idc } = who
      const callers = buses.map(
        (bus, i) => new Caller(bus, { topic, prefix: `${name}.${i}`, idc, isBystander: true }),
      )
      pace = new Pace(callers)
    },
    /** Each calls once a second, one after the other. */
    begin: (plan: CallPlan): void => pace.begin({ ...plan, rate: buses.length }),
    stream: (): void => stream(pace, tell),
    end: () => pace.end(),
  }
}

const stream = (pace: Pace, tell: Tell): void => {
  setInterval(() => {
    const calls = pace.take()
    if (calls.length > 0) tell(calls)
  }, TELL_MS)
}

/** Calls that are open settle, and are told of. */
const closeAll = async (pace: Pace, buses: readonly Bus[], tell: Tell): Promise<void> => {
  const ended = pace.end()
  await Promise.all(buses.map((bus) => bus.close()))
  const calls: Call[] = await ended
  if (calls.length > 0) tell(calls)
}
