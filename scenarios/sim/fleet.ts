/** Several processes that share the seeds of one simulation. */
import { mergeTally, newTally, type Tally } from './run.ts'
import { Worker } from './worker.ts'

/** Seeds that a process is given at a time. */
const CHUNK = 50

export interface Walk {
  readonly from: number
  readonly count: number
  readonly jobs: number
  /** Ends at the first failure; the seeds before it have all been walked. */
  readonly stopAtFailure?: boolean
  readonly plant?: string
  onProgress?(tally: Tally): void
}

/** Walks all the seeds, or as far as to the first failure, over so many processes. */
export async function walkAll(walk: Walk): Promise<Tally> {
  const tally = newTally()
  const last = walk.from + walk.count
  let next = walk.from
  const isOver = (): boolean =>
    next >= last || (walk.stopAtFailure === true && tally.failures.length > 0)
  const work = async (): Promise<void> => {
    const worker = new Worker(walk.plant)
    try {
      while (!isOver()) {
        const from = next
        const count = Math.min(CHUNK, last - from)
        next += count
        mergeTally(tally, await worker.walk(from, count, walk.stopAtFailure))
        walk.onProgress?.(tally)
      }
    } finally {
      worker.end()
    }
  }
  await Promise.all(Array.from({ length: walk.jobs }, work))
  tally.failures.sort((a, b) => a.seed - b.seed)
  return tally
}
