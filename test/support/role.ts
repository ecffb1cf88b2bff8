/** One process of a story. Does nothing unless it was started with facts, as by `roles.ts`. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Broker, startBroker } from '../../broker/index.ts'
import { type Bus, connect, type Log, ServiceError } from '../../rr-client/index.ts'
import { openCaller, openFleet, openWatcher } from './fleet.ts'
import type { Ask, RoleFacts } from './roles.ts'

const say = (what: object): void => {
  process.send?.(what)
}

const fatal = (error: unknown): void => {
  say({ fatal: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...what: unknown[]) => fatal((what[0] as { error?: unknown }).error ?? what[0]),
}

type Answers = (ask: Ask) => unknown

const asBroker = async (listen: string): Promise<[string, Answers]> => {
  const broker: Broker = await startBroker({ listen, logger: log })
  return [broker.url, ({ what }) => (what === 'memory' ? process.memoryUsage() : broker.snapshot())]
}

/** Spins, as a bad service does: timers, sockets and signals of this process all wait. */
const block = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // Spins.
  }
}

/** Counts each piece of work that was begun: the truth that callers are measured against. */
const asResponder = async (
  url: string,
  name: string,
  concurrency: number,
): Promise<[string, Answers]> => {
  const bus: Bus = await connect(url, { name, group: 'services', logger: log })
  const ledger = new Map<string, number>()
  const enter = (id: string): void => {
    ledger.set(id, (ledger.get(id) ?? 0) + 1)
  }
  let release: () => void = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await bus.reply('work.echo', (body) => body, { concurrency })
  await bus.reply(
    'work.transfer',
    async ({ id, delayMs }: { id: string; delayMs: number }) => {
      enter(id)
      if (delayMs > 0) await pause(delayMs)
      return { id, by: name }
    },
    { concurrency },
  )
  await bus.reply(
    'work.hold',
    async ({ id }: { id: string }) => {
      enter(id)
      await released
      return { id, by: name }
    },
    { concurrency },
  )
  await bus.reply(
    'work.block',
    ({ id, ms }: { id: string; ms: number }) => {
      enter(id)
      block(ms)
      return { id, by: name }
    },
    { concurrency: 1 },
  )
  await bus.reply('work.refuse', ({ id }: { id: string }) => {
    enter(id)
    throw new ServiceError('REFUSED', 'no', { id })
  })
  return [
    url,
    ({ what }) => {
      if (what === 'ledger') return ledger
      if (what === 'release') return release()
      return bus.snapshot()
    },
  ]
}

/** Answers one topic, by brokers that vote, if it is the active one. */
const asStandby = async (urls: string[], name: string): Promise<[string, Answers]> => {
  const bus = await connect(urls, { name, group: 'services', logger: log })
  const ledger = new Map<string, number>()
  await bus.reply(
    'work.alone',
    ({ id }: { id: string }) => {
      ledger.set(id, (ledger.get(id) ?? 0) + 1)
      return { id, by: name }
    },
    { standby: true },
  )
  return [urls[0]!, ({ what }) => (what === 'ledger' ? ledger : bus.snapshot())]
}

/** Sends its calls, tells that it has, and waits: to be frozen with replies due. */
const asRequester = async (
  url: string,
  topic: string,
  calls: number,
): Promise<[string, Answers]> => {
  const bus = await connect(url, { name: 'requester', logger: log, timeoutMs: 20_000 })
  for (let i = 0; i < calls; i++) bus.request(topic, { id: `${bus.instance}-${i}` }).catch(() => {})
  return [url, () => bus.snapshot()]
}

const begin = async (facts: RoleFacts): Promise<[string, Answers]> => {
  if (facts.role === 'broker') return asBroker(facts.listen)
  if (facts.role === 'requester') return asRequester(facts.url, facts.topic, facts.calls)
  if (facts.role === 'fleet') {
    const buses = await openFleet(facts.url, facts, log)
    return [facts.url, () => buses.length]
  }
  if (facts.role === 'watcher') return [facts.url, await openWatcher(facts.url, facts, log)]
  if (facts.role === 'caller') {
    return [facts.url, await openCaller(facts.url, facts.topic, facts.everyMs, log)]
  }
  if (facts.standbyAt !== undefined) return asStandby(facts.standbyAt, facts.name ?? 'standby')
  return asResponder(facts.url, facts.name ?? 'responder', facts.concurrency ?? 64)
}

const text = process.argv[2]
if (process.send !== undefined && text !== undefined) {
  process.on('unhandledRejection', fatal)
  process.on('uncaughtException', fatal)
  // No story, no process.
  process.on('disconnect', () => process.exit(0))
  const [url, answer] = await begin(JSON.parse(text) as RoleFacts)
  process.on('message', (ask: Ask & { id: number }) => {
    say({ id: ask.id, value: answer(ask) })
  })
  say({ ready: { url } })
}
