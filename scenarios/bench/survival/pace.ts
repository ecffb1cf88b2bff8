/** Calls at a steady pace, whatever becomes of them: an open loop, as customers are one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, BusError, type RequestOptions } from '../../../rr-client/index.ts'
import { type Call, clock } from './calls.ts'

export const TOPIC = 'account.transfer'

export interface Plan {
  /** Calls per second. */
  rate: number
  timeoutMs: number
  /** Of ten calls so many may run more than once. Default none. */
  idempotentOfTen?: number
  waitForResponder?: boolean
}

export interface BurstPlan extends Omit<Plan, 'rate'> {
  count: number
}

const TICK_MS = 2

export class Pace {
  readonly #bus: Bus
  readonly #prefix: string
  readonly #calls: Call[] = []
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #made = 0
  /** Makes no calls for the moment; those that are due are made afterwards. */
  isHeld = false

  constructor(bus: Bus, prefix: string) {
    this.#bus = bus
    this.#prefix = prefix
  }

  begin(plan: Plan): void {
    const since = clock()
    let made = 0
    clearInterval(this.#timer)
    this.#timer = setInterval(() => {
      if (this.isHeld) return
      // After a stall of this process the calls that are due are made all at once.
      for (const due = ((clock() - since) * plan.rate) / 1_000; made < due; made++) this.#make(plan)
    }, TICK_MS)
  }

  /** Makes no more calls. Returns all there were, once each has settled. */
  async end(): Promise<Call[]> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    return this.#calls.splice(0)
  }

  /** So many calls at once. */
  async burst({ count, ...plan }: BurstPlan): Promise<Call[]> {
    for (let i = 0; i < count; i++) this.#make({ ...plan, rate: 0 })
    return this.end()
  }

  /** One call after another until told otherwise. */
  async oneByOne(plan: BurstPlan): Promise<Call[]> {
    for (let i = 0; i < plan.count; i++) {
      this.#make({ ...plan, rate: 0 })
      await Promise.all(this.#open)
    }
    return this.end()
  }

  /** The topic is answered and its routes are known. */
  async ready(withinMs: number): Promise<void> {
    const options = { waitForResponder: true, timeoutMs: withinMs, idempotent: true }
    await this.#bus.request(TOPIC, { id: `${this.#prefix}-ready` }, options)
    await sleep(0)
  }

  #make(plan: Plan): void {
    const number = this.#made
    this.#made += 1
    const id = `${this.#prefix}-${number}`
    const isIdempotent = number % 10 < (plan.idempotentOfTen ?? 0)
    const { timeoutMs, waitForResponder = false } = plan
    const doing = this.#call(id, { timeoutMs, waitForResponder, idempotent: isIdempotent })
    this.#open.add(doing)
    void doing.then(() => this.#open.delete(doing))
  }

  async #call(id: string, options: RequestOptions): Promise<void> {
    const at = clock()
    const end = { code: 'ok', outcome: 'executed', by: '' }
    try {
      const reply = (await this.#bus.request(TOPIC, { id }, options)) as { by: string }
      end.by = reply.by
    } catch (error) {
      end.code = BusError.is(error) ? error.code : String((error as { code?: unknown }).code)
      end.outcome = BusError.is(error) ? error.outcome : 'executed'
    }
    this.#calls.push({
      id,
      at,
      ms: clock() - at,
      ...end,
      isIdempotent: options.idempotent === true,
    })
  }
}
