/** A closed loop: so many callers, each with one call open at a time. Runs inside a requester. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { BusError } from '../../rr-client/index.ts'
import { Latencies } from './latencies.ts'
import { cpuSeconds, type Pids, spent } from './usage.ts'

export type Call = (body: Uint8Array) => Promise<Uint8Array>

export interface LoadPlan {
  /** Callers, each with one call open at a time. */
  concurrency: number
  /** Bytes of a body. */
  size: number
  warmMs: number
  ms: number
  /** The window is cut into so many; rate and CPU are the median of them. */
  slices: number
  /** The processes whose CPU is counted. */
  pids: Pids
}

export interface LoadResult {
  requests: number
  seconds: number
  /** Replies per second, the median slice. */
  rate: number
  /** Microseconds. */
  p50: number
  p99: number
  p999: number
  /** CPU seconds by process within the window; null where the machine does not tell. */
  cpu: Record<string, number> | null
  /** CPU seconds of all of them per million requests, which is µs per request; median slice. */
  cpuPerMillion: number | null
  slices: Slice[]
  /** Calls that failed, by code, from the first to the last call. */
  errors: Record<string, number>
}

/** A part of the window. Other work on the machine comes in gusts: the median slice misses most. */
export interface Slice {
  rate: number
  cpuPerMillion: number | null
}

/** More failures than this end the loop: it would measure how fast calls fail. */
const MAX_ERRORS = 2_000

/** Runs the loop; `callOf` gives each caller what it calls. */
export async function closedLoop(
  callOf: (caller: number) => Call,
  plan: LoadPlan,
): Promise<LoadResult> {
  const body = Buffer.alloc(plan.size, 0x61)
  const errors = new Errors()
  let latencies: Latencies | undefined
  let going = true

  async function run(call: Call): Promise<void> {
    while (going && errors.total < MAX_ERRORS) {
      const began = performance.now()
      try {
        const reply = await call(body)
        if (reply.length !== plan.size) errors.add('wrong_length')
        else latencies?.add(performance.now() - began)
      } catch (error) {
        errors.add(codeOf(error))
        await nextTurn()
      }
    }
  }

  const callers = Array.from({ length: plan.concurrency }, (_, caller) => run(callOf(caller)))
  await sleep(plan.warmMs)
  const measured = new Latencies()
  const readings = [reading(0, plan.pids)]
  latencies = measured
  for (let slice = 0; slice < plan.slices; slice++) {
    await sleep(plan.ms / plan.slices)
    readings.push(reading(measured.count, plan.pids))
  }
  latencies = undefined
  going = false
  await Promise.race([Promise.all(callers), sleep(5_000).then(() => errors.add('not_settled'))])
  return summary(measured, readings, errors)
}

interface Reading {
  requests: number
  at: number
  cpu: Record<string, number> | null
}

function reading(requests: number, pids: Pids): Reading {
  return { requests, at: performance.now(), cpu: cpuSeconds(pids) }
}

function summary(measured: Latencies, readings: readonly Reading[], errors: Errors): LoadResult {
  const first = readings[0]!
  const last = readings.at(-1)!
  const slices = readings.slice(1).map((end, index) => sliceOf(readings[index]!, end))
  const costs = slices.map((slice) => slice.cpuPerMillion).filter((cost) => cost !== null)
  return {
    requests: measured.count,
    seconds: (last.at - first.at) / 1_000,
    rate: median(slices.map((slice) => slice.rate)),
    p50: measured.quantile(0.5),
    p99: measured.quantile(0.99),
    p999: measured.quantile(0.999),
    cpu: spent(first.cpu, last.cpu),
    cpuPerMillion: costs.length === 0 ? null : median(costs),
    slices,
    errors: errors.byCode,
  }
}

function sliceOf(begin: Reading, end: Reading): Slice {
  const requests = end.requests - begin.requests
  const cpu = spent(begin.cpu, end.cpu)
  const total = cpu && Object.values(cpu).reduce((sum, value) => sum + value, 0)
  return {
    rate: requests / ((end.at - begin.at) / 1_000),
    cpuPerMillion: total === null || requests === 0 ? null : (total / requests) * 1e6,
  }
}

export function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted.length === 0 ? 0 : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Sizes below, at and above the points where frames are packed, sent alone or cut by the kernel. */
const MIXED_SIZES = [0, 16, 128, 1_024, 5_000, 16_384, 70_000]

/** Calls with mixed bodies, all open at once, and counts the replies that are not the same bytes. */
export async function countWrongEchoes(call: Call, calls: number): Promise<number> {
  const bodies = Array.from({ length: calls }, (_, index) =>
    Buffer.alloc(MIXED_SIZES[index % MIXED_SIZES.length]!, 32 + (index % 90)),
  )
  const same = await Promise.all(
    bodies.map((body) =>
      call(body).then(
        (reply) => body.equals(reply),
        () => false,
      ),
    ),
  )
  return same.filter((good) => !good).length
}

/** Failures by code. */
export class Errors {
  readonly byCode: Record<string, number> = {}
  total = 0

  add(code: string): void {
    this.byCode[code] = (this.byCode[code] ?? 0) + 1
    this.total += 1
  }
}

export function codeOf(error: unknown): string {
  if (BusError.is(error)) return error.code
  return error instanceof Error ? error.message.slice(0, 80) : String(error)
}
