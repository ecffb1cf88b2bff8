import type { Ownership } from './ownership.ts'
import type { Reception } from './reception.ts'
import type { BrokerState } from './state.ts'
import type { Topic } from './topic.ts'

/** Offers that lose their queues in one turn of the loop: calls go on meanwhile. */
const OFFERS_PER_TURN = 200
/** What is unanswered is looked at so often. */
const LOOK_MS = 10
/** Requesters are told that the queues are gone, and what they sent before is refused, within this. */
const TOLD_MS = 100
const NEVER = Number.POSITIVE_INFINITY

/**
 * Takes the work off a broker that is to be stopped, so that nobody notices: no new clients, no queues,
 * what waits goes back to its requesters, what runs is answered; then every client is told goodbye. They
 * dial again and are refused `draining`, until the broker resumes.
 */
export class Drain {
  readonly #state: BrokerState
  readonly #ownership: Ownership
  readonly #reception: Reception
  /** Topics whose queues are still there. */
  #left: Topic[] = []
  #until = NEVER
  #lookAt = NEVER
  /** What the broker had handed back before. */
  #handedBackBefore = 0

  constructor(state: BrokerState, ownership: Ownership, reception: Reception) {
    this.#state = state
    this.#ownership = ownership
    this.#reception = reception
  }

  get nextDeadline(): number {
    return Math.min(this.#until, this.#lookAt)
  }

  /** Queues are left to be taken away in the next turn of the loop. */
  get isBehind(): boolean {
    return this.#left.length > 0
  }

  /** Begun already, it has so long from now on. */
  begin(now: number, withinMs: number): void {
    if (this.#state.phase === 'drained') return
    this.#until = now + withinMs
    if (this.#state.phase === 'draining') return
    this.#state.phase = 'draining'
    this.#handedBackBefore = this.#state.counters.handedBack
    this.#left = [...this.#state.topics.values()]
    this.#lookAt = now + TOLD_MS
    this.#state.effects.advise({ kind: 'draining', deliveries: this.#state.deliveries.size })
    this.onTurn(now)
  }

  onTurn(now: number): void {
    let left = OFFERS_PER_TURN
    for (let topic = this.#left.pop(); topic !== undefined; topic = this.#left.pop()) {
      left -= topic.registrations.size
      this.#ownership.onWord(now, topic)
      this.#lookAt = now + TOLD_MS
      if (left <= 0) return
    }
  }

  onDeadline(now: number): void {
    if (now >= this.#until) this.#finish(now)
    else if (now < this.#lookAt) return
    else if (this.#left.length === 0 && this.#state.deliveries.countOpen() === 0) this.#finish(now)
    else this.#lookAt = now + LOOK_MS
  }

  /** Takes work again: clients that are left get their queues back, the others come by themselves. */
  resume(now: number): boolean {
    const state = this.#state
    if (state.phase === 'open') return false
    if (state.phase === 'drained') {
      state.opensAt = now
      state.isRestart = true
    }
    state.phase = 'open'
    this.#rest()
    state.effects.advise({ kind: 'resumed' })
    for (const topic of [...state.topics.values()]) this.#ownership.onWord(now, topic)
    return true
  }

  /** What was handed back so far. */
  get handedBack(): number {
    return this.#state.counters.handedBack - this.#handedBackBefore
  }

  #finish(now: number): void {
    for (const topic of this.#left) this.#ownership.onWord(now, topic)
    this.#rest()
    const abandoned = this.#state.deliveries.countOpen()
    this.#state.phase = 'drained'
    this.#reception.dismissAll(now, 'the broker drains')
    const { handedBack } = this
    this.#state.effects.advise({ kind: 'drained', handedBack, abandoned })
    this.#state.effects.drained(handedBack, abandoned)
  }

  #rest(): void {
    this.#left = []
    this.#until = NEVER
    this.#lookAt = NEVER
  }
}
