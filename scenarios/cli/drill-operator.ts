/** A drill's hand in a cluster of yours: what operators type, said by the drill. */
import type { Operator, SavedRequest, Steer } from '../live/operator.ts'
import type { AdminClient, Order } from './admin-client.ts'
import { ACTION_REPORT } from './admin-shapes.ts'

/** A drain waits so long for what runs. */
const DRAIN_MS = 10_000
const REASON = 'a drill of finbus'

export class DrillOperator implements Operator {
  readonly #admin: AdminClient

  constructor(admin: AdminClient) {
    this.#admin = admin
  }

  async steer(steer: Steer): Promise<void> {
    await this.#admin.act(orderOf(steer), ACTION_REPORT)
  }

  saved(steer: Steer): SavedRequest {
    return this.#admin.saved(orderOf(steer))
  }
}

const orderOf = (steer: Steer): Order => {
  const name = encodeURIComponent(steer.name)
  const reason = REASON
  switch (steer.do) {
    case 'isolate': {
      const { topic, forMs } = steer
      // Its own word from before, should it say it twice; nobody else speaks of the drill's topic.
      const body = { topic, forMs, replace: true, reason }
      return { method: 'POST', path: `/v1/idcs/${name}/isolate`, body }
    }
    case 'restore':
      return {
        ...{ method: 'POST', path: `/v1/idcs/${name}/restore` },
        body: { topic: steer.topic, reason },
      }
    case 'drain':
      return {
        ...{ method: 'POST', path: `/v1/brokers/${name}/drain`, withinMs: DRAIN_MS },
        body: { withinMs: DRAIN_MS, reason },
      }
    case 'resume':
      return { method: 'POST', path: `/v1/brokers/${name}/resume`, body: { reason } }
  }
}
