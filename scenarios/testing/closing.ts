import { Phase } from './agenda.ts'
import type { Ends } from './ends.ts'
import { TestBusError } from './error.ts'
import type { History } from './history.ts'
import type { VirtualTime, Wait } from './virtual-time.ts'

/** Taken at once: a test may put other timers in the place of Node's. */
const { setInterval: setRealTicker, clearInterval: clearRealTicker } = globalThis
/** Work outside the world may take so long, in real time, or as long again: no other bound holds. */
const OUTSIDE_MS = 1_000

/** Goodbyes of clients arrive within this; the sessions of killed ones last longer. */
const GOODBYE_MS = 500

/** The end of a world: everything comes to its end and is closed, or is named. */
export class Closing {
  readonly #time: VirtualTime
  readonly #ends: Ends
  readonly #history: History

  constructor(time: VirtualTime, ends: Ends, history: History) {
    this.#time = time
    this.#ends = ends
    this.#history = history
  }

  async run(withinMs: number): Promise<void> {
    const own = this.#time.wait('the close of the world', 2 * withinMs, () => {})
    await this.#until(() => this.#left(own).length === 0, withinMs)
    const left = this.#left(own).map(({ what, since }) => `${what}, since ${since} ms`)
    if (left.length === 0) left.push(...(await this.#shut(withinMs)))
    this.#time.stop()
    for (const bus of this.#ends.buses) {
      if (bus.isOver) continue
      bus.process.die()
      bus.abandon('the world was closed')
    }
    this.#judge(left)
  }

  /** What somebody still waits for or works at. */
  #left(own: Wait): Wait[] {
    const waits = this.#time.open.filter((wait) => wait !== own)
    return [...waits, ...[...this.#ends.buses].flatMap((bus) => bus.running)]
  }

  /** Closes clients and then brokers, in good order. What they gave up is left. */
  async #shut(withinMs: number): Promise<string[]> {
    const buses = [...this.#ends.buses].filter((bus) => !bus.isOver)
    const left: string[] = []
    await Promise.all(
      buses.map(async (bus) => {
        const { abandoned } = await bus.close({ timeoutMs: withinMs })
        if (abandoned > 0) left.push(`${abandoned} calls or handlers of ${bus.process.name}`)
      }),
    )
    const brokers = [...this.#ends.brokers.values()].filter((broker) => broker.isUp)
    await this.#until(() => brokers.every((b) => b.snapshot().sessions === 0), GOODBYE_MS)
    for (const broker of brokers) await broker.close()
    return left
  }

  async #until(isSo: () => boolean, withinMs: number): Promise<void> {
    if (isSo()) return
    let unwatch = (): void => {}
    let standsSince = -1
    let ticker: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      unwatch = this.#time.watch(() => {
        if (isSo()) resolve()
      })
      this.#time.at(withinMs, Phase.soon, resolve)
      ticker = setRealTicker(() => {
        if (this.#time.isStanding && this.#time.now === standsSince) resolve()
        standsSince = this.#time.now
      }, OUTSIDE_MS)
    })
    unwatch()
    clearRealTicker(ticker)
  }

  #judge(left: readonly string[]): void {
    const { defects } = this.#history
    if (defects.length > 0) {
      const what = `the bus caught ${defects.length} errors in itself, the first as the cause`
      throw new TestBusError(what, { cause: defects[0] })
    }
    if (left.length === 0) return
    throw new TestBusError(`the world was closed, and these had not ended:\n  ${left.join('\n  ')}`)
  }
}
