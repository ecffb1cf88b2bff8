/** What the processes of a survival case can be, and what they do when asked. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Broker,
  type BrokerOptions,
  type Registry,
  startBroker,
  startRegistry,
} from '../../../broker/index.ts'
import {
  type Bus,
  connect,
  type HandlerContext,
  type Log,
  type ReplyOptions,
  ServiceError,
} from '../../../rr-client/index.ts'
import { type BurstPlan, Pace, type Plan, TOPIC } from './pace.ts'
import { Refuser } from './refuser.ts'

export const survivalParts = {
  survivalBroker,
  survivalRegistry,
  survivalRefuser,
  survivalResponder,
  survivalRequester,
}

/** Urls of brokers, or of registries that know them. */
export type Target = readonly string[] | { registry: readonly string[] }

export interface Who {
  target: Target
  name: string
  idc: string
}

/** How a responder answers. */
export interface Manner {
  delayMs?: number
  /** Handlers never end. */
  isHolding?: boolean
  /** Handlers throw: an error of the bus's making, or one of the service's own. */
  fails?: 'defect' | 'business'
}

/** A defect ends its process, and with it the case. */
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...what: unknown[]) => {
    const [about] = what as [{ error?: unknown } | undefined]
    setImmediate(() => {
      throw about?.error ?? new Error(String(what))
    })
  },
}

/** A polite end, as of a service that is stopped by its host. */
const onTerm = (close: () => Promise<unknown>): void => {
  process.once('SIGTERM', () => void close().then(() => process.exit(0)))
}

function survivalBroker() {
  let running: Broker | undefined
  return {
    listen: async (options: BrokerOptions): Promise<{ url: string }> => {
      running = await startBroker({ listen: 'ws://127.0.0.1:0', logger: log, ...options })
      onTerm(() => running!.close())
      return { url: running.url }
    },
    snapshot: () => running!.snapshot(),
  }
}

function survivalRegistry() {
  let running: Registry | undefined
  return {
    listen: async (): Promise<{ url: string }> => {
      running = await startRegistry({ listen: 'http://127.0.0.1:0', logger: log })
      return { url: running.url }
    },
    brokers: (): number => running!.snapshot().brokers.length,
  }
}

function survivalRefuser() {
  let refuser: Refuser | undefined
  return {
    own: ({ url }: { url: string }): Promise<void> => {
      refuser = new Refuser(url, TOPIC)
      return refuser.owner()
    },
    count: (): number => refuser!.count,
  }
}

function survivalResponder() {
  let bus: Bus | undefined
  let manner: Manner = {}
  let running = 0
  let aborted = 0
  return {
    connect: async ({ target, name, idc }: Who): Promise<void> => {
      bus = await connect(target, { name, idc, group: 'accounts', logger: log })
      onTerm(() => bus!.close())
    },
    /** Answers the topic. What is begun is first written down, where a kill cannot reach it. */
    answer: async ({ book, options }: { book: string; options: ReplyOptions }): Promise<void> => {
      const file = openSync(book, 'a')
      process.once('exit', () => closeSync(file))
      const { name } = bus!.snapshot()
      const handler = async ({ id }: { id: string }, { signal }: HandlerContext) => {
        writeSync(file, `${id}\n`)
        const { delayMs = 0, isHolding = false, fails } = manner
        running += 1
        if (isHolding) await new Promise(() => {})
        if (delayMs > 0) await sleep(delayMs)
        running -= 1
        if (signal.aborted) aborted += 1
        if (fails === 'defect') throw new Error('a defect of the service')
        if (fails === 'business') throw new ServiceError('INSUFFICIENT_FUNDS', 'too little')
        return { by: name }
      }
      await bus!.reply(TOPIC, handler, options)
    },
    behave: (next: Manner): void => {
      manner = next
    },
    running: (): number => running,
    /** Handlers that had been told, when they ended, that nobody waits any more. */
    aborted: (): number => aborted,
    /** Stops in good order, and stays as a process. */
    leave: () => bus!.close(),
    block: ({ ms }: { ms: number }): void => {
      setTimeout(spin, 1, ms)
    },
  }
}

function survivalRequester() {
  let bus: Bus | undefined
  let pace: Pace | undefined
  return {
    connect: async ({ target, name, idc }: Who): Promise<void> => {
      bus = await connect(target, { name, idc, logger: log })
      pace = new Pace(bus, name)
    },
    ready: ({ withinMs }: { withinMs: number }) => pace!.ready(withinMs),
    begin: (plan: Plan): void => pace!.begin(plan),
    end: () => pace!.end(),
    burst: (plan: BurstPlan) => pace!.burst(plan),
    oneByOne: (plan: BurstPlan) => pace!.oneByOne(plan),
    /** What was called has been sent before: a call that never left may be late with reason. */
    block: async ({ ms }: { ms: number }): Promise<void> => {
      pace!.isHeld = true
      await sleep(10)
      setTimeout(() => {
        spin(ms)
        pace!.isHeld = false
      }, 1)
    },
    snapshot: () => bus!.snapshot(),
  }
}

/** Spins, as bad code does: timers and sockets of this process all wait. */
function spin(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // Spins.
  }
}
