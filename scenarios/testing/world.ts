import type { Broker } from '../../broker/index.ts'
import { invalid } from '../../bus/errors.ts'
import { Prng } from '../../bus/prng.ts'
import { Client } from '../../rr-client/client.ts'
import { join } from '../../rr-client/connect.ts'
import type { AnyContracts, Bus } from '../../rr-client/index.ts'
import { checkConnect } from '../../rr-client/options.ts'
import { Phase } from './agenda.ts'
import type {
  AnyBus,
  CloseOptions,
  End,
  FaultOptions,
  For,
  From,
  TestBrokerOptions,
  TestBus,
  TestBusOptions,
  TestConnectOptions,
} from './api.ts'
import { Closing } from './closing.ts'
import { Ends } from './ends.ts'
import { TestBusError } from './error.ts'
import { Harm } from './harm.ts'
import { History } from './history.ts'
import { Network } from './network.ts'
import { checkClosing, checkInMemory, checkMs, checkWorld } from './options.ts'
import { Process, processHere, type Surroundings } from './process.ts'
import { VirtualBroker } from './virtual-broker.ts'
import { type BusHost, VirtualBus } from './virtual-bus.ts'
import { VirtualTime, type Wait } from './virtual-time.ts'

/** Longest wait for a fact, unless the test says otherwise. */
const UNTIL_MS = 60_000

/** Makes a world for one test. */
export const testBus = (options: TestBusOptions = {}): TestBus => new World(options)

class World implements TestBus, Surroundings, BusHost {
  readonly time: VirtualTime
  readonly prng: Prng
  readonly told: History
  readonly #network: Network
  readonly #ends = new Ends()
  readonly #harm: Harm
  readonly #numbers = new Map<string, number>()
  #closing: Promise<void> | undefined

  constructor(options: TestBusOptions) {
    const { seed, latencyMs, awayMs } = checkWorld(options)
    this.time = new VirtualTime((error) => this.told.defects.push(error))
    this.told = new History(() => this.now)
    this.prng = new Prng(seed)
    // Of its own: whether there are faults must not change what else is drawn.
    this.#network = new Network(new Prng(this.prng.u32()), latencyMs, awayMs)
    this.#harm = new Harm(this.time, this.#network, this.#ends, this.told)
  }

  get now(): number {
    return this.time.age
  }

  get history(): readonly string[] {
    return this.told.lines
  }

  async broker(
    name = `b${this.#ends.brokers.size + 1}`,
    options: TestBrokerOptions = {},
  ): Promise<Broker> {
    this.#checkOpen()
    checkInMemory('broker', options)
    if (this.#ends.brokers.has(name)) {
      throw invalid('broker', `${name} is there already: restart() gives it a new life`)
    }
    const broker = new VirtualBroker(this, name, options, this.told)
    this.#ends.brokers.set(name, broker)
    return broker
  }

  async connect<C = AnyContracts>(options: TestConnectOptions = {}): Promise<Bus<C>> {
    this.#checkOpen()
    checkInMemory('connect', options)
    const { brokers: asked, ...rest } = options
    const checked = checkConnect(rest)
    const { name, idc } = checked
    const brokers = asked?.map((broker) => this.#ends.broker(broker))
    const stations = brokers ?? [...this.#ends.brokers.values()]
    if (stations.length === 0) throw invalid('world', 'has no broker yet: call broker() first')
    const process = new Process(this, name, idc)
    const hosts = stations.map((station) => this.#network.host(process, station))
    const logger = this.told.logOf(name, checked.logger)
    const targets = { brokers: hosts, registries: [] }
    const client = new Client(targets, { ...checked, logger }, process.runtime)
    const wait = process.wait(`the first link of ${name}`, checked.connectTimeoutMs, () => {})
    try {
      await join(client, checked.connectTimeoutMs)
    } catch (error) {
      this.#network.forget(process)
      throw error
    } finally {
      process.end(wait)
    }
    const bus = new VirtualBus(client, process, this)
    this.#ends.buses.add(bus)
    return bus as unknown as Bus<C>
  }

  readonly sleep = (ms: number, { signal }: { signal?: AbortSignal } = {}): Promise<void> => {
    const here = processHere()
    const whose = here ?? this.time
    const what = `a sleep of ${ms} ms${here === undefined ? '' : ` at ${here.name}`}`
    return this.#wait(what, ms, (resolve, reject) => {
      checkMs('sleep', ms)
      signal?.throwIfAborted()
      const onAbort = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      whose.at(ms, Phase.timer, resolve)
      return () => signal?.removeEventListener('abort', onAbort)
    })
  }

  until(what: string, isSo: () => boolean, withinMs = UNTIL_MS): Promise<void> {
    return this.#wait(`that ${what}`, withinMs, (resolve, reject) => {
      checkMs('until', withinMs)
      const look = (): void => {
        try {
          if (isSo()) resolve()
        } catch (error) {
          reject(error)
        }
      }
      this.time.at(withinMs, Phase.soon, () => {
        reject(new TestBusError(`not within ${withinMs} ms: ${what}`))
      })
      look()
      return this.time.watch(look)
    })
  }

  abortAfter(ms: number): AbortSignal {
    checkMs('abortAfter', ms)
    const controller = new AbortController()
    const reason = new DOMException(`${ms} ms are over`, 'TimeoutError')
    ;(processHere() ?? this.time).at(ms, Phase.timer, () => controller.abort(reason))
    return controller.signal
  }

  async outside<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    const wait = this.time.standStill('work outside the world')
    try {
      return await (typeof work === 'function' ? work() : work)
    } finally {
      this.time.end(wait)
    }
  }

  within<T>(bus: AnyBus, work: () => T): T {
    return this.#ends.bus(bus).process.run(work)
  }

  kill(end: End): void {
    this.#harm.kill(end)
  }

  freeze(end: End, options?: For): void {
    this.#harm.freeze(end, options)
  }

  thaw(end: End): void {
    this.#harm.thaw(end)
  }

  restart(broker: Broker): void {
    this.#harm.restart(broker)
  }

  slow(bus: AnyBus, options: { byMs: number } & For): void {
    this.#harm.slow(bus, options)
  }

  cut(end: End, options?: From & { oneWay?: boolean }): void {
    this.#harm.cut(end, options)
  }

  reset(end: End, options?: { from?: End }): void {
    this.#harm.reset(end, options)
  }

  part(end: End, options?: From): void {
    this.#harm.part(end, options)
  }

  delay(end: End, options: { byMs: number } & From): void {
    this.#harm.delay(end, options)
  }

  faults(options: FaultOptions): void {
    this.#harm.faults(options)
  }

  heal(): void {
    this.#harm.heal()
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing
    try {
      const { withinMs } = checkClosing(options)
      this.heal()
      this.#closing = new Closing(this.time, this.#ends, this.told).run(withinMs)
      return this.#closing
    } catch (error) {
      return Promise.reject(error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  nextNumber(name: string): number {
    const number = (this.#numbers.get(name) ?? 0) + 1
    this.#numbers.set(name, number)
    return number
  }

  left({ process }: VirtualBus): void {
    this.#network.forget(process)
  }

  /** Time moves until `begin` has settled it. A handler's wait ends with its process, and silently. */
  async #wait(
    what: string,
    ms: number,
    begin: (resolve: () => void, reject: (error: unknown) => void) => () => void,
  ): Promise<void> {
    if (this.time.isOver) throw new TestBusError('this world is closed')
    const here = processHere()
    let wait: Wait | undefined
    let end = (): void => {}
    try {
      await new Promise<void>((resolve, reject) => {
        end = begin(resolve, reject)
        const abandon = (why: string): void => reject(new TestBusError(`${what}: ${why}`))
        wait =
          here === undefined ? this.time.wait(what, ms, abandon) : here.wait(what, ms, () => {})
      })
    } finally {
      end()
      if (wait !== undefined) (here ?? this.time).end(wait)
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new TestBusError('this world is closed, or closing')
  }
}
