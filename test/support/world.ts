/**
 * A small world for one story: brokers, clients, links that can be cut, other processes. When the
 * story ends everything is closed, and nothing may be left of it: no handle that keeps the process
 * alive, no rejection that nobody handled, no warning, no defect that a loop swallowed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Broker, type BrokerOptions, startBroker } from '../../broker/index.ts'
import {
  type Bus,
  BusError,
  type ConnectOptions,
  type ConnectTarget,
  connect,
  type Log,
} from '../../rr-client/index.ts'
import { FaultProxy } from '../../scenarios/live/fault-proxy.ts'
import { type Role, type RoleFacts, startRole } from './roles.ts'

const trouble: string[] = []
const note = (what: string, error: unknown): void => {
  trouble.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
}
process.on('unhandledRejection', (error) => note('unhandledRejection', error))
process.on('warning', (warning) => note('warning', warning))

/** A logger that takes every `error` for what it is here: a defect. */
export const strictLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...what: unknown[]) => {
    const [about] = what
    note('logged as error', (about as { error?: unknown } | undefined)?.error ?? about)
  },
}

/** Far from the timeout of a call (3 s), with room for a machine that others use: what is known at once. */
export const AT_ONCE_MS = 1_500

/** Waits until a fact holds, looking often, for at most `withinMs`. */
export const until = async (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 5_000,
): Promise<void> => {
  const since = performance.now()
  while (!(await isSo())) {
    if (performance.now() - since > withinMs) assert.fail(`not within ${withinMs} ms: ${what}`)
    await pause(3)
  }
}

/** How a call ended: its reply, or the error it rejected with. */
export interface Ending<T> {
  value?: T
  error?: Error & Partial<BusError>
  ms: number
}

/** Measured from `since`: to say that a call ended early it must be from before the call was made. */
export const ending = async <T>(
  call: Promise<T>,
  since = performance.now(),
): Promise<Ending<T>> => {
  try {
    return { value: await call, ms: performance.now() - since }
  } catch (error) {
    return { error: error as Error & Partial<BusError>, ms: performance.now() - since }
  }
}

/** The BusError a call must fail with, and how long that took. */
export const failure = async (
  call: Promise<unknown>,
  code: string,
): Promise<BusError & { ms: number }> => {
  const { error, value, ms } = await ending(call)
  assert.ok(error !== undefined, `expected ${code}, got the reply ${JSON.stringify(value)}`)
  assert.ok(BusError.is(error), `expected a BusError ${code}, got ${error.stack}`)
  assert.equal(error.code, code, error.message)
  return Object.assign(error, { ms })
}

/** How often each code or `ok` came. */
export const tally = (endings: readonly Ending<unknown>[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { error } of endings) {
    const key = error === undefined ? 'ok' : (error.code ?? error.name)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

/** Runs `count` calls, at most `concurrency` at once. */
export const flood = async <T>(
  count: number,
  concurrency: number,
  call: (i: number) => Promise<T>,
): Promise<Ending<T>[]> => {
  const endings: Ending<T>[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const since = performance.now()
      endings[i] = await ending(call(i), since)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return endings
}

export class World {
  /** Tells the reader of the test's output something, such as a figure that was measured. */
  readonly say: (text: string) => void
  readonly #ends: (() => Promise<unknown> | unknown)[] = []
  #isOver = false

  constructor(say: (text: string) => void) {
    this.say = say
  }

  /**
   * Something to be ended with the story, latest first. What a story that was given up starts
   * afterwards is ended at once, or its process would never end.
   */
  later(end: () => Promise<unknown> | unknown): void {
    if (this.#isOver) Promise.resolve(end()).catch(() => {})
    else this.#ends.push(end)
  }

  async broker(options: BrokerOptions = {}): Promise<Broker> {
    const broker = await startBroker({ listen: 'ws://127.0.0.1:0', logger: strictLog, ...options })
    this.later(() => broker.close())
    return broker
  }

  async connect(target: ConnectTarget, options: ConnectOptions = {}): Promise<Bus> {
    const bus = await connect(target, { logger: strictLog, ...options })
    this.later(() => bus.close({ timeoutMs: 0 }))
    return bus
  }

  /** A way to a broker that can be hurt. */
  async proxy(url: string): Promise<FaultProxy> {
    const proxy = await FaultProxy.before(url)
    this.later(() => proxy.close())
    return proxy
  }

  /** A process of its own, which must live until it is killed. */
  async role(facts: RoleFacts): Promise<Role> {
    const role = await startRole(facts)
    this.later(() => role.kill())
    return role
  }

  async end(): Promise<void> {
    this.#isOver = true
    const failed: unknown[] = []
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end()
      } catch (error) {
        failed.push(error)
      }
    }
    if (failed.length > 0) throw failed[0]
  }
}

const handles = (): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  // Not held by anything of ours: file work of the runner and of loading modules.
  for (const kind of ['FSReqCallback', 'FSReqPromise', 'CloseReq']) delete counts[kind]
  return counts
}

const leftOver = (before: Record<string, number>): string =>
  Object.entries(handles())
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${count - (before[kind] ?? 0)} ${kind}`)
    .join(', ')

/** A story that hangs must still be ended, or its process never ends. */
const overdue = async (ms: number, world: World): Promise<void> => {
  const stop = new AbortController()
  world.later(() => stop.abort())
  const isOver = await pause(ms, true, { signal: stop.signal }).catch(() => false)
  if (isOver) throw new Error(`the story was not over after ${ms} ms`)
  await new Promise(() => {})
}

/** A test that tells a story, and leaves nothing behind. */
export const story = (
  name: string,
  tell: (world: World) => Promise<void>,
  timeout = 20_000,
): void => {
  test(name, { timeout }, async (context) => {
    const before = handles()
    const world = new World((text) => context.diagnostic(text))
    try {
      await Promise.race([tell(world), overdue(timeout - 2_000, world)])
    } finally {
      await world.end()
    }
    // The runner's own timer of this test is in neither count.
    await until(`all handles gone; left: ${leftOver(before)}`, () => leftOver(before) === '', 5_000)
    await new Promise(setImmediate)
    assert.deepEqual(trouble.splice(0), [])
  })
}
