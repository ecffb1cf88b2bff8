import type { Queue } from './queue.ts'
import type { Session } from './session.ts'

/** A topic as one broker knows it: its group, its queues, and who wants to hear of them. */
export class Topic {
  readonly handle: number
  readonly name: string
  /** The one group that answers it, while it has registrations. */
  group = ''
  registrations = 0
  readonly queues = new Map<number, Queue>()
  readonly watchers = new Set<Session>()
  /** Queues whose news the watchers have not been told. */
  readonly changed = new Set<Queue>()
  toldAt = Number.NEGATIVE_INFINITY

  constructor(handle: number, name: string) {
    this.handle = handle
    this.name = name
  }

  get isIdle(): boolean {
    return this.registrations === 0 && this.queues.size === 0 && this.watchers.size === 0
  }
}
