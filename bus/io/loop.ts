import type { Outbox } from '../outbox.ts'
import type { Runtime, Timer } from './runtime.ts'

/** A state machine as the loop drives it. */
export interface Core {
  /** The next instant it wants to be woken at, or Infinity. */
  readonly nextDeadline: number
  onDeadline(now: number): void
  /** What it reads may start work: it must notice a stop even when nothing of its own was due. */
  readonly isWatched?: boolean
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
/** A watched core is woken this often at least, as a share of the stop that it must notice. */
const WATCH_SHARE = 1 / 4

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
  readonly #runtime: Runtime
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
  #timer: Timer | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #reads = 0
  #isGateOpen = true
  #stepUs = 0

  /** A core that was due and not woken for `stopMs` was stopped, and is told so. */
  constructor(core: Core, runtime: Runtime, stopMs: number, onDefect: (error: unknown) => void) {
    this.#core = core
    this.#runtime = runtime
    this.#stopMs = stopMs
    this.#onDefect = onDefect
  }

  /**
   * The microsecond at which the present step began, or the last one if none runs, modulo 2^32 and as a
   * signed number: `(b - a) | 0` is the time between two of them, up to half an hour. Whole numbers of
   * 32 bits, because each call keeps one and fractions would each be an object.
   */
  get stepUs(): number {
    return this.#stepUs
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
    this.#runtime.soon(this.#flush)
  }

  /** Sends now what waits for the end of the turn; for the last words of a link. */
  readonly flushNow = (): void => this.#flush()

  close(): void {
    this.#flush()
    this.#isClosed = true
    this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #run<A>(step: (now: number, subject: A) => void, subject: A): void {
    const fine = this.#runtime.fineNow()
    this.#stepUs = (fine * 1_000) | 0
    const now = Math.floor(fine)
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
    const now = this.#runtime.now()
    for (const outbox of dirty) outbox.flush(now)
    this.#arm()
  }

  #arm(): void {
    if (this.#core.isBehind === true) this.#turnSoon()
    let next = this.#core.nextDeadline
    if (this.#dueAt === Number.POSITIVE_INFINITY && this.#core.isWatched === true) {
      next = Math.min(next, this.#runtime.now() + this.#stopMs * WATCH_SHARE)
    }
    if (next >= this.#dueAt || !this.#isGateOpen || this.#isClosed) return
    const now = this.#runtime.now()
    // The timer is on its way; to set it anew at every step would put it off for ever.
    if (this.#dueAt <= now) return
    this.#runtime.clearTimer(this.#timer)
    // What is due already is due from now on: that it is asked for so late is no stop.
    this.#dueAt = Math.max(next, now)
    this.#timer = this.#runtime.setTimer(this.#onTimer, Math.max(1, next - now))
  }

  #turnSoon(): void {
    if (this.#isTurnDue || this.#isClosed) return
    this.#isTurnDue = true
    this.#runtime.soon(this.#turn)
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
    const since = this.#runtime.now()
    const turn = (): void => {
      turns += 1
      const hadData = this.#reads !== reads
      reads = this.#reads
      if ((turns < GATE_TURNS || hadData) && this.#runtime.now() - since < GATE_MS) {
        this.#runtime.soon(turn)
        return
      }
      this.#isGateOpen = true
      this.post(this.#wake, undefined)
    }
    this.#runtime.soon(turn)
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
    const { soon } = this.#runtime
    soon(() => soon(() => this.#core.onCaughtUp()))
  }
}
