import { BusError, invalid, type Outcome } from '../bus/errors.ts'
import type { Runtime, Timer } from '../bus/io/runtime.ts'
import { MAX_ORDER_BYTES } from '../bus/observe-frames.ts'
import type { Order, OrderAnswer } from '../bus/order.ts'

/** Orders that wait for their answers, at most, and orders that are kept for clients yet to come. */
const MAX_OPEN = 10_000
const MAX_KEPT = 200
const MAX_WITHIN_MS = 86_400_000
const MAX_NUMBER = 0xffff_ffff

interface Open {
  readonly instance: string
  readonly timer: Timer
  readonly resolve: (answer: OrderAnswer) => void
  readonly reject: (error: BusError) => void
}

interface Kept {
  readonly order: Order
  until: number
}

/** How orders leave: under a number, to one client. False if it is not linked. */
export type SendOrder = (instance: string, number: number, json: Buffer) => boolean

/**
 * Orders of operators to clients: numbered, and each settled by its answer, by the loss of the link
 * it went by, or by time. Some are kept, and given to clients that come later, too.
 */
export class Orders {
  readonly #send: SendOrder
  readonly #runtime: Runtime
  readonly #open = new Map<number, Open>()
  /** Numbers of the open orders of each client. */
  readonly #byInstance = new Map<string, Set<number>>()
  readonly #kept = new Map<string, Kept>()
  #number = 0

  constructor(send: SendOrder, runtime: Runtime) {
    this.#send = send
    this.#runtime = runtime
  }

  order(instance: string, order: Order, withinMs: number): Promise<OrderAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#open.size >= MAX_OPEN) {
        const details = { stage: 'broker', limit: MAX_OPEN, current: this.#open.size }
        const message = `${MAX_OPEN} orders wait for their answers already`
        throw new BusError('overloaded', message, { details })
      }
      const number = this.#nextNumber()
      if (!this.#send(instance, number, encode(order))) throw notLinked(instance, 'not_executed')
      const ms = Math.max(1, Math.min(MAX_WITHIN_MS, withinMs))
      const timer = this.#runtime.setTimer(() => this.#late(number, ms), ms)
      this.#open.set(number, { instance, timer, resolve, reject })
      const own = this.#byInstance.get(instance) ?? new Set()
      this.#byInstance.set(instance, own.add(number))
    })
  }

  /** For clients that come until then; in place of the one that was kept under that id. */
  keep(order: Order, id: string, until: number): void {
    const before = this.#kept.get(id)
    if (before === undefined && this.#kept.size >= MAX_KEPT) this.#dropOver()
    if (before === undefined && this.#kept.size >= MAX_KEPT) {
      const details = { stage: 'broker', limit: MAX_KEPT, current: this.#kept.size }
      const message = `${MAX_KEPT} orders are kept for clients that come later already`
      throw new BusError('overloaded', message, { details })
    }
    encode(order)
    this.#kept.set(id, { order, until })
  }

  drop(id: string): void {
    this.#kept.delete(id)
  }

  /** A client is linked, perhaps in place of an older link: it is given what is kept. */
  onUp(instance: string): void {
    this.onLost(instance)
    const now = this.#runtime.now()
    for (const { order, until } of this.#kept.values()) {
      const leftMs = Math.ceil(until - now)
      if (leftMs <= 0) continue
      const left = order.do === 'force' ? { ...order, forMs: leftMs } : order
      this.#send(instance, this.#nextNumber(), encode(left))
    }
    this.#dropOver()
  }

  /** A client's link is lost: what it was asked by that is not answered any more. */
  onLost(instance: string): void {
    for (const number of [...(this.#byInstance.get(instance) ?? [])]) {
      this.#take(number)?.reject(notLinked(instance, 'unknown'))
    }
  }

  /** An answer nobody waits for any more is of no interest, nor is one by somebody else. */
  onAnswer(instance: string, number: number, json: Buffer): void {
    if (this.#open.get(number)?.instance !== instance) return
    this.#take(number)?.resolve(decode(json))
  }

  close(): void {
    for (const number of [...this.#open.keys()]) {
      const open = this.#take(number)!
      open.reject(new BusError('not_connected', 'the broker is closed', { outcome: 'unknown' }))
    }
    this.#kept.clear()
  }

  #late(number: number, ms: number): void {
    const open = this.#take(number)
    if (open === undefined) return
    const message = `${open.instance} has not answered an order within ${ms} ms`
    open.reject(new BusError('deadline_exceeded', message, { details: { stage: 'broker' } }))
  }

  #take(number: number): Open | undefined {
    const open = this.#open.get(number)
    if (open === undefined) return undefined
    this.#open.delete(number)
    this.#runtime.clearTimer(open.timer)
    const own = this.#byInstance.get(open.instance)
    own?.delete(number)
    if (own?.size === 0) this.#byInstance.delete(open.instance)
    return open
  }

  #nextNumber(): number {
    do {
      this.#number = this.#number === MAX_NUMBER ? 1 : this.#number + 1
    } while (this.#open.has(this.#number))
    return this.#number
  }

  #dropOver(): void {
    const now = this.#runtime.now()
    for (const [id, { until }] of this.#kept) if (until <= now) this.#kept.delete(id)
  }
}

const encode = (order: Order): Buffer => {
  const json = Buffer.from(JSON.stringify(order))
  if (json.length <= MAX_ORDER_BYTES) return json
  throw invalid('order', `must have at most ${MAX_ORDER_BYTES} bytes as JSON`, json.length)
}

const decode = (json: Buffer): OrderAnswer => {
  try {
    const answer: unknown = JSON.parse(json.toString())
    if (typeof answer === 'object' && answer !== null) return answer
  } catch {}
  return { error: 'its answer is not a JSON object' }
}

const notLinked = (instance: string, outcome: Outcome): BusError => {
  const message = `${instance} is not linked to this broker`
  return new BusError('not_connected', message, { outcome, details: { stage: 'broker' } })
}
