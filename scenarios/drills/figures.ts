/** What is measured of a step, or of a whole drill, and held against its bounds. */
import type { BoundName, Bounds } from './drill.ts'
import type { Figure, Unit } from './report.ts'
import { percentOf, type Tally } from './tally.ts'

/** What there is to measure. */
export interface Measured {
  readonly tally: Tally
  /** When the first act was done, on the clock of the calls. */
  readonly actedAt: number
  /** Live brokers without a queue that takes requests. */
  readonly ownerless: readonly string[]
  /** Queues that take requests. */
  readonly queues: number
  readonly moves: number
}

interface Measure {
  readonly name: string
  readonly unit: Unit
  readonly of: (measured: Measured) => number
  readonly note?: (measured: Measured) => string
  /** What is told of each step, bound or not. */
  readonly isTold?: boolean
  /** It says something without a call. */
  readonly isOfQueues?: boolean
  /** Calls that settle later can only make it worse. */
  readonly isFinal?: boolean
}

const codesOf = ({ tally }: Measured): string =>
  tally.codes.map(({ code, count }) => `${count} ${code}`).join(', ')
/** Shares of nothing are as bad as can be: what did not happen proves nothing. */
const share = (part: number, whole: number): number => (whole === 0 ? 100 : percentOf(part, whole))
const noteOfAnswered = ({ tally }: Measured): string =>
  tally.ok === 0 ? 'no call was answered' : ''

const MEASURES: Readonly<Record<BoundName, Measure>> = {
  failed: {
    ...{ name: 'failed calls', unit: 'count', isTold: true, isFinal: true },
    of: ({ tally }) => tally.failed,
    note: codesOf,
  },
  failedPercent: {
    ...{ name: 'failed share', unit: '%' },
    of: ({ tally }) => share(tally.failed, tally.made),
    note: codesOf,
  },
  answeredPercent: {
    ...{ name: 'answered share', unit: '%' },
    of: ({ tally }) => share(tally.ok, tally.made),
  },
  unknown: {
    ...{ name: 'failed calls that may have run', unit: 'count', isTold: true, isFinal: true },
    of: ({ tally }) => tally.unknown,
  },
  recoveryMs: {
    ...{ name: 'recovery', unit: 'ms', isTold: true, isFinal: true },
    of: ({ tally, actedAt }) =>
      tally.lastFailedAt === undefined ? 0 : Math.max(0, rounded(tally.lastFailedAt - actedAt)),
  },
  p99Ms: {
    ...{ name: 'p99', unit: 'ms', isTold: true },
    of: ({ tally }) => tally.p99 ?? 0,
  },
  awayPercent: {
    ...{ name: 'answered in another IDC', unit: '%', isTold: true },
    of: ({ tally }) => share(tally.ok - tally.local, tally.ok),
    note: noteOfAnswered,
  },
  homePercent: {
    ...{ name: 'answered at home', unit: '%' },
    of: ({ tally }) => share(tally.local, tally.ok),
    note: noteOfAnswered,
  },
  ownerless: {
    ...{ name: 'brokers without a queue', unit: 'count', isOfQueues: true, isFinal: true },
    of: ({ ownerless }) => ownerless.length,
    note: ({ ownerless }) => ownerless.join(', '),
  },
  queues: {
    ...{ name: 'queues that take requests', unit: 'count', isOfQueues: true },
    of: ({ queues }) => queues,
  },
  moves: {
    ...{ name: 'queues moved', unit: 'count', isOfQueues: true, isFinal: true },
    of: ({ moves }) => moves,
  },
}

export const BOUND_NAMES = Object.keys(MEASURES) as BoundName[]

const FINAL = new Set(
  Object.values(MEASURES)
    .filter(({ isFinal }) => isFinal === true)
    .map(({ name }) => name),
)

/** Those that are certain although calls are still open. */
export const certain = (figures: readonly Figure[]): Figure[] =>
  figures.filter(({ name }) => FINAL.has(name))

/** Those with a bound, in the order of the table. */
export const boundFigures = (measured: Measured, bounds: Bounds): Figure[] => {
  const figures = BOUND_NAMES.filter((name) => bounds[name] !== undefined).map((name) =>
    figureOf(MEASURES[name], measured, bounds[name]),
  )
  const needsCalls = BOUND_NAMES.some(
    (name) => bounds[name] !== undefined && MEASURES[name].isOfQueues !== true,
  )
  return needsCalls && measured.tally.made === 0 ? [...figures, silence()] : figures
}

/** Those without, which are only told. */
export const toldFigures = (measured: Measured, bounds: Bounds): Figure[] => [
  { name: 'calls', value: measured.tally.made, unit: 'count', most: undefined, note: '' },
  ...BOUND_NAMES.filter((name) => MEASURES[name].isTold === true)
    .filter((name) => bounds[name] === undefined)
    // Nothing was answered: its share away from home is no figure for a reader.
    .filter((name) => measured.tally.ok > 0 || name !== 'awayPercent')
    .map((name) => figureOf(MEASURES[name], measured, undefined)),
]

/** Nobody called: bounds that hold then say nothing. */
const silence = (): Figure => ({
  ...{ name: 'stretches without a call', value: 1, unit: 'count', most: 0 },
  note: 'no call was made, so its bounds say nothing',
})

const figureOf = (
  { name, unit, of, note }: Measure,
  measured: Measured,
  most: number | undefined,
): Figure => ({ name, value: of(measured), unit, most, note: note?.(measured) ?? '' })

const rounded = (ms: number): number => Math.round(ms * 100) / 100
