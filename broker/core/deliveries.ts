import type { Queue } from './queue.ts'
import type { Session } from './session.ts'

/** A request that was forwarded and is not answered: what a reply releases. */
export interface Delivery {
  readonly number: number
  origin: Session | undefined
  owner: Session | undefined
  /** Undefined for a pinned request, which takes no queue's credit. */
  queue: Queue | undefined
  counter: number
  flags: number
  attempt: number
  size: number
  sentAt: number
  /** The owner's link was lost with it: it counts for no credit until the owner says it holds it. */
  isLost: boolean
  /** Its requester was told of the loss. */
  isTold: boolean
  /** Numbers of its neighbours among its owner's deliveries; 0 for none. */
  older: number
  newer: number
}

/** All of them, in slots that are used again: a reply finds its delivery by number. */
export class Deliveries {
  readonly #slots: Delivery[] = [blank(0)]
  readonly #free: number[] = []

  get size(): number {
    return this.#slots.length - 1 - this.#free.length
  }

  take(origin: Session, owner: Session, queue: Queue | undefined): Delivery {
    const number = this.#free.pop()
    const delivery = number === undefined ? this.#add() : this.#slots[number]!
    delivery.origin = origin
    delivery.owner = owner
    delivery.queue = queue
    delivery.isLost = false
    delivery.isTold = false
    const older = owner.newestDelivery
    delivery.older = older
    delivery.newer = 0
    if (older !== 0) this.#slots[older]!.newer = delivery.number
    owner.newestDelivery = delivery.number
    return delivery
  }

  /** The delivery of that number, if it is that owner's and in use. */
  find(number: number, owner: Session): Delivery | undefined {
    const delivery = this.#slots[number]
    return delivery !== undefined && delivery.owner === owner ? delivery : undefined
  }

  free(delivery: Delivery): void {
    const { owner, older, newer } = delivery
    if (newer === 0) owner!.newestDelivery = older
    else this.#slots[newer]!.older = older
    if (older !== 0) this.#slots[older]!.newer = newer
    delivery.origin = undefined
    delivery.owner = undefined
    delivery.queue = undefined
    this.#free.push(delivery.number)
  }

  /** Every delivery of one owner, oldest first. */
  of(owner: Session): Delivery[] {
    const found: Delivery[] = []
    for (let number = owner.newestDelivery; number !== 0; ) {
      const delivery = this.#slots[number]!
      found.push(delivery)
      number = delivery.older
    }
    return found.reverse()
  }

  /** Deliveries whose owners are linked: they may be answered yet. */
  countOpen(): number {
    let count = 0
    for (const { owner, isLost } of this.#slots) if (owner !== undefined && !isLost) count += 1
    return count
  }

  #add(): Delivery {
    const delivery = blank(this.#slots.length)
    this.#slots.push(delivery)
    return delivery
  }
}

const blank = (number: number): Delivery => ({
  number,
  origin: undefined,
  owner: undefined,
  queue: undefined,
  counter: 0,
  flags: 0,
  attempt: 0,
  size: 0,
  sentAt: 0,
  isLost: false,
  isTold: false,
  older: 0,
  newer: 0,
})
