import { AsyncLocalStorage } from 'node:async_hooks'
import { Agenda, Phase, type Plan } from './agenda.ts'

/** Taken at once: a test may put other timers in the place of Node's. */
const turn = setImmediate
const microtask = queueMicrotask
const { nextTick } = process
/** So many happenings in a row, at most, without a turn of Node's loop. */
const MOST_IN_A_TURN = 50

/** What should have ended so long ago never will: a test that waits for it must hear of that. */
const OVERDUE_MS = 60_000
/** The clock of a machine that has been up for a while; a world's own time counts from here. */
const FIRST_INSTANT = 100_000

/** Something that somebody awaits of the world. */
export interface Wait {
  readonly what: string
  readonly since: number
}

/** Told why a wait comes to nothing. */
export type Abandon = (why: string) => void

interface OpenWait {
  readonly abandon: Abandon
  readonly limit: Plan
}

/**
 * The world's time. It moves while somebody waits for something of the world and nobody works
 * outside it, from one planned happening to the next; between two of them every promise that can go
 * on does, and code of users that was woken gets a turn of Node's loop.
 */
export class VirtualTime {
  readonly #agenda = new Agenda()
  readonly #waits = new Map<Wait, OpenWait>()
  readonly #outside = new Set<Wait>()
  readonly #watchers = new Set<() => void>()
  readonly #onDefect: (error: unknown) => void
  #now = FIRST_INSTANT
  #isMoving = false
  #hasWoken = false
  #inThisTurn = 0
  #isOver = false
  /** Nobody's: what the world does by itself must not pass for the work of a handler. */
  readonly #nowhere = AsyncLocalStorage.snapshot()

  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect
  }

  /** As the clocks of its processes have it. */
  get now(): number {
    return this.#now
  }

  /** Milliseconds since the world began. */
  get age(): number {
    return this.#now - FIRST_INSTANT
  }

  at(afterMs: number, phase: number, act: () => void): Plan {
    const plan = this.#agenda.add(this.#now + Math.max(0, Math.ceil(afterMs)), phase, act)
    this.#move()
    return plan
  }

  /** Time moves until `end`, which is to come within `ms` or soon after. */
  wait(what: string, ms: number, abandon: Abandon): Wait {
    const wait: Wait = { what, since: this.age }
    // What was asked for wrongly is refused by the bus, a moment later.
    const limitMs = (Number.isFinite(ms) ? ms : 0) + OVERDUE_MS
    const limit = this.at(limitMs, Phase.soon, () => {
      this.end(wait)
      abandon(`it did not end within ${limitMs} ms`)
    })
    this.#waits.set(wait, { abandon, limit })
    this.wake()
    this.#move()
    return wait
  }

  /** Time stands still until `end`. */
  standStill(what: string): Wait {
    const wait: Wait = { what, since: this.age }
    this.#outside.add(wait)
    return wait
  }

  end(wait: Wait): void {
    const open = this.#waits.get(wait)
    if (open !== undefined) open.limit.isOff = true
    this.#waits.delete(wait)
    this.#outside.delete(wait)
    this.wake()
    this.#move()
  }

  /** Code of users runs, and may put something off to the next turn of Node's loop. */
  wake(): void {
    this.#hasWoken = true
  }

  /** Calls `look` before everything that happens, until what it gave back is called. */
  watch(look: () => void): () => void {
    this.#watchers.add(look)
    return () => {
      this.#watchers.delete(look)
    }
  }

  get isStanding(): boolean {
    return this.#outside.size > 0
  }

  /** What is waited for, and what goes on outside. */
  get open(): Wait[] {
    return [...this.#waits.keys(), ...this.#outside]
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#isOver = true
    this.#agenda.clear()
    for (const { abandon } of this.#waits.values()) abandon('the world was closed')
    this.#waits.clear()
    this.#outside.clear()
    this.#watchers.clear()
  }

  get #mayMove(): boolean {
    return !this.#isOver && this.#waits.size > 0 && this.#outside.size === 0
  }

  #move(): void {
    if (this.#isMoving || !this.#mayMove) return
    this.#isMoving = true
    this.#nowhere(turn, this.#pause)
  }

  /** What was put off to the next turn comes before whatever happens then. */
  readonly #pause = (): void => {
    turn(this.#next)
  }

  /** Node empties its microtasks before it looks at the ticks that they asked for. */
  readonly #afterPromises = (): void => nextTick(this.#next)

  readonly #next = (): void => {
    if (this.#hasWoken || this.#inThisTurn >= MOST_IN_A_TURN) {
      this.#hasWoken = false
      this.#inThisTurn = 0
      turn(this.#pause)
      return
    }
    this.#inThisTurn += 1
    if (this.#mayMove) for (const look of this.#watchers) look()
    const plan = this.#mayMove ? this.#agenda.take() : undefined
    if (plan === undefined) {
      this.#isMoving = false
      return
    }
    this.#now = Math.max(this.#now, plan.at)
    try {
      plan.act()
    } catch (error) {
      this.#onDefect(error)
    }
    microtask(this.#afterPromises)
  }
}
