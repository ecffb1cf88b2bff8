/** Calls that have settled, as the processes that made them tell, until somebody looks. */
import type { Call } from '../drills/stage.ts'

/** As many as some seconds of the highest load; nobody looks that seldom. */
const MAX_CALLS = 1_000_000

export class CallsSeen {
  #calls: Call[] = []
  /** Too many came between two looks. */
  lost = 0

  take(calls: readonly Call[]): void {
    if (this.#calls.length + calls.length > MAX_CALLS) this.lost += calls.length
    else for (const call of calls) this.#calls.push(call)
  }

  look(): Call[] {
    const calls = this.#calls
    this.#calls = []
    return calls
  }
}
