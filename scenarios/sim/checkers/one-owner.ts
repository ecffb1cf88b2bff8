import { u32, u64 } from '../../../bus/bytes.ts'
import { Flag, Request } from '../../../bus/frame.ts'
import type { Scene } from '../scene.ts'
import type { BrokerNode } from '../world/broker-node.ts'
import { type Checker, Violation } from './checker.ts'

const NAME = 'one owner'

/** Each queue and epoch has one owner, its requests go to nobody else, and epochs only grow. */
export const oneOwner = (scene: Scene): Checker => {
  const books = new Map<BrokerNode, Book>()
  const bookOf = (broker: BrokerNode): Book => {
    const known = books.get(broker) ?? new Book(broker)
    books.set(broker, known)
    known.read()
    return known
  }
  return {
    name: NAME,
    onRequest({ way, client, broker, bytes, at }) {
      const isPinned = (bytes[at + Request.flags]! & Flag.pinned) !== 0
      if (way === 'up' || isPinned) return
      const node = scene.world.brokers.get(broker)!
      // What a broker that has died since had sent is judged by a book that is no more.
      if (u64(bytes, at + Request.life) !== node.life) return
      const key = `${u32(bytes, at + Request.queue)}/${u64(bytes, at + Request.epoch)}`
      const owner = bookOf(node).owners.get(key)
      if (owner === client.instance) return
      throw new Violation(
        NAME,
        `${broker}: a request of ${key}, owned by ${owner}, to ${client.name}`,
      )
    },
    onTick() {
      for (const broker of scene.brokers) bookOf(broker)
    },
  }
}

/** Who was given which queue and epoch, by the word of one life of a broker. */
class Book {
  readonly owners = new Map<string, string>()
  readonly #broker: BrokerNode
  readonly #epochs = new Map<number, number>()
  #readTo = 0

  constructor(broker: BrokerNode) {
    this.#broker = broker
  }

  read(): void {
    const { advisories, name } = this.#broker
    for (; this.#readTo < advisories.length; this.#readTo++) {
      const advisory = advisories[this.#readTo]!
      if (advisory.kind !== 'queue_assigned') continue
      const { queue, epoch, owner } = advisory
      const before = this.#epochs.get(queue) ?? 0
      if (epoch <= before) {
        throw new Violation(NAME, `${name}: queue ${queue} goes from epoch ${before} to ${epoch}`)
      }
      this.#epochs.set(queue, epoch)
      this.owners.set(`${queue}/${epoch}`, owner)
    }
  }
}
