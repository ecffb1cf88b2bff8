import { QueueState } from '../../bus/frame.ts'
import type { Queue } from './queue.ts'

export const isWritable = (queue: Queue): boolean => queue.routeState === QueueState.writable

/** What a queue brings to its ranks. */
export const keyOf = ({ handle }: Queue): number => Math.imul(handle, 0x9e3779b1)

/** The queues of a topic in plain numbers: ten thousand sessions may draw from them at once. */
export class Field {
  readonly queues: readonly Queue[]
  readonly keys: Int32Array
  readonly idcs: Uint32Array
  readonly idcNumbers = new Map<string, number>()
  /** 1 for a queue that is writable. */
  readonly fits: Uint8Array
  readonly writableIdcs = new Set<string>()
  writable = 0

  constructor(all: Iterable<Queue>) {
    this.queues = [...all].filter((queue) => queue.isTold)
    this.keys = Int32Array.from(this.queues, keyOf)
    this.fits = Uint8Array.from(this.queues, (queue) => (isWritable(queue) ? 1 : 0))
    this.idcs = Uint32Array.from(this.queues, ({ owner }) => this.#numberOf(owner.idc))
    for (let i = 0; i < this.size; i++) {
      this.writable += this.fits[i]!
      if (this.fits[i] === 1) this.writableIdcs.add(this.queues[i]!.owner.idc)
    }
  }

  get size(): number {
    return this.queues.length
  }

  #numberOf(idc: string): number {
    const known = this.idcNumbers.get(idc)
    if (known !== undefined) return known
    this.idcNumbers.set(idc, this.idcNumbers.size)
    return this.idcNumbers.size - 1
  }
}
