import PQueue from 'p-queue'
import { Fifo } from '../bus/fifo.ts'

/** Told by a task, once, when it has ended. */
export type Done = () => void
export type Task = (done: Done) => void

/**
 * Runs at most `concurrency` tasks at once, in order. A task starts directly while fewer run, or as
 * soon as one that started directly ends in the same turn of the loop; only what overflows the turn
 * enters a p-queue, which costs more than the rest of a delivery together. What can overflow is
 * bounded by the credit given to brokers.
 */
export class Lane {
  readonly #concurrency: number
  #direct = 0
  readonly #late = new Fifo<Task>()
  #isStarting = false
  readonly #soon: (task: () => void) => void
  #overflow: PQueue | undefined

  /** `soon` runs a task at the end of the present turn of the loop. */
  constructor(concurrency: number, soon: (task: () => void) => void) {
    this.#concurrency = concurrency
    this.#soon = soon
  }

  /** Starts `task` now or later. */
  offer(task: Task): void {
    if (this.#queued > 0) this.#wait(task)
    else if (this.#direct < this.#concurrency && this.#late.size === 0) this.#start(task)
    else {
      if (this.#late.size === 0) this.#soon(this.#spill)
      this.#late.push(task)
    }
  }

  get #queued(): number {
    return this.#overflow === undefined ? 0 : this.#overflow.size + this.#overflow.pending
  }

  #start(task: Task): void {
    this.#direct += 1
    task(this.#directDone)
  }

  readonly #directDone = (): void => {
    this.#direct -= 1
    if (this.#late.size > 0) this.#startLate()
    else if (this.#overflow !== undefined) this.#share(this.#overflow)
  }

  /** A task that ends at once must not start the next from within itself: the stack has an end. */
  #startLate(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#late.size > 0 && this.#direct < this.#concurrency) this.#start(this.#late.shift()!)
    this.#isStarting = false
  }

  /** The turn is over: what has not started by now will wait for longer. */
  readonly #spill = (): void => {
    for (let task = this.#late.shift(); task !== undefined; task = this.#late.shift()) {
      this.#wait(task)
    }
  }

  #wait(task: Task): void {
    this.#overflow ??= new PQueue({ concurrency: 1, autoStart: false })
    this.#share(this.#overflow)
    void this.#overflow.add(() => new Promise<void>((resolve) => task(resolve)))
  }

  /** Those that started directly and those from the p-queue share one limit. */
  #share(overflow: PQueue): void {
    if (overflow.size + overflow.pending === 0 && this.#direct === 0) {
      this.#overflow = undefined
      return
    }
    const free = this.#concurrency - this.#direct
    if (free < 1) {
      overflow.pause()
      return
    }
    overflow.concurrency = free
    if (overflow.isPaused) overflow.start()
  }
}
