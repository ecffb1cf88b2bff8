/**
 * Gathers what is seen while a drill is played, in so little memory that it may last an hour: calls
 * are folded into buckets of time and into one tally for each step, and are not kept.
 */
import { Bands } from './bands.ts'
import type { Drill, Step } from './drill.ts'
import { boundFigures, type Measured, toldFigures } from './figures.ts'
import type { Holding, Tick } from './progress-event.ts'
import type { Bucket, DrillReport, Figure, PlayedStep } from './report.ts'
import type { Call, Ledger, Look } from './stage.ts'
import { percentOf, Tally } from './tally.ts'
import { Truths } from './truths.ts'
import type { Act } from './words.ts'

const BUCKETS_MS = [100, 200, 250, 500, 1_000, 2_000, 5_000]
/** Acts that hurt nobody: a call that is open by then is not theirs. */
const HARMLESS: ReadonlySet<Act['verb']> = new Set([
  ...(['heal', 'thaw', 'add', 'load', 'restore', 'resume'] as const),
])
/** As many as a picture can show. */
const ENOUGH_BUCKETS = 600

interface Stretch {
  readonly step: Step
  readonly from: number
  readonly tally: Tally
  readonly movesBefore: number
  /** When its first act was done, and the first of those that do harm. */
  actedAt: number | undefined
  hurtAt: number | undefined
  /** Known once it is over. */
  to: number
  moves: number
  last: Look
}

/** What has been gathered, as the report has it. */
export type Gathered = Pick<
  DrillReport,
  'bucketMs' | 'steps' | 'buckets' | 'bands' | 'figures' | 'failures'
>

export class Recorder {
  readonly bucketMs: number
  readonly #drill: Drill
  readonly #startedAt: number
  readonly #stretches: Stretch[] = []
  readonly #buckets: Tally[] = []
  readonly #bands = new Bands()
  readonly #truths = new Truths()
  readonly #whole = new Tally()
  readonly #bystanders = new Tally()
  #recent = new Tally()
  #recentSince: number
  #last: Look

  /** Times are those of the stage's clock from here on. */
  constructor(drill: Drill, startedAt: number) {
    this.#drill = drill
    this.#startedAt = startedAt
    this.#recentSince = startedAt
    this.#last = { at: startedAt, calls: [], queues: [], silent: [], players: [] }
    const wholeMs = drill.steps.reduce((sum, { forMs }) => sum + forMs, 0)
    const fits = BUCKETS_MS.find((ms) => wholeMs / ms <= ENOUGH_BUCKETS)
    this.bucketMs = fits ?? BUCKETS_MS.at(-1)!
  }

  /** The time since the drill began. */
  msOf(at: number): number {
    return Math.max(0, Math.round((at - this.#startedAt) * 100) / 100)
  }

  beginStep(step: Step, at: number): void {
    this.#stretches.push({
      ...{ step, from: at, tally: new Tally(), movesBefore: this.#bands.moves },
      ...{ actedAt: undefined, hurtAt: undefined, to: at, moves: 0, last: this.#last },
    })
  }

  /** The first act of a step is where its recovery is counted from. */
  noteAct(act: Act, at: number): void {
    const stretch = this.#stretches.at(-1)!
    stretch.actedAt ??= at
    if (HARMLESS.has(act.verb)) return
    stretch.hurtAt ??= at
  }

  endStep(at: number): PlayedStep {
    const stretch = this.#stretches.at(-1)!
    stretch.to = at
    stretch.last = this.#last
    stretch.moves = this.#bands.moves - stretch.movesBefore
    return this.#playedStep(stretch)
  }

  take(look: Look): void {
    this.#last = look
    this.#bands.take(this.msOf(look.at), look)
    for (const call of look.calls) this.#takeCall(call)
  }

  /** What was seen since the last tick. */
  tick(at: number): Tick {
    const recent = this.#recent
    const seconds = (at - this.#recentSince) / 1_000
    this.#recent = new Tally()
    this.#recentSince = at
    return {
      ...{ kind: 'tick', atMs: this.msOf(at), step: this.#stretches.at(-1)?.step.name ?? '' },
      rate: seconds > 0 ? Math.round(recent.made / seconds) : 0,
      okPercent: recent.made === 0 ? undefined : percentOf(recent.ok, recent.made),
      localPercent: recent.ok === 0 ? undefined : percentOf(recent.local, recent.ok),
      p99Ms: recent.p99,
      ...{ failed: recent.codes, holdings: holdingsOf(this.#last), silent: this.#last.silent },
    }
  }

  /** Without a ledger, of a drill that was broken off, nothing is said of what ran. */
  gathered(at: number, ledger: Ledger | undefined): Gathered {
    const measured: Measured = {
      ...{ tally: this.#whole, moves: this.#bands.moves, ...standingOf(this.#last) },
      actedAt: this.#stretches.find(({ actedAt }) => actedAt !== undefined)?.actedAt ?? at,
    }
    const { bounds } = this.#drill
    return {
      bucketMs: this.bucketMs,
      steps: this.#stretches.map((stretch) => this.#playedStep(stretch)),
      buckets: Array.from(this.#buckets, (tally, i) => this.#bucketOf(tally, i)),
      bands: this.#bands.all,
      figures: [
        ...boundFigures(measured, bounds),
        ...(ledger === undefined ? [] : this.#truths.figures(ledger)),
        ...toldFigures(measured, bounds),
        ...this.#ofBystanders(),
      ],
      failures: this.#whole.failures,
    }
  }

  #takeCall(call: Call): void {
    this.#truths.add(call)
    if (call.isBystander) {
      this.#bystanders.add(call)
      return
    }
    this.#whole.add(call)
    this.#recent.add(call)
    this.#stretchOf(call)?.tally.add(call)
    const index = Math.floor(this.msOf(call.at) / this.bucketMs)
    this.#buckets[index] ??= new Tally()
    this.#buckets[index].add(call)
  }

  /** The step it was made in, or the next one if that did harm while the call was open. */
  #stretchOf({ at, ms }: Call): Stretch | undefined {
    // Those from before the first step count there, so that none is left out.
    const index = Math.max(
      0,
      this.#stretches.findLastIndex(({ from }) => from <= at),
    )
    const next = this.#stretches[index + 1]
    return next?.hurtAt !== undefined && next.hurtAt <= at + ms ? next : this.#stretches[index]
  }

  #playedStep({ step, from, to, tally, actedAt, moves, last }: Stretch): PlayedStep {
    const measured: Measured = { tally, actedAt: actedAt ?? from, moves, ...standingOf(last) }
    return {
      ...{ name: step.name, fromMs: this.msOf(from), toMs: this.msOf(to) },
      figures: [...boundFigures(measured, step.bounds), ...toldFigures(measured, step.bounds)],
    }
  }

  #bucketOf(tally: Tally | undefined, index: number): Bucket {
    const { made, ok, executed, notExecuted, unknown, p50, p99, local } = tally ?? NOTHING
    const atMs = index * this.bucketMs
    return { atMs, made, ok, executed, notExecuted, unknown, p50, p99, local }
  }

  #ofBystanders(): Figure[] {
    const { made, failed, codes } = this.#bystanders
    if (made === 0) return []
    const note = [`of ${made}`, ...codes.map(({ code, count }) => `${count} ${code}`)].join(', ')
    return [
      { name: 'failed calls of bystanders', value: failed, unit: 'count', most: undefined, note },
    ]
  }
}

const NOTHING = new Tally()

const takesRequests = ({ state }: { state: string }): boolean => state === 'writable'

/** How brokers and queues stood when they were last seen. */
const standingOf = ({ players, queues }: Look): Pick<Measured, 'ownerless' | 'queues'> => {
  const open = queues.filter(takesRequests)
  const owned = new Set(open.map(({ broker }) => broker))
  const brokers = players.filter(({ kind }) => kind === 'broker').map(({ name }) => name)
  return { ownerless: brokers.filter((name) => !owned.has(name)), queues: open.length }
}

const holdingsOf = ({ queues }: Look): Holding[] => {
  const counts = new Map<string, { -readonly [K in keyof Holding]: Holding[K] }>()
  for (const { broker, owner, state } of queues) {
    const key = `${broker} ${owner} ${state}`
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { broker, owner, state, n: 1 })
    else known.n += 1
  }
  return [...counts.values()].sort(
    (a, b) => a.broker.localeCompare(b.broker, 'en') || a.owner.localeCompare(b.owner, 'en'),
  )
}
