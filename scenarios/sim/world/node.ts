import type { Core } from '../../../bus/io/loop.ts'
import type { Outbox } from '../../../bus/outbox.ts'
import { Slabs } from '../../../bus/slabs.ts'
import { Rank } from './agenda.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * A process of the virtual world: one step at a time, outboxes flushed at the end of the turn, one
 * timer. Frozen, it does nothing; thawed, it goes on as `bus/io/loop.ts` does after a stop.
 */
export abstract class Node {
  readonly world: Surroundings
  readonly name: string
  readonly slabs = new Slabs()
  readonly #stopMs: number
  isAlive = true
  isFrozen = false
  #dueAt = Number.POSITIVE_INFINITY
  #dirty: Outbox[] = []
  #isFlushDue = false
  #isTurnDue = false
  #isRunning = false
  #afterwards: (() => void)[] = []
  /** What the kernel and the timers of a frozen process have for it when it goes on. */
  #piled: (() => void)[] = []

  constructor(world: Surroundings, name: string, stopMs: number) {
    this.world = world
    this.name = name
    this.#stopMs = stopMs
  }

  abstract get core(): Core

  /** The one door into the core. */
  step(act: (now: number) => void): void {
    if (!this.isAlive) return
    if (this.isFrozen) {
      this.#piled.push(() => this.step(act))
      return
    }
    if (this.#isRunning) throw new Error(`${this.name}: a step within a step`)
    this.#isRunning = true
    try {
      act(this.world.now)
    } finally {
      this.#isRunning = false
    }
    while (this.#afterwards.length > 0) this.#afterwards.shift()!()
    this.#arm()
  }

  /** Runs after the current step, outside it. */
  afterwards(act: () => void): void {
    if (this.#isRunning) this.#afterwards.push(act)
    else act()
  }

  /** A step of this process after so many milliseconds, unless it dies before. */
  later(ms: number, act: (now: number) => void): void {
    this.world.at(ms, Rank.due, () => this.step(act))
  }

  flushSoon(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.world.at(0, Rank.flush, this.#flush)
  }

  freeze(): void {
    this.isFrozen = true
  }

  /** First the stop is noticed, then what piled up is read, then what fell due. */
  thaw(): void {
    if (!this.isAlive || !this.isFrozen) return
    this.isFrozen = false
    const stoppedMs = this.world.now - this.#dueAt
    const wasStopped = stoppedMs > this.#stopMs
    if (wasStopped) {
      this.step((now) => {
        this.#dueAt = now
        this.core.onStopped(now, stoppedMs)
      })
    }
    const piled = this.#piled
    this.#piled = []
    for (const act of piled) act()
    if (this.#dirty.length > 0) this.#flush()
    if (wasStopped) this.world.at(0, Rank.told, () => this.step(() => this.core.onCaughtUp()))
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#arm()
  }

  /** Dead at once, as by kill -9. */
  /** Sends now what waits for the end of the turn. */
  flushNow(): void {
    this.#flush()
  }

  die(): void {
    this.isAlive = false
    this.#piled = []
    this.#dirty = []
  }

  readonly #flush = (): void => {
    if (!this.isAlive || this.isFrozen) return
    this.#isFlushDue = false
    const dirty = this.#dirty
    this.#dirty = []
    for (const outbox of dirty) outbox.flush(this.world.now)
    this.#arm()
  }

  #arm(): void {
    if (!this.isAlive || this.isFrozen) return
    if (this.core.isBehind === true) this.#turnSoon()
    const next = this.core.nextDeadline
    // What wakes it in this very instant must not be put off by what it reads before.
    if (next >= this.#dueAt || this.#dueAt <= this.world.now) return
    const at = Math.max(this.world.now + 1, Math.ceil(next))
    this.#dueAt = at
    this.world.at(at - this.world.now, Rank.due, () => this.#wake(at))
  }

  /** The next turn of the loop: when all that arrives at this instant has been read. */
  #turnSoon(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    this.world.at(0, Rank.told, () =>
      this.step((now) => {
        this.#isTurnDue = false
        this.core.onTurn?.(now)
      }),
    )
  }

  #wake(at: number): void {
    if (this.isFrozen || this.#dueAt !== at) return
    this.#dueAt = Number.POSITIVE_INFINITY
    this.step((now) => this.core.onDeadline(now))
  }
}
