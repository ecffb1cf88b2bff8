import { BrokerHost } from '../../broker/broker.ts'
import type { Broker, BrokerSnapshot, DarkLaunchRule } from '../../broker/index.ts'
import { type CheckedBroker, checkBroker } from '../../broker/options.ts'
import type { LinkEvents } from '../../bus/io/link.ts'
import type { History } from './history.ts'
import type { Station } from './network.ts'
import { Process, type Surroundings } from './process.ts'
import type { WireEnd } from './wire.ts'

/** A broker of the world, through all its lives. */
export class VirtualBroker implements Broker, Station {
  readonly id: string
  readonly idc: string
  readonly url: string
  readonly adminUrl = undefined
  readonly #world: Surroundings
  readonly #options: CheckedBroker
  #process: Process
  #host: BrokerHost
  #isClosed = false

  constructor(world: Surroundings, id: string, options: object, history: History) {
    const checked = checkBroker({ ...options, id })
    this.#options = { ...checked, logger: history.logOf(id, checked.logger) }
    this.id = id
    this.idc = checked.idc
    this.url = `memory:${id}`
    this.#world = world
    this.#process = new Process(world, id, this.idc)
    // When the world begins it has been up for long: it knows all responders.
    this.#host = this.#start(world.time.now - this.#options.warmUpMs)
  }

  get process(): Process {
    return this.#process
  }

  get isUp(): boolean {
    return !this.#process.isDead && !this.#isClosed
  }

  /** In a new life; the one before is dead. */
  restart(): void {
    this.#isClosed = false
    this.#process = new Process(this.#world, this.id, this.idc)
    this.#host = this.#start(this.#world.time.now)
  }

  accept(from: string, end: WireEnd): void {
    if (this.#isClosed) {
      end.close(1001, 'the broker is closed')
      return
    }
    this.#host.onLink(from, (events: LinkEvents) => {
      end.events = events
      return end
    })
  }

  snapshot(): BrokerSnapshot {
    return this.#host.snapshot()
  }

  setRules(rules: readonly DarkLaunchRule[] | string, version?: number): number {
    return this.#host.setRules(rules, version)
  }

  /** In good order, as the real one; then its process ends. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#host.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start(startedAt: number): BrokerHost {
    const host = new BrokerHost(this.#options, this.#process.runtime, startedAt)
    host.url = this.url
    return host
  }
}
