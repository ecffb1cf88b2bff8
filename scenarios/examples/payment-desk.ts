/**
 * A payment desk in front of a ledger that books whatever it is told, as often as it is told. Its reply
 * can be lost on the way; then nobody knows whether it booked. The desk finds out, and books again
 * only when the bus or the ledger has said that nothing was booked.
 */
import { type Bus, BusError, ServiceError } from '../../rr-client/index.ts'

export interface Order {
  /** The business key: the same order asked again has the same. */
  readonly key: string
  readonly from: string
  readonly to: string
  readonly amount: string
}

export interface Booking {
  readonly key: string
  /** Its number in the books. */
  readonly entry: number
}

export type PaymentContracts = {
  'payment.pay': { request: Order; reply: Booking }
  'ledger.book': { request: Order; reply: Booking }
  'ledger.find': { request: { key: string }; reply: Booking | null }
}

/** How the desk waits: `setTimeout` of `node:timers/promises`, or `world.sleep` in a test. */
export type Sleep = (ms: number) => Promise<unknown>

const ATTEMPTS = 10
const ATTEMPT_MS = 1_000
const PAUSE_MS = 200

export class PaymentDesk {
  readonly #bus: Bus<PaymentContracts>
  readonly #sleep: Sleep
  /** Orders under way, by key; as many as there are handlers at once. */
  readonly #settling = new Map<string, Promise<Booking>>()

  constructor(bus: Bus<PaymentContracts>, sleep: Sleep) {
    this.#bus = bus
    this.#sleep = sleep
  }

  /** Answers `payment.pay`. An order outlives the call that brought it: who asks again joins it. */
  open() {
    return this.#bus.reply('payment.pay', (order) => {
      const known = this.#settling.get(order.key)
      if (known !== undefined) return known
      const settling = this.#settle(order).finally(() => this.#settling.delete(order.key))
      this.#settling.set(order.key, settling)
      return settling
    })
  }

  async #settle(order: Order): Promise<Booking> {
    let booking = await this.#find(order.key)
    for (let attempt = 1; booking === null; attempt++) {
      if (attempt > ATTEMPTS) {
        throw new ServiceError('NOT_BOOKED', `${order.key} was not booked: the ledger is away`)
      }
      booking = await this.#book(order)
    }
    return booking
  }

  /** null: it is certain that this attempt has booked nothing. */
  async #book(order: Order): Promise<Booking | null> {
    try {
      return await this.#bus.request('ledger.book', order, { timeoutMs: ATTEMPT_MS })
    } catch (error) {
      // The ledger's own no is the answer.
      if (!BusError.is(error)) throw error
      if (error.outcome === 'not_executed') {
        await this.#sleep(error.retryAfterMs ?? PAUSE_MS)
        return null
      }
      // It may still be on its way to the ledger; what is not in the books after that never comes.
      await this.#sleep(error.details.mayStartForMs ?? 0)
      return this.#find(order.key)
    }
  }

  /** Reading does no harm twice: until the ledger answers. */
  async #find(key: string): Promise<Booking | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        const options = { idempotent: true, timeoutMs: ATTEMPT_MS }
        return await this.#bus.request('ledger.find', { key }, options)
      } catch (error) {
        if (!BusError.is(error)) throw error
        if (attempt === ATTEMPTS) {
          throw new ServiceError('UNKNOWN', `nobody can say whether ${key} was booked`)
        }
        await this.#sleep(PAUSE_MS)
      }
    }
  }
}
