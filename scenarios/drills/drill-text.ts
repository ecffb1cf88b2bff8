/** A drill as it is written: its fields, their units, bounds and defaults. */
import { z } from 'zod'

const count = (most: number) => z.int().min(0).max(most)
const NAME = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')

/**
 * Each is at most so much, of the calls made in a step or, given for the drill, in all of it. A call
 * that is open when the next step begins to do harm counts there.
 */
const BOUNDS = z.strictObject({
  /** Calls that failed. */
  failed: count(1e9).optional(),
  failedPercent: z.number().min(0).max(100).optional(),
  /** Calls that were answered: that a fault was felt at all. */
  answeredPercent: z.number().min(0).max(100).optional(),
  /** Calls that failed and may have been executed. */
  unknown: count(1e9).optional(),
  /** From the first act of the step (or of the drill) to the making of the last call that failed. */
  recoveryMs: z.number().min(0).optional(),
  p99Ms: z.number().min(0).optional(),
  /** Of the answered calls, those answered in another IDC than the caller's; and those at home. */
  awayPercent: z.number().min(0).max(100).optional(),
  homePercent: z.number().min(0).max(100).optional(),
  /** Live brokers without a queue that takes requests, at the end. */
  ownerless: count(1_000).optional(),
  /** Queues that take requests, at brokers that answer, at the end: that a fault was felt there. */
  queues: count(1e6).optional(),
  /** Queues that went to another owner. */
  moves: count(1e6).optional(),
})

const IDC = z.strictObject({
  brokers: count(8).default(1),
  responders: count(20).default(2),
  requesters: count(8).default(1),
  /** Clients that are linked and call once a second; all of an IDC share one process. */
  bystanders: count(500).default(0),
})

const LOAD = z.strictObject({
  /** Calls per second of each requester. */
  rate: z.int().min(1).max(20_000).default(200),
  timeoutMs: z.int().min(10).max(60_000).default(3_000),
  /** How long a handler takes. */
  handlerMs: z.int().min(0).max(60_000).default(5),
  /** Handlers one responder runs at once. */
  concurrency: z.int().min(1).max(10_000).default(64),
  /** Of ten calls so many may run more than once. */
  idempotentOfTen: z.int().min(0).max(10).default(0),
  /** How often a caller asks again, by itself and at once, when the error says it may. */
  retries: z.int().min(0).max(10).default(0),
})

const STEP = z.strictObject({
  name: z.string().min(1).max(80),
  /** Acts, in the words of `words.ts`, done one after the other when the step begins. */
  do: z.union([z.string(), z.array(z.string()).max(50)]).default([]),
  /** How long the step lasts, from its first act. */
  forMs: z.int().min(10).max(3_600_000),
  bounds: BOUNDS.default({}),
})

export const DRILL = z.strictObject({
  name: NAME,
  /** What is shown, in a sentence. */
  about: z.string().max(400).default(''),
  cluster: z.strictObject({
    idcs: z.record(NAME, IDC).refine((idcs) => {
      const { length } = Object.keys(idcs)
      return length > 0 && length <= 5
    }, 'must be 1 to 5 IDCs'),
    /** With registries, clients learn of the brokers from them alone. */
    registries: count(5).default(0),
  }),
  load: LOAD.prefault({}),
  steps: z.array(STEP).min(1).max(50),
  /** Of the whole drill. That nothing ran twice and nobody was misled is asked of every drill. */
  bounds: BOUNDS.default({}),
})

/** A drill as it is written. */
export type DrillText = z.input<typeof DRILL>
export type Bounds = z.output<typeof BOUNDS>
export type BoundName = keyof Bounds
export type Cluster = z.output<typeof DRILL>['cluster']
export type Load = z.output<typeof LOAD>

const keysOf = (...schemas: z.ZodObject[]): string[] =>
  schemas.flatMap((schema) => Object.keys(schema.shape))

/** Every word that can name a field, for what is nearest to a mistyped one. */
export const FIELDS: readonly string[] = [
  ...keysOf(DRILL, DRILL.shape.cluster, IDC, LOAD, STEP, BOUNDS),
]
