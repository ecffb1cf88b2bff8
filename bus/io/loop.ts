import type { Outbox } from '../outbox.ts'
import type { Clock } from './clock.ts'

/** A state machine as the loop drives it. */
export interface Core {
  /** The next instant it wants to be woken at, or Infinity. */
  readonly nextDeadline: number
  onDeadline(now: number): void
  /** It has work that can wait until what is readable has been read: `onTurn` does a piece of it. */
  readonly isBehind?: boolean
  onTurn?(now: number): void
  /** This process did nothing for `stoppedMs`: what is read now may be older than it says. */
  onStopped(now: number, stoppedMs: number): void
  /** What was readable when the stop ended has been read. */
  onCaughtUp(): void
}

/** At most so long may readable sockets hold back what fell due. */
const GATE_MS = 50
const GATE_TURNS = 2

/**
 * The one door into a core: one step at a time, never re-entered, one `now` per step. It owns the
 * single timer, and flushes outboxes once per turn of Node's loop, after everything readable in that
 * turn was read.
 *
 * The gate: what falls due waits until sockets that were readable already have been read, so that a
 * paused process does not time out replies that lie in its buffers.
 */
export class Loop {
  readonly #core: Core
  readonly #clock: Clock
  readonly #stopMs: number
  readonly #onDefect: (error: unknown) => void
  #isRunning = false
  #isClosed = false
  readonly #steps: (() => void)[] = []
  #tasks: ((subject: unknown) => void)[] = []
  #subjects: unknown[] = []
  #dirty: Outbox[] = []
  #isFlushDue = false
  #isTurnDue = false
  #timer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #reads = 0
  #isGateOpen = true

  /** A core that was due and not woken for `stopMs` was stopped, and is told so. */
  constructor(core: Core, clock: Clock, stopMs: number, onDefect: (error: unknown) => void) {
    this.#core = core
    this.#clock = clock
    this.#stopMs = stopMs
    this.#onDefect = onDefect
  }

  /** Runs `step` as soon as no other step runs, with the time. A defect in it is reported. */
  post<A>(step: (now: number, subject: A) => void, subject: A): void {
    if (this.#isClosed) return
    if (this.#isRunning) {
      this.#steps.push(() => this.#run(step, subject))
      return
    }
    this.#run(step, subject)
    while (this.#steps.length > 0) this.#steps.shift()!()
    if (this.#tasks.length > 0) this.#runAfterwards()
    // A flush is due at the end of this turn and looks at the timer anyway.
    if (!this.#isFlushDue) this.#arm()
  }

  /** Like `post`, for bytes that were read from a link. */
  postRead<A>(step: (now: number, subject: A) => void, subject: A): void {
    this.#reads += 1
    this.post(step, subject)
  }

  /** Runs `task` after the current step, outside it: for what calls user code. */
  afterwards<A>(task: (subject: A) => void, subject: A): void {
    this.#tasks.push(task as (subject: unknown) => void)
    this.#subjects.push(subject)
    if (!this.#isRunning) this.#runAfterwards()
  }

  /** The outbox has something to send at the end of this turn. */
  flushSoon(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(this.#flush)
  }

  /** Sends now what waits for the end of the turn; for the last words of a link. */
  readonly flushNow = (): void => this.#flush()

  close(): void {
    this.#flush()
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #run<A>(step: (now: number, subject: A) => void, subject: A): void {
    const now = this.#clock()
    this.#isRunning = true
    try {
      if (now - this.#dueAt > this.#stopMs) this.#tellStopped(now)
      step(now, subject)
    } catch (error) {
      this.#onDefect(error)
    } finally {
      this.#isRunning = false
    }
  }

  #runAfterwards(): void {
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks
      const subjects = this.#subjects
      this.#tasks = []
      this.#subjects = []
      for (let i = 0; i < tasks.length; i++) tasks[i]!(subjects[i])
    }
  }

  readonly #flush = (): void => {
    this.#isFlushDue = false
    const dirty = this.#dirty
    this.#dirty = []
    const now = this.#clock()
    for (const outbox of dirty) outbox.flush(now)
    this.#arm()
  }

  #arm(): void {
    if (this.#core.isBehind === true) this.#turnSoon()
    const next = this.#core.nextDeadline
    if (next >= this.#dueAt || !this.#isGateOpen || this.#isClosed) return
    const now = this.#clock()
    // The timer is on its way; to set it anew at every step would put it off for ever.
    if (this.#dueAt <= now) return
    clearTimeout(this.#timer)
    // What is due already is due from now on: that it is asked for so late is no stop.
    this.#dueAt = Math.max(next, now)
    this.#timer = setTimeout(this.#onTimer, Math.max(1, next - now))
  }

  #turnSoon(): void {
    if (this.#isTurnDue || this.#isClosed) return
    this.#isTurnDue = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#isTurnDue = false
    this.post(this.#takeTurn, undefined)
    if (this.#core.isBehind === true) this.#turnSoon()
  }

  readonly #takeTurn = (now: number): void => {
    this.#core.onTurn?.(now)
  }

  readonly #onTimer = (): void => {
    this.#isGateOpen = false
    let turns = 0
    let reads = this.#reads
    const since = this.#clock()
    const turn = (): void => {
      turns += 1
      const hadData = this.#reads !== reads
      reads = this.#reads
      if ((turns < GATE_TURNS || hadData) && this.#clock() - since < GATE_MS) {
        setImmediate(turn)
        return
      }
      this.#isGateOpen = true
      this.post(this.#wake, undefined)
    }
    setImmediate(turn)
  }

  readonly #wake = (now: number): void => {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#core.onDeadline(now)
  }

  /** Until the reads of two more turns are done, the core doubts the age of what it reads. */
  #tellStopped(now: number): void {
    const stoppedMs = now - this.#dueAt
    this.#dueAt = now
    this.#core.onStopped(now, stoppedMs)
    setImmediate(() => setImmediate(() => this.#core.onCaughtUp()))
  }
}
