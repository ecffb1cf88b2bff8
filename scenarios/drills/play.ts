/** Plays a drill on a stage: acts, looks, bounds, a report; whatever happens, the stage is ended. */
import { type Drill, DrillError, type Step } from './drill.ts'
import { certain } from './figures.ts'
import type { OnProgress, Tick } from './progress-event.ts'
import { Recorder } from './recorder.ts'
import { type DrillReport, type Figure, figuresOf, isReached, type PlayedAct } from './report.ts'
import type { Ledger, Stage } from './stage.ts'
import { MAX_CALLS } from './truths.ts'
import { type Act, actText } from './words.ts'

/** Where and when it is played: what a report says of it besides. */
export type Setting = Pick<DrillReport, 'stage' | 'startedAt' | 'machine' | 'version'>

export interface PlayOptions {
  readonly setting: Setting
  readonly onEvent?: OnProgress
  /** Breaks the drill off. */
  readonly signal?: AbortSignal | undefined
}

const LOOK_MS = 250
const TICK_MS = 1_000
/** What a stage takes at most; one that takes longer hangs. */
const START_MS = 60_000
const ACT_MS = 60_000
const LOOK_AGAIN_MS = 15_000
const END_MS = 30_000

/** Rejects only when the stage fails; what the cluster does wrong is in the report. */
export const playDrill = async (
  drill: Drill,
  stage: Stage,
  options: PlayOptions,
): Promise<DrillReport> => {
  const calls = callsOf(drill)
  if (calls > MAX_CALLS) {
    const [asked, most] = [calls, MAX_CALLS].map((count) => count.toLocaleString('en'))
    throw new DrillError(`drill ${drill.name} makes ${asked} calls; account is kept of ${most}`)
  }
  return new Play(drill, stage, options).run()
}

/** How many the load makes, repeats not counted. */
const callsOf = ({ cluster, load, steps }: Drill): number => {
  const callers = Object.values(cluster.idcs).reduce((sum, idc) => sum + idc.requesters, 0)
  let { rate } = load
  let calls = 0
  for (const { acts, forMs } of steps) {
    for (const act of acts) if (act.verb === 'load') rate = act.rate
    calls += (callers * rate * forMs) / 1_000
  }
  return calls
}

class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

class Play {
  readonly #drill: Drill
  readonly #stage: Stage
  readonly #setting: Setting
  readonly #tell: OnProgress
  readonly #signal: AbortSignal | undefined
  readonly #acts: PlayedAct[] = []
  #recorder: Recorder
  #ledger: Ledger | undefined
  #isInterrupted = false
  #nextTickAt = 0

  constructor(drill: Drill, stage: Stage, { setting, onEvent, signal }: PlayOptions) {
    this.#drill = drill
    this.#stage = stage
    this.#setting = setting
    this.#tell = onEvent ?? ((): void => {})
    this.#signal = signal
    this.#recorder = new Recorder(drill, stage.now())
  }

  async run(): Promise<DrillReport> {
    const leftovers: string[] = []
    let endedAt = 0
    try {
      await this.#play()
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      this.#isInterrupted = true
    } finally {
      endedAt = this.#stage.now()
      leftovers.push(...(await this.#end()))
    }
    const report = this.#report(endedAt, leftovers)
    this.#tell({ kind: 'done', report })
    return report
  }

  async #play(): Promise<void> {
    const { steps } = this.#drill
    const stage = this.#stage
    this.#tell({ kind: 'starting', drill: this.#drill })
    await this.#within(START_MS, 'the start of the cluster', () => stage.start(this.#drill))
    const now = stage.now()
    this.#recorder = new Recorder(this.#drill, now)
    this.#nextTickAt = now + TICK_MS
    for (const [index, step] of steps.entries()) {
      const { name, forMs } = step
      const atMs = this.#recorder.msOf(stage.now())
      this.#tell({ kind: 'step', atMs, name, number: index + 1, of: steps.length, forMs })
      // After an act that failed the rest would be another drill than the one that was asked for.
      if (!(await this.#playStep(step))) break
    }
    this.#tell({ kind: 'settling', atMs: this.#recorder.msOf(stage.now()) })
    const settleMs = this.#drill.load.timeoutMs + LOOK_AGAIN_MS
    const what = 'the settling of the last calls'
    this.#recorder.take(await this.#within(settleMs, what, () => stage.settle()))
    this.#ledger = stage.ledger()
  }

  /** False when an act of it failed. */
  async #playStep(asked: Step): Promise<boolean> {
    const stage = this.#stage
    const from = stage.now()
    this.#recorder.beginStep(asked, from)
    let isSound = true
    for (const act of asked.acts) {
      isSound = await this.#perform(act)
      if (!isSound) break
    }
    const until = from + asked.forMs
    while (isSound) {
      const leftMs = until - stage.now()
      if (leftMs <= 0) break
      const waitMs = Math.min(LOOK_MS, leftMs)
      await this.#within(waitMs + LOOK_AGAIN_MS, 'a wait', () => stage.wait(waitMs))
      await this.#look()
    }
    if (asked.acts.length > 0 && stage.now() >= until) await this.#look()
    const at = stage.now()
    const played = this.#recorder.endStep(at)
    const step = { ...played, figures: certain(played.figures) }
    this.#tell({ kind: 'stepped', atMs: this.#recorder.msOf(at), step })
    return isSound
  }

  async #perform(act: Act): Promise<boolean> {
    const at = this.#stage.now()
    this.#recorder.noteAct(act, at)
    let failure: string | undefined
    try {
      await this.#within(ACT_MS, 'this act', () => this.#stage.perform(act))
    } catch (error) {
      if (error instanceof Interrupted) throw error
      failure = messageOf(error)
    }
    const played = { atMs: this.#recorder.msOf(at), text: actText(act), failure }
    this.#acts.push(played)
    this.#tell({ kind: 'act', atMs: played.atMs, act: played })
    return failure === undefined
  }

  async #look(): Promise<void> {
    const stage = this.#stage
    this.#recorder.take(await this.#within(LOOK_AGAIN_MS, 'a look', () => stage.look()))
    const now = stage.now()
    if (now < this.#nextTickAt) return
    this.#nextTickAt = now + TICK_MS
    const tick: Tick = this.#recorder.tick(now)
    this.#tell(tick)
  }

  /** What could not be brought back to order. */
  async #end(): Promise<string[]> {
    try {
      await timed(END_MS, 'to end', () => this.#stage.end())
      return []
    } catch (error) {
      return [messageOf(error)]
    }
  }

  #report(endedAt: number, leftovers: readonly string[]): DrillReport {
    const { name, about } = this.#drill
    const { figures, ...gathered } = this.#recorder.gathered(endedAt, this.#ledger)
    const report: Omit<DrillReport, 'verdict'> = {
      ...{ drill: name, about, ...this.#setting, durationMs: this.#recorder.msOf(endedAt) },
      ...{ ...gathered, acts: this.#acts, leftovers },
      figures: [...this.#failedActs(), ...figures],
    }
    return { ...report, verdict: this.#verdictOf(report) }
  }

  #failedActs(): Figure[] {
    const failed = this.#acts.filter(({ failure }) => failure !== undefined)
    if (failed.length === 0) return []
    const note = failed.map(({ text, failure }) => `${text}: ${failure}`).join('; ')
    return [{ name: 'acts that failed', value: failed.length, unit: 'count', most: 0, note }]
  }

  #verdictOf(report: Omit<DrillReport, 'verdict'>): DrillReport['verdict'] {
    if (this.#isInterrupted) return 'interrupted'
    const isPassed =
      report.leftovers.length === 0 &&
      figuresOf({ ...report, verdict: 'missed' }).every(({ figure }) => isReached(figure))
    return isPassed ? 'passed' : 'missed'
  }

  /** Waits for the stage, but neither longer than so, nor on when the drill is broken off. */
  async #within<T>(ms: number, what: string, doing: () => Promise<T>): Promise<T> {
    const signal = this.#signal
    if (signal === undefined) return timed(ms, what, doing)
    if (signal.aborted) throw new Interrupted()
    let onAbort = (): void => {}
    const aborted = new Promise<never>((_, reject) => {
      onAbort = (): void => reject(new Interrupted())
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([timed(ms, what, doing), aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

const timed = async <T>(ms: number, what: string, doing: () => Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    const error = new Error(`${what} took longer than ${ms / 1_000} s`)
    timer = setTimeout(() => reject(error), ms)
  })
  try {
    return await Promise.race([doing(), overdue])
  } finally {
    clearTimeout(timer)
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
