/** What a drill has shown: the one thing that Markdown, JSON, HTML and the terminal are made from. */

export type Unit = 'ms' | '%' | 'count'

/** One thing that was measured, and its bound. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: Unit
  /** At most so much; undefined for what is only told. */
  readonly most: number | undefined
  /** What a reader should know, such as which codes the failed calls had. */
  readonly note: string
}

/** A step as it was played. Times are milliseconds since the drill began. */
export interface PlayedStep {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  readonly figures: readonly Figure[]
}

/** An act as it was done, or why it could not be. */
export interface PlayedAct {
  readonly atMs: number
  readonly text: string
  readonly failure: string | undefined
}

/** Calls made within `bucketMs` from `atMs` on. */
export interface Bucket {
  readonly atMs: number
  readonly made: number
  readonly ok: number
  /** Failed, by what is known about execution. */
  readonly executed: number
  readonly notExecuted: number
  readonly unknown: number
  /** Milliseconds; undefined when no call was made. */
  readonly p50: number | undefined
  readonly p99: number | undefined
  /** Of the answered ones, those answered in the caller's own IDC. */
  readonly local: number
}

/** For so long a queue was owned by one instance, in one state. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
  readonly owner: string
  readonly epoch: number
  readonly state: string
}

export interface Band {
  readonly broker: string
  readonly queue: number
  readonly spans: readonly Span[]
}

export interface DrillReport {
  readonly drill: string
  readonly about: string
  /** `live` on real processes, `virtual` in virtual time, or `attached` to a running cluster. */
  readonly stage: 'live' | 'virtual' | 'attached'
  /** ISO 8601; empty in virtual time, so that the same seed gives the same report. */
  readonly startedAt: string
  readonly machine: string
  readonly version: string
  readonly durationMs: number
  readonly verdict: 'passed' | 'missed' | 'interrupted'
  readonly bucketMs: number
  readonly steps: readonly PlayedStep[]
  readonly acts: readonly PlayedAct[]
  readonly buckets: readonly Bucket[]
  readonly bands: readonly Band[]
  /** Of the whole drill: bounds, then `executed twice` and `misled`, then what is only told. */
  readonly figures: readonly Figure[]
  /** How many calls failed with which code and outcome. */
  readonly failures: readonly { code: string; outcome: string; count: number }[]
  /** Processes the drill could not bring back to order; empty is as it should be. */
  readonly leftovers: readonly string[]
}

/** Less is always better. */
export const isReached = ({ value, most }: Figure): boolean => most === undefined || value <= most

/** Every figure of the report, with the step it belongs to. */
export const figuresOf = ({ steps, figures }: DrillReport): { step: string; figure: Figure }[] => [
  ...steps.flatMap(({ name, figures: of }) => of.map((figure) => ({ step: name, figure }))),
  ...figures.map((figure) => ({ step: '', figure })),
]
