import { WireError } from '../../bus/bytes.ts'
import { Fifo } from '../../bus/fifo.ts'
import type { Link, Session } from './session.ts'

/** What one client may have waiting here: more than any that keeps to the limits can ask for. */
const MAX_PER_SESSION = 65_536

interface Task {
  readonly session: Session
  readonly link: Link
  readonly run: (now: number) => void
}

/**
 * Work of one kind that clients ask for, so much of it in one turn of the loop: a thousand of them may
 * come back in one moment, each with hundreds of topics, and calls must go on meanwhile. What is too
 * much waits, in the order it came.
 */
export class Backlog {
  readonly #perTurn: number
  readonly #waiting = new Fifo<Task>()
  readonly #bySession = new Map<Session, number>()
  #runThisTurn = 0

  constructor(perTurn: number) {
    this.#perTurn = perTurn
  }

  /** `onTurn` is to be called in the next turn of the loop. */
  get isBehind(): boolean {
    return this.#runThisTurn > 0 || this.#waiting.size > 0
  }

  /** Something of that client is still to be done. */
  has(session: Session): boolean {
    return this.#bySession.has(session)
  }

  /** Runs it now, or after what this client and others have asked for before. */
  run(now: number, link: Link, session: Session, run: (now: number) => void): void {
    // While something waits, this turn has had its share.
    if (this.#runThisTurn < this.#perTurn) {
      this.#runThisTurn += 1
      run(now)
      return
    }
    const count = (this.#bySession.get(session) ?? 0) + 1
    if (count > MAX_PER_SESSION) throw new WireError(`more than ${MAX_PER_SESSION} frames behind`)
    this.#bySession.set(session, count)
    this.#waiting.push({ session, link, run })
  }

  onTurn(now: number): void {
    this.#runThisTurn = 0
    while (this.#runThisTurn < this.#perTurn) {
      const task = this.#waiting.shift()
      if (task === undefined) return
      const { session, link, run } = task
      const left = this.#bySession.get(session)! - 1
      if (left > 0) this.#bySession.set(session, left)
      else this.#bySession.delete(session)
      // Asked by a link that is gone: its client asks again by the next one.
      if (session.link !== link) continue
      this.#runThisTurn += 1
      run(now)
    }
  }
}
