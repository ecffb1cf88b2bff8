/** What a drill tells while it is played. Times are milliseconds since its first step began. */
import type { Drill } from './drill.ts'
import type { DrillReport, PlayedAct, PlayedStep } from './report.ts'

/** Queues of one owner that are in one state: `n` of them at that broker. */
export interface Holding {
  readonly broker: string
  readonly owner: string
  readonly state: string
  readonly n: number
}

/** How it goes: of the calls that settled within the last second. */
export interface Tick {
  readonly kind: 'tick'
  readonly atMs: number
  readonly step: string
  /** Calls of the load that settled, a second. */
  readonly rate: number
  /** Percentages; undefined when no call settled, or none was answered. */
  readonly okPercent: number | undefined
  readonly localPercent: number | undefined
  readonly p99Ms: number | undefined
  /** Failed ones by code, the most frequent first. */
  readonly failed: readonly { readonly code: string; readonly count: number }[]
  readonly holdings: readonly Holding[]
  /** Brokers that are up and do not answer. */
  readonly silent: readonly string[]
}

export type ProgressEvent =
  /** Processes are being started. */
  | { readonly kind: 'starting'; readonly drill: Drill }
  | {
      readonly kind: 'step'
      readonly atMs: number
      readonly name: string
      /** Counted from 1. */
      readonly number: number
      readonly of: number
      readonly forMs: number
    }
  | { readonly kind: 'act'; readonly atMs: number; readonly act: PlayedAct }
  | Tick
  /** A step is over; calls of it that are still open are not in its figures yet. */
  | { readonly kind: 'stepped'; readonly atMs: number; readonly step: PlayedStep }
  /** No more calls are made; those that are open settle. */
  | { readonly kind: 'settling'; readonly atMs: number }
  | { readonly kind: 'done'; readonly report: DrillReport }

export type OnProgress = (event: ProgressEvent) => void
