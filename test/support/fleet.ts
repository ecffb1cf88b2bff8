/** What the processes of a storm do: very many clients, who watches them, and who calls meanwhile. */
import { constants, setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bus, connect, type Log } from '../../rr-client/index.ts'

const stormTopic = (index: number): string => `storm.t${index}`

/** Elsewhere they would run on machines of their own, and not take the processor from who is measured. */
export const giveWay = (): void => setPriority(constants.priority.PRIORITY_LOW)

/** Clients of one process, of which each answers as many topics. */
export const openFleet = async (
  url: string,
  { name, clients, topics }: { name: string; clients: number; topics: number },
  logger: Log,
): Promise<Bus[]> => {
  giveWay()
  const open = (_: unknown, i: number): Promise<Bus> =>
    connect(url, { name: `${name}-${i}`, group: 'fleet', connectTimeoutMs: 30_000, logger })
  const buses = await Promise.all(Array.from({ length: clients }, open))
  const answering = buses.flatMap((bus) =>
    Array.from({ length: topics }, (_, i) =>
      bus.reply(stormTopic(i), (body) => body, { concurrency: 1 }),
    ),
  )
  await Promise.all(answering)
  return buses
}

/** What a requester of all topics has been told of them. */
export interface News {
  /** Frames so far, and when the last of them came. */
  readonly count: number
  readonly lastAt: number
  /** Topics with as many writable queues as there are clients, and since when all have. */
  readonly whole: number
  readonly wholeAt: number
}

/** Uses every topic, and follows what is told of them. */
export const openWatcher = async (
  url: string,
  { topics, clients }: { topics: number; clients: number },
  logger: Log,
): Promise<() => News> => {
  giveWay()
  const bus = await connect(url, { name: 'watcher', logger })
  const status = bus.status()
  const whole = new Set<string>()
  let [count, lastAt, wholeAt] = [0, 0, 0]
  const follow = async (): Promise<void> => {
    for await (const news of status) {
      if (news.kind !== 'routes') continue
      count += 1
      lastAt = Date.now()
      const wasWhole = whole.size === topics
      if (news.writable === clients) whole.add(news.topic)
      else whole.delete(news.topic)
      if (!wasWhole && whole.size === topics) wholeAt = lastAt
    }
  }
  void follow()
  for (let i = 0; i < topics; i++) await bus.request(stormTopic(i), { i })
  return () => ({ count, lastAt, whole: whole.size, wholeAt })
}

/** One call: when it began, how long it took, and the code of its error if it had one. */
export type Timed = [at: number, ms: number, error?: string]

/** Calls at a steady pace, whatever becomes of earlier ones. */
export const openCaller = async (
  url: string,
  topic: string,
  everyMs: number,
  logger: Log,
): Promise<() => { timed: Timed[]; recoveries: number }> => {
  const bus = await connect(url, { name: 'caller', logger })
  const timed: Timed[] = []
  const call = (): void => {
    const at = Date.now()
    const since = performance.now()
    bus.request(topic, { at }).then(
      () => timed.push([at, performance.now() - since]),
      (error: { code?: string }) => timed.push([at, performance.now() - since, error.code ?? '?']),
    )
  }
  const go = async (): Promise<void> => {
    for (;;) {
      call()
      await pause(everyMs)
    }
  }
  void go()
  return () => ({ timed, recoveries: bus.snapshot().counters.recoveries ?? 0 })
}
