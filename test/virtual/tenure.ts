import assert from 'node:assert/strict'
import { u32, u64 } from '../../bus/bytes.ts'
import { BATCH_HEAD, checkedFrameEnd, Flag, Frame, Request } from '../../bus/frame.ts'
import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

/** Who owned which queue when, by the word of one broker and by the requests it sent. */
export class Tenure {
  readonly #broker: BrokerNode
  readonly #served = new Map<string, Set<string>>()

  constructor(world: World, broker: BrokerNode) {
    this.#broker = broker
    world.onBatch = (client, name, way, bytes) => {
      if (way === 'down' && name === broker.name) this.#note(client.instance, bytes)
    }
  }

  /** How often a queue was given to somebody. */
  get given(): number {
    return this.#broker.advised('queue_assigned').length
  }

  get lost(): number {
    return this.#broker.advised('queue_gone').length
  }

  /** One owner for each queue and epoch, requests of it only to him, and epochs that only grow. */
  check(): void {
    const owners = new Map<string, string>()
    const epochs = new Map<number, number>()
    for (const { queue, epoch, owner } of this.#broker.advised('queue_assigned')) {
      const key = `${queue}/${epoch}`
      assert.ok((epochs.get(queue) ?? 0) < epoch, `queue ${queue} goes back to epoch ${epoch}`)
      assert.ok(!owners.has(key), `${key} is given to two`)
      epochs.set(queue, epoch)
      owners.set(key, owner)
    }
    for (const [key, instances] of this.#served) {
      assert.deepEqual([...instances], [owners.get(key)], `requests of ${key}`)
    }
  }

  #note(instance: string, b: Buffer): void {
    for (let at = BATCH_HEAD; at < b.length; ) {
      const end = checkedFrameEnd(b, at)
      const isPinned = (b[at + Request.flags]! & Flag.pinned) !== 0
      if (b[at + 4] === Frame.request && !isPinned) {
        const key = `${u32(b, at + Request.queue)}/${u64(b, at + Request.epoch)}`
        this.#served.set(key, (this.#served.get(key) ?? new Set()).add(instance))
      }
      at = end
    }
  }
}
