/** The life of `finbus top` on a terminal: looks each second, obeys keys, ends when it is told to. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ClusterSnapshot } from '../../broker/index.ts'
import { messageOf } from './failure.ts'
import { pressed } from './top-keys.ts'
import type { Terminal } from './top-terminal.ts'
import { FIRST_ASK, type TopAsk, topLines } from './top-view.ts'

/** Clients report each second: over a longer while no report is missed, and none counts twice. */
const RATE_OVER = 5

export interface WatchFacts {
  terminal: Terminal
  ask(): Promise<ClusterSnapshot>
  everyMs: number
}

export class TopWatch {
  readonly #facts: WatchFacts
  readonly #quit = new AbortController()
  /** The last ones, oldest first; what is shown is the last. */
  readonly #seen: ClusterSnapshot[] = []
  #ask: TopAsk = FIRST_ASK
  #warning: string | undefined

  constructor(facts: WatchFacts) {
    this.#facts = facts
  }

  /** Until a key or the signal ends it. A first look that fails rejects; later ones are told in the picture. */
  async run(signal: AbortSignal): Promise<void> {
    const { terminal, everyMs } = this.#facts
    const { signal: isOver } = this.#quit
    const quit = (): void => this.#quit.abort()
    signal.addEventListener('abort', quit)
    try {
      // Before the terminal is taken: what is wrong with the address is said where it can be read.
      this.#take(await this.#facts.ask())
      if (signal.aborted) return
      terminal.take((typed) => this.#onKeys(typed), this.#draw, quit)
      this.#draw()
      while (!isOver.aborted) {
        await pause(everyMs, undefined, { signal: isOver }).catch(() => {})
        if (!isOver.aborted && !this.#ask.isPaused) await this.#look()
      }
    } finally {
      signal.removeEventListener('abort', quit)
      terminal.giveBack()
    }
  }

  async #look(): Promise<void> {
    try {
      const snapshot = await this.#facts.ask()
      this.#warning = undefined
      // It was paused while the answer was on its way.
      if (this.#ask.isPaused) return
      this.#take(snapshot)
    } catch (error) {
      this.#warning = messageOf(error)
    }
    this.#draw()
  }

  #take(snapshot: ClusterSnapshot): void {
    this.#seen.push(snapshot)
    if (this.#seen.length > RATE_OVER) this.#seen.shift()
  }

  #onKeys(typed: string): void {
    const ask = pressed(this.#ask, typed)
    if (ask === undefined) this.#quit.abort()
    else this.#ask = ask
    this.#draw()
  }

  readonly #draw = (): void => {
    const { terminal } = this.#facts
    const last = this.#seen.at(-1)
    if (last === undefined) return
    const earlier = this.#seen.length > 1 ? this.#seen[0] : undefined
    const { columns, rows } = terminal
    terminal.draw(topLines(last, earlier, this.#ask, { columns, rows }, this.#warning))
  }
}
