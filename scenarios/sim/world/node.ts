import { hashText } from '../../../bus/hash.ts'
import type { Core } from '../../../bus/io/loop.ts'
import type { Outbox } from '../../../bus/outbox.ts'
import { Slabs } from '../../../bus/slabs.ts'
import { Rank } from './agenda.ts'
import { type ClockAsk, NodeClock } from './clock.ts'
import type { Surroundings } from './surroundings.ts'

/** Instants that are not whole may be off by so much. */
const A_HAIR_MS = 0.001

/** As in `bus/io/loop.ts`. */
const WATCH_SHARE = 1 / 4

/**
 * A process of the virtual world: one step at a time, outboxes flushed at the end of the turn, one
 * timer, a clock of its own. Frozen, it does nothing; thawed, it goes on as `bus/io/loop.ts` does
 * after a stop.
 */
export abstract class Node {
  readonly world: Surroundings
  readonly name: string
  readonly slabs = new Slabs()
  readonly clock: NodeClock
  readonly #stopMs: number
  /** Who it is in the trace. */
  readonly #mark: number
  isAlive = true
  isFrozen = false
  /** When the timer is due: by its own clock, and in the world. */
  #dueAt = Number.POSITIVE_INFINITY
  #wakeAt = Number.POSITIVE_INFINITY
  #dirty: Outbox[] = []
  #isFlushDue = false
  #isTurnDue = false
  #isRunning = false
  #afterwards: (() => void)[] = []
  /** What the kernel and the timers of a frozen process have for it when it goes on. */
  #piled: (() => void)[] = []
  /** Steps until its end, or 0. */
  #stepsLeft = 0
  #onLastStep: () => void = () => {}

  constructor(world: Surroundings, name: string, stopMs: number, clock?: ClockAsk) {
    this.world = world
    this.name = name
    this.#stopMs = stopMs
    this.#mark = hashText(name)
    this.clock = new NodeClock(clock)
  }

  abstract get core(): Core

  /** What its clock shows: all that its core ever gets to know of time. */
  get now(): number {
    return this.clock.at(this.world.now)
  }

  /** The one door into the core. */
  step(act: (now: number) => void): void {
    if (!this.isAlive) return
    if (this.isFrozen) {
      this.#piled.push(() => this.step(act))
      return
    }
    if (this.#isRunning) throw new Error(`${this.name}: a step within a step`)
    this.#isRunning = true
    this.world.trace.note(this.#mark, this.world.now)
    try {
      act(this.now)
    } finally {
      this.#isRunning = false
    }
    if (this.#stepsLeft > 0) this.#countDown()
    while (this.#afterwards.length > 0 && this.isAlive) this.#afterwards.shift()!()
    this.#arm()
  }

  /** Runs after the current step, outside it. */
  afterwards(act: () => void): void {
    if (this.#isRunning) this.#afterwards.push(act)
    else act()
  }

  /** A step of this process after so many milliseconds of its own, unless it dies before. */
  later(ms: number, act: (now: number) => void): void {
    this.world.at(this.clock.worldMs(ms), Rank.due, () => this.step(act))
  }

  flushSoon(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.world.at(0, Rank.flush, this.#flush)
  }

  /** Calls `end` when it has made so many more steps, before anything that the last one wrote leaves. */
  afterSteps(steps: number, end: () => void): void {
    this.#stepsLeft = steps
    this.#onLastStep = end
  }

  freeze(): void {
    this.isFrozen = true
    // The loop wakes a watched core this often, so that it can tell a stop from having nothing to do.
    if (this.core.isWatched !== true) return
    this.#dueAt = Math.min(this.#dueAt, this.now + this.#stopMs * WATCH_SHARE)
  }

  /** First the stop is noticed, then what piled up is read, then what fell due. */
  thaw(): void {
    if (!this.isAlive || !this.isFrozen) return
    this.isFrozen = false
    const stoppedMs = this.now - this.#dueAt
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
    this.#forgetTimer()
    this.#arm()
  }

  /** Sends now what waits for the end of the turn. */
  flushNow(): void {
    this.#flush()
  }

  /** Dead at once, as by kill -9: what waits for the end of the turn is never sent. */
  die(): void {
    this.isAlive = false
    this.#piled = []
    this.#dirty = []
    this.#afterwards = []
  }

  readonly #flush = (): void => {
    if (!this.isAlive || this.isFrozen) return
    this.#isFlushDue = false
    const dirty = this.#dirty
    this.#dirty = []
    const { now } = this
    for (const outbox of dirty) outbox.flush(now)
    this.#arm()
  }

  #countDown(): void {
    this.#stepsLeft -= 1
    if (this.#stepsLeft === 0) this.#onLastStep()
  }

  #arm(): void {
    if (!this.isAlive || this.isFrozen) return
    if (this.core.isBehind === true) this.#turnSoon()
    const next = this.core.nextDeadline
    // What wakes it in this very instant must not be put off by what it reads before.
    if (next >= this.#dueAt || this.#dueAt <= this.now) return
    const { now } = this.world
    this.#wakeAt = Math.max(now + 1, this.clock.worldAt(next))
    this.#dueAt = this.clock.at(this.#wakeAt)
    this.world.at(this.#wakeAt - now, Rank.due, this.#wake)
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

  /** Of several timers that were set, the last one counts. */
  readonly #wake = (): void => {
    if (this.isFrozen || this.world.now < this.#wakeAt - A_HAIR_MS) return
    this.#forgetTimer()
    this.step(this.#onDeadline)
  }

  #forgetTimer(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#wakeAt = Number.POSITIVE_INFINITY
  }

  readonly #onDeadline = (now: number): void => this.core.onDeadline(now)
}
