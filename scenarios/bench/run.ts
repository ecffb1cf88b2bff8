/** One run of the benchmark: its windows, its time, and all that has to be said about it. */
import { Crew } from '../live/processes.ts'
import type { LoadPlan, LoadResult } from './load.ts'
import type { Settings } from './options.ts'
import type { Loadable } from './world.ts'

/** The promise of `--help`; longer windows get more in proportion. */
const DEFAULT_MS = 235_000
const QUICK_MS = 38_000

/** Seconds: in less, the kernel's CPU ticks of 10 ms are too coarse. */
const MIN_SLICE = 0.3

export interface Note {
  what: string
  why: string
}

export class Run {
  readonly settings: Settings
  readonly crew = new Crew()
  /** What was left out, and why. */
  readonly skipped: Note[] = []
  /** What went wrong while it was measured: such numbers count for little. */
  readonly problems: Note[] = []
  /** A part did not come to its end. */
  failed = false
  readonly #log: (line: string) => void
  readonly #began = performance.now()
  readonly #budgetMs: number

  constructor(settings: Settings, log: (line: string) => void) {
    this.settings = settings
    this.#log = log
    const usual = settings.quick ? QUICK_MS : DEFAULT_MS
    this.#budgetMs = usual * Math.max(1, settings.seconds / (settings.quick ? 0.4 : 2))
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1_000
  }

  get warmMs(): number {
    return this.settings.quick ? 150 : 400
  }

  /** Rows of a growth: how far it goes. */
  get steps(): readonly number[] {
    return this.settings.quick ? [10, 1_000] : [10, 100, 1_000, 10_000]
  }

  log(line: string): void {
    this.#log(`${this.seconds.toFixed(0).padStart(4)} s  ${line}`)
  }

  skip(what: string, why: string): void {
    this.skipped.push({ what, why })
    this.log(`skipped ${what}: ${why}`)
  }

  problem(what: string, why: string): void {
    this.problems.push({ what, why })
    this.log(`problem in ${what}: ${why}`)
  }

  /** Whether there is time for two more windows after so much preparation; if not, says so. */
  hasTimeFor(what: string, prepareMs: number): boolean {
    const needed = prepareMs + 2 * (this.warmMs + this.settings.seconds * 1_000)
    if (this.seconds * 1_000 + needed <= this.#budgetMs) return true
    this.skip(what, `the ${Math.round(this.#budgetMs / 1_000)} s of this run are used up`)
    return false
  }

  /** Does a part of the run: what it throws is its own problem, what it forks ends with it. */
  async section(what: string, work: () => Promise<void>): Promise<void> {
    if (this.crew.interrupted) return
    const longer = this.crew.members()
    try {
      await work()
    } catch (error) {
      if (!this.crew.interrupted) {
        this.failed = true
        this.problem(what, error instanceof Error ? error.message : String(error))
      }
    } finally {
      await this.crew.stop(longer)
    }
  }

  /** One warmed window of load. */
  async measure(
    what: string,
    world: Loadable,
    shape: Shape,
    seconds = this.settings.seconds,
  ): Promise<LoadResult> {
    const plan: LoadPlan = {
      concurrency: shape.concurrency,
      size: shape.size,
      warmMs: this.warmMs,
      ms: seconds * 1_000,
      slices: Math.min(5, Math.max(1, Math.floor(seconds / MIN_SLICE))),
      pids: world.pids,
    }
    const result = await world.load(plan)
    for (const [code, times] of Object.entries(result.errors)) {
      this.problem(what, `${times} calls failed with ${code}`)
    }
    return result
  }

  /**
   * Proves that replies are the bytes that were sent, then loads the world until it gets no faster:
   * a first row that is measured while the compiler works makes all later ones look good.
   */
  async warmUp(what: string, world: Loadable, shape: Shape): Promise<void> {
    const calls = 140
    const wrong = await world.verify(calls)
    if (wrong > 0) throw new Error(`${wrong} of ${calls} replies were wrong`)
    const plan: LoadPlan = { ...shape, warmMs: 0, ms: 400, slices: 1, pids: {} }
    let best = 0
    let windows = 0
    for (let still = 0; still < 2 && windows < (this.settings.quick ? 3 : 10); windows++) {
      const { rate } = await world.load(plan)
      still = rate > best * 1.03 ? 0 : still + 1
      best = Math.max(best, rate)
    }
    this.log(`${what}: warm after ${windows} windows`)
  }
}

export interface Shape {
  concurrency: number
  size: number
}
