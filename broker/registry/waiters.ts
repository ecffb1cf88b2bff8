import type { ServerResponse } from 'node:http'

/** Changes are gathered for so long, so that a restart of many brokers is one answer. */
const GATHER_MS = 20
/** Answers written in one turn of the loop: between them announcements are read. */
const PER_TURN = 500

interface Waiter {
  /** The version it has seen. */
  readonly seen: number
  readonly response: ServerResponse
  readonly timer: NodeJS.Timeout
}

/** Clients that wait for a change. Each is answered once: by a change, by its time, or by the end. */
export class Waiters {
  readonly #most: number
  readonly #answer: (response: ServerResponse) => void
  readonly #waiting = new Set<Waiter>()
  #gather: NodeJS.Timeout | undefined
  #version = 0

  constructor(most: number, answer: (response: ServerResponse) => void) {
    this.#most = most
    this.#answer = answer
  }

  get size(): number {
    return this.#waiting.size
  }

  /** False if there are as many as there may be. */
  add(seen: number, response: ServerResponse, waitMs: number): boolean {
    if (this.#waiting.size >= this.#most) return false
    const timer = setTimeout(() => this.#end(waiter, true), waitMs)
    const waiter: Waiter = { seen, response, timer }
    this.#waiting.add(waiter)
    response.once('close', () => this.#end(waiter, false))
    return true
  }

  /** There is something new. */
  wake(version: number): void {
    this.#version = version
    if (this.#gather !== undefined || this.#waiting.size === 0) return
    this.#gather = setTimeout(() => {
      this.#gather = undefined
      this.#answerAll([...this.#waiting].filter(({ seen }) => seen !== this.#version))
    }, GATHER_MS)
  }

  close(): void {
    clearTimeout(this.#gather)
    for (const waiter of [...this.#waiting]) {
      this.#end(waiter, false)
      waiter.response.destroy()
    }
  }

  #answerAll(waiters: Waiter[]): void {
    for (const waiter of waiters.splice(0, PER_TURN)) this.#end(waiter, true)
    if (waiters.length > 0) setImmediate(() => this.#answerAll(waiters))
  }

  #end(waiter: Waiter, isAnswered: boolean): void {
    if (!this.#waiting.delete(waiter)) return
    clearTimeout(waiter.timer)
    if (isAnswered) this.#answer(waiter.response)
  }
}
