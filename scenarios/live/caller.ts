/** Calls of one client, and what became of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, BusError, type RequestOptions } from '../../rr-client/index.ts'
import type { Call } from '../drills/stage.ts'
import { clock } from './clock.ts'

/** What a drill's calls are about, unless it says otherwise. */
export const TOPIC = 'account.transfer'

/** How each call is made. */
export interface CallPlan {
  timeoutMs: number
  /** Of ten calls so many may run more than once. Default none. */
  idempotentOfTen?: number
  waitForResponder?: boolean
  /** How often it is made again, at once, when the error says that it may be. Default never. */
  retries?: number
}

export interface CallerFacts {
  topic: string
  /** The ids of its calls begin with it; no two callers have the same. */
  prefix: string
  idc: string
  isBystander: boolean
}

interface End {
  code: string
  outcome: Call['outcome']
  by: string
  byIdc: string
  isRetryable: boolean
}

export class Caller {
  readonly #bus: Bus
  readonly #facts: CallerFacts
  readonly #calls: Call[] = []
  readonly #open = new Set<Promise<void>>()
  #made = 0
  #mayRepeat = true

  constructor(bus: Bus, facts: CallerFacts) {
    this.#bus = bus
    this.#facts = facts
  }

  make(plan: CallPlan): void {
    this.#mayRepeat = true
    const number = this.#made
    this.#made += 1
    const id = `${this.#facts.prefix}-${number}`
    const doing = this.#persist(id, number % 10 < (plan.idempotentOfTen ?? 0), plan)
    this.#open.add(doing)
    void doing.then(() => this.#open.delete(doing))
  }

  /** Those that have settled since it was asked last. */
  take(): Call[] {
    return this.#calls.splice(0)
  }

  /** Resolves when none is open, and repeats none meanwhile. */
  async quiet(): Promise<void> {
    this.#mayRepeat = false
    await Promise.all(this.#open)
  }

  /** The topic is answered and its routes are known. */
  async ready(withinMs: number): Promise<void> {
    const { topic, prefix } = this.#facts
    const options = { waitForResponder: true, timeoutMs: withinMs, idempotent: true }
    await this.#bus.request(topic, { id: `${prefix}-ready` }, options)
    await sleep(0)
  }

  /** A repeat is a call of its own, with an id of its own: what became of the first one stands. */
  async #persist(id: string, isIdempotent: boolean, plan: CallPlan): Promise<void> {
    const { timeoutMs, waitForResponder = false, retries = 0 } = plan
    const options = { timeoutMs, waitForResponder, idempotent: isIdempotent }
    for (let repeat = 0; repeat <= retries; repeat++) {
      const mayRepeat = await this.#call(repeat === 0 ? id : `${id}~${repeat}`, options)
      if (!mayRepeat || !this.#mayRepeat) return
    }
  }

  async #call(id: string, options: RequestOptions): Promise<boolean> {
    const at = clock()
    const { isRetryable, ...end } = await this.#bus
      .request(this.#facts.topic, { id }, options)
      .then(answered, failed)
    const { idc, isBystander } = this.#facts
    const isIdempotent = options.idempotent === true
    this.#calls.push({ id, at, ms: clock() - at, ...end, idc, isIdempotent, isBystander })
    return isRetryable
  }
}

const answered = ({ by, idc }: { by: string; idc: string }): End => ({
  ...{ code: 'ok', outcome: 'executed', by, byIdc: idc, isRetryable: false },
})

const failed = (error: unknown): End => {
  const nobody = { by: '', byIdc: '' }
  if (BusError.is(error)) {
    const { code, outcome, retryable } = error
    return { code, outcome, ...nobody, isRetryable: retryable }
  }
  const code = String((error as { code?: unknown }).code)
  return { code, outcome: 'executed', ...nobody, isRetryable: false }
}
