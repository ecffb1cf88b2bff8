import { defineDrill } from '../drill.ts'

/** One of two brokers is killed: callers do not feel it. */
export const brokerCrash = defineDrill({
  name: 'broker-crash',
  about:
    'One of two brokers is killed, and no call fails. What it held is sent again to the same ' +
    'responder by the other broker, and nothing runs twice.',
  cluster: { idcs: { sz: { brokers: 2, responders: 2, requesters: 2 } } },
  load: { rate: 250 },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0 } },
    {
      name: 'broker sz-1 is gone',
      do: 'kill broker sz-1',
      forMs: 5_000,
      // Only the two queues at the other broker are left.
      bounds: { failed: 0, p99Ms: 500, queues: 2 },
    },
    {
      name: 'it is back',
      do: 'restart broker sz-1',
      forMs: 5_000,
      bounds: { failed: 0, p99Ms: 500, ownerless: 0 },
    },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
