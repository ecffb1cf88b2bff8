import type { Directory } from '../../../broker/registry/core/directory.ts'
import type { Core } from '../../../bus/io/loop.ts'

/** Changes are gathered for so long, so that a restart of many brokers is one answer. */
const GATHER_MS = 20

interface Waiter {
  /** The version it has seen. */
  readonly seen: number
  readonly until: number
  readonly tell: (now: number) => void
}

/** Those who wait at a virtual registry for a change, and the directory that forgets. */
export class RegistryDesk implements Core {
  readonly #directory: Directory
  readonly #waiters = new Set<Waiter>()
  #gatherAt = Number.POSITIVE_INFINITY

  constructor(directory: Directory) {
    this.#directory = directory
  }

  get nextDeadline(): number {
    let next = Math.min(this.#gatherAt, this.#directory.nextDeadline)
    for (const { until } of this.#waiters) next = Math.min(next, until)
    return next
  }

  wait(seen: number, until: number, tell: (now: number) => void): void {
    this.#waiters.add({ seen, until, tell })
  }

  /** The directory may have changed. */
  look(now: number): void {
    const isNews = [...this.#waiters].some(({ seen }) => seen !== this.#directory.version)
    if (isNews) this.#gatherAt = Math.min(this.#gatherAt, now + GATHER_MS)
  }

  /** Everybody gets an answer now. */
  tellAll(now: number): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const { tell } of waiters) tell(now)
  }

  onDeadline(now: number): void {
    this.#directory.expire(now)
    this.look(now)
    const isGathered = now >= this.#gatherAt
    if (isGathered) this.#gatherAt = Number.POSITIVE_INFINITY
    for (const waiter of this.#waiters) {
      const isNews = isGathered && waiter.seen !== this.#directory.version
      if (!isNews && now < waiter.until) continue
      this.#waiters.delete(waiter)
      waiter.tell(now)
    }
  }

  /** It keeps nothing whose age could be in doubt. */
  onStopped(): void {}

  onCaughtUp(): void {}
}
