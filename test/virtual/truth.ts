import assert from 'node:assert/strict'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

/** Clocks that drift apart make a call's time up to so much longer or shorter than its caller's. */
const LATE_SHARE = 0.06
const LATE_MS = 60

/** Every call of a client that lives was settled once, in time, and truly, by the ledger of the world. */
export const assertTruth = (world: World, ...clients: ClientNode[]): void => {
  for (const client of clients) {
    if (!client.isAlive) continue
    for (const call of client.calls) {
      const ran = world.ledger.of(client.idOf(call))
      const what = `${client.name} ${call.body}: ${call.end}, ran ${ran.length} times`
      assert.equal(call.settlements.length, 1, `settled once: ${what}`)
      assert.ok(call.tookMs <= call.timeoutMs * (1 + LATE_SHARE) + LATE_MS, `in time: ${what}`)
      if (call.ask.idempotent !== true) assert.ok(ran.length <= 1, `ran twice: ${what}`)
      const { mayStartForMs = 0 } = call.error?.details ?? {}
      const last = call.startedAt + call.tookMs + mayStartForMs * (1 + LATE_SHARE) + 1
      for (const { startedAt } of call.error?.outcome === 'unknown' ? ran : []) {
        assert.ok(startedAt <= last, `started too late: ${what}`)
      }
      const outcome = call.error?.outcome ?? 'executed'
      if (outcome === 'executed') assert.ok(ran.length > 0, `never ran: ${what}`)
      if (outcome === 'not_executed') assert.equal(ran.length, 0, `it ran: ${what}`)
    }
  }
}
