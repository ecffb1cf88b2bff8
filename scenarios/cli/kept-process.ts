/** A process that is started again, at the same address, whenever it dies. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../../rr-client/index.ts'
import { Failure, messageOf } from './failure.ts'
import { Life } from './life.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** Ready for so long, it is well, and its next death is a first one. */
const WELL_MS = 10_000

export interface Recipe {
  /** What to call it: the id of the broker it runs. */
  name: string
  file: string
  /** Where it should listen. It starts again where it did, with the port it got. */
  listen: string
  args(listen: string): readonly string[]
  env: NodeJS.ProcessEnv
}

export class KeptProcess {
  readonly #recipe: Recipe
  readonly #log: Log
  readonly #onLine: (line: string) => void
  readonly #stopping = new AbortController()
  #url: string
  #life: Life | undefined

  constructor(recipe: Recipe, log: Log, onLine: (line: string) => void) {
    this.#recipe = recipe
    this.#log = log
    this.#onLine = onLine
    this.#url = recipe.listen
  }

  get url(): string {
    return this.#url
  }

  get pid(): number | undefined {
    return this.#life?.pid
  }

  /** Resolves when it is ready. Throws a Failure if it ends before that; only later it is kept. */
  async start(): Promise<void> {
    if (this.#isStopping) return
    const life = this.#launch()
    try {
      this.#url = await life.ready
    } catch (error) {
      throw new Failure(`${this.#recipe.name}: ${messageOf(error)}`)
    }
    void this.#keep(life)
  }

  /** Lets it end; kills it when that takes longer than so many milliseconds. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping.abort()
    const life = this.#life
    if (life === undefined) return
    const { name } = this.#recipe
    const killing = setTimeout(() => {
      this.#log.warn({ pid: life.pid }, `${name} did not stop within ${withinMs} ms and is killed`)
      life.signal('SIGKILL')
    }, withinMs)
    life.signal('SIGTERM')
    await life.ended
    clearTimeout(killing)
  }

  /** Works in an exit handler. */
  kill(): void {
    this.#stopping.abort()
    this.#life?.signal('SIGKILL')
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #launch(): Life {
    const { name, file, env } = this.#recipe
    const life = new Life({ file, args: this.#recipe.args(this.#url), env }, this.#onLine)
    this.#life = life
    this.#log.debug({ pid: life.pid }, `${name} starts`)
    return life
  }

  async #keep(first: Life): Promise<void> {
    const { name } = this.#recipe
    let pauseMs = FIRST_PAUSE_MS
    for (let life = first; ; life = this.#again()) {
      const how = await life.ended
      if (this.#isStopping) return
      if (life.readyForMs > WELL_MS) pauseMs = FIRST_PAUSE_MS
      const { pid, lastLines } = life
      this.#log.error(
        lastLines.length === 0 ? { pid } : { pid, lastLines },
        `${name} died: ${how}; it starts again in ${pauseMs} ms`,
      )
      await pause(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
      if (this.#isStopping) return
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }

  #again(): Life {
    const life = this.#launch()
    life.ready.then(
      (url) => this.#log.warn({ pid: life.pid, url }, `${this.#recipe.name} runs again`),
      // Its end is told when it has ended.
      () => {},
    )
    return life
  }
}
