/** What a forked process can be, and what it does when asked. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Broker, type BrokerOptions, startBroker } from '../../broker/index.ts'
import { type Bus, connect } from '../../rr-client/index.ts'
import { floorBroker, floorRequester, floorResponder } from './floor.ts'
import { type Call, closedLoop, codeOf, countWrongEchoes, Errors, type LoadPlan } from './load.ts'
import { refuserPart } from './survival/refuser.ts'

export const parts = {
  broker,
  responder,
  requester,
  crowd,
  floorBroker,
  floorResponder,
  floorRequester,
  refuser: refuserPart,
}
export type Parts = typeof parts

export const TOPIC = 'account.balance'
/** Where calls are parked. */
export const SLOW_TOPIC = 'account.audit'
const PAGE = 200
const PARKED_FOR_MS = 600_000

const echo = async (body: Uint8Array): Promise<Uint8Array> => body

function broker() {
  let running: Broker | undefined
  return {
    listen: async (
      options: BrokerOptions,
    ): Promise<{ url: string; adminUrl: string | undefined }> => {
      running = await startBroker({ ...options, listen: 'ws://127.0.0.1:0' })
      return { url: running.url, adminUrl: running.adminUrl }
    },
    /** After a collection, if the process was forked with `--expose-gc`. */
    memory: async (): Promise<NodeJS.MemoryUsage> => {
      for (let round = 0; round < 3; round++) {
        globalThis.gc?.()
        await sleep(20)
      }
      return process.memoryUsage()
    },
    sessions: (): number => running!.snapshot().sessions,
    /** Requests of a topic that are waiting or unanswered. */
    depth: ({ topic }: { topic: string }): number =>
      (running!.snapshot().topics.find((known) => known.topic === topic)?.queues ?? []).reduce(
        (sum, queue) => sum + queue.waiting + queue.unanswered,
        0,
      ),
  }
}

function responder() {
  let bus: Bus | undefined
  let waiting = 0
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    connect: async ({ url }: { url: string }): Promise<void> => {
      bus = await connect(url, { name: 'bench-responder' })
    },
    answer: async ({ topic }: { topic: string }): Promise<void> => {
      await bus!.reply(topic, echo)
    },
    /** Answers the numbered topics `from` to `to`. */
    answerMany: async ({ from, to }: { from: number; to: number }): Promise<void> => {
      for (let page = from; page < to; page += PAGE) {
        const names = range(page, Math.min(page + PAGE, to)).map(numbered)
        await Promise.all(names.map((topic) => bus!.reply(topic, echo)))
      }
    },
    /** Answers the slow topic only once released. */
    answerLate: async (options: { concurrency: number; prefetch?: number }): Promise<void> => {
      const handler = async (body: Uint8Array): Promise<Uint8Array> => {
        waiting += 1
        await released
        waiting -= 1
        return body
      }
      await bus!.reply(SLOW_TOPIC, handler, options)
    },
    waiting: (): number => waiting,
    release: (): void => release(),
  }
}

function requester() {
  const clients: Bus[] = []
  const failed = new Errors()
  let answered = 0
  let topics = [TOPIC]

  const callerOf = (caller: number): Call => {
    const bus = clients[caller % clients.length]!
    if (topics.length === 1) return (body) => bus.request(TOPIC, body)
    // Callers of one client begin far from each other, so that all topics stay in use.
    let next = Math.floor((caller * topics.length) / 64)
    return (body) => {
      next = next + 1 < topics.length ? next + 1 : 0
      return bus.request(topics[next]!, body)
    }
  }

  return {
    open: async ({ url, clients: wanted }: { url: string; clients: number }): Promise<void> => {
      await Promise.all(clients.splice(wanted).map((bus) => bus.close({ timeoutMs: 500 })))
      while (clients.length < wanted) clients.push(await connect(url, { name: 'bench-requester' }))
    },
    /** Spreads the load over numbered topics and calls each once from every client. */
    spread: async ({ topics: count }: { topics: number }): Promise<void> => {
      const fresh = topics.length === 1 ? 0 : topics.length
      topics = range(0, count).map(numbered)
      const body = Buffer.alloc(16)
      for (let page = fresh; page < count; page += PAGE) {
        const names = topics.slice(page, page + PAGE)
        await Promise.all(clients.flatMap((bus) => names.map((name) => bus.request(name, body))))
      }
    },
    verify: ({ calls }: { calls: number }): Promise<number> =>
      countWrongEchoes((body) => clients[0]!.request(TOPIC, body), calls),
    load: (plan: LoadPlan) => closedLoop(callerOf, plan),
    /** Sends calls to the slow topic, in pages: nobody has megabytes to send in one turn. */
    park: async ({ calls, size }: { calls: number; size: number }): Promise<void> => {
      for (let sent = 0; sent < calls; sent++) {
        const bus = clients[sent % clients.length]!
        bus.request(SLOW_TOPIC, Buffer.alloc(size, 0x62), { timeoutMs: PARKED_FOR_MS }).then(
          () => {
            answered += 1
          },
          (error: unknown) => failed.add(codeOf(error)),
        )
        if (sent % PAGE === PAGE - 1) await sleep(2)
      }
    },
    /** What became of the parked calls. */
    parked: () => ({ answered, failed: failed.byCode }),
  }
}

/** Clients that are connected and quiet. */
function crowd() {
  const clients: Bus[] = []
  return {
    join: async ({ url, clients: more }: { url: string; clients: number }): Promise<void> => {
      for (let left = more; left > 0; left -= PAGE) {
        const page = range(0, Math.min(PAGE, left))
        const joined = page.map(() =>
          connect(url, { name: 'bench-idle', connectTimeoutMs: 30_000 }),
        )
        clients.push(...(await Promise.all(joined)))
      }
    },
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function numbered(index: number): string {
  return `account.balance.${index}`
}
