import { invalid } from '../../bus/errors.ts'
import { Phase } from './agenda.ts'
import type { AnyBus, End, FaultOptions, For, From } from './api.ts'
import type { Ends } from './ends.ts'
import type { History } from './history.ts'
import type { Network, Path } from './network.ts'
import { checkBy, checkFaults, checkFor, checkFrom } from './options.ts'
import type { Process } from './process.ts'
import { VirtualBus } from './virtual-bus.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What can be done to a world, and undone. */
export class Harm {
  readonly #time: VirtualTime
  readonly #network: Network
  readonly #ends: Ends
  readonly #history: History

  constructor(time: VirtualTime, network: Network, ends: Ends, history: History) {
    this.#time = time
    this.#network = network
    this.#ends = ends
    this.#history = history
  }

  kill(end: End): void {
    const found = this.#ends.end(end)
    const { process } = found
    if (process.isDead) return
    this.#tell(`kill ${process.name}`)
    this.#network.died(process)
    process.die()
    if (found instanceof VirtualBus) found.abandon('it was killed')
  }

  restart(end: End): void {
    const broker = this.#ends.broker(end)
    this.kill(broker)
    this.#tell(`restart ${broker.id}`)
    broker.restart()
  }

  freeze(end: End, options: For = {}): void {
    const { forMs } = checkFor('freeze', options)
    const process = this.#ends.process(end)
    this.#tell(`freeze ${process.name}${during(forMs)}`)
    process.freeze()
    this.#undo(forMs, () => this.#thaw(process))
  }

  thaw(end: End): void {
    this.#thaw(this.#ends.process(end))
  }

  slow(end: AnyBus, options: { byMs: number } & For): void {
    const bus = this.#ends.bus(end)
    const { byMs, forMs } = checkBy('slow', options)
    this.#tell(`slow ${bus.process.name} by ${byMs} ms${during(forMs)}`)
    bus.slowMs = byMs
    this.#undo(forMs, () => {
      bus.slowMs = 0
    })
  }

  cut(end: End, options: From & { oneWay?: boolean } = {}): void {
    const { from, forMs, oneWay } = checkFrom('cut', options)
    const paths = this.#paths('cut', end, from, oneWay ? ' one way' : '', forMs)
    const sender = oneWay ? this.#ends.process(end) : undefined
    this.#network.hold(paths, true, sender)
    this.#undo(forMs, () => this.#network.hold(paths, false, sender))
  }

  reset(end: End, options: { from?: End } = {}): void {
    const { from } = checkFrom('reset', options)
    this.#network.reset(this.#paths('reset', end, from, '', undefined))
  }

  part(end: End, options: From = {}): void {
    const { from, forMs } = checkFrom('part', options)
    const paths = this.#paths('part', end, from, '', forMs)
    this.#network.part(paths, true)
    this.#undo(forMs, () => this.#network.part(paths, false))
  }

  delay(end: End, options: { byMs: number } & From): void {
    const { from, byMs, forMs } = checkBy('delay', options)
    const paths = this.#paths('delay', end, from, ` by ${byMs} ms`, forMs)
    this.#network.delay(paths, byMs)
    this.#undo(forMs, () => this.#network.delay(paths, 0))
  }

  faults(options: FaultOptions): void {
    const { resets, delays, delayMs, forMs } = checkFaults(options)
    this.#tell(`faults: ${resets} reset, ${delays} late by up to ${delayMs} ms${during(forMs)}`)
    const storm = { resets, delays, delayMs }
    this.#network.storm = storm
    this.#undo(forMs, () => {
      if (this.#network.storm === storm) this.#network.storm = undefined
    })
  }

  heal(): void {
    this.#tell('heal')
    this.#network.heal()
    for (const end of this.#ends.all) end.process.thaw()
    for (const bus of this.#ends.buses) bus.slowMs = 0
  }

  #thaw(process: Process): void {
    if (!process.isFrozen) return
    this.#tell(`thaw ${process.name}`)
    process.thaw()
  }

  /** The ways that are meant; an act that would hurt nothing is a mistake in the test. */
  #paths(verb: string, end: End, from: unknown, how: string, forMs: number | undefined): Path[] {
    const one = this.#ends.process(end)
    const other = from === undefined ? undefined : this.#ends.end(from).process
    const told = other === undefined ? '' : ` from ${other.name}`
    const paths = this.#network.between(one, other)
    if (paths.length === 0) {
      const what = `${one.name}${told}`
      throw invalid(verb, `finds no link of ${what}: clients link to brokers, not to each other`)
    }
    this.#tell(`${verb} ${one.name}${told}${how}${during(forMs)}`)
    return paths
  }

  #undo(forMs: number | undefined, undo: () => void): void {
    if (forMs !== undefined) this.#time.at(forMs, Phase.timer, undo)
  }

  #tell(what: string): void {
    this.#history.tell('world', what)
  }
}

const during = (forMs: number | undefined): string =>
  forMs === undefined ? '' : ` for ${forMs} ms`
