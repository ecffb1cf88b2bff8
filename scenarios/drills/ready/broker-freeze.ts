import { defineDrill } from '../drill.ts'

/** One of two brokers stands still with its sockets open, and goes on later. */
export const brokerFreeze = defineDrill({
  name: 'broker-freeze',
  about:
    'One of two brokers stands still, and no call fails. Its sockets stay open and nothing ' +
    'moves; its clients notice within a second and go by the other one. When it goes on, ' +
    'nothing old is run again.',
  cluster: { idcs: { sz: { brokers: 2, responders: 2, requesters: 2 } } },
  load: { rate: 250 },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0 } },
    {
      name: 'broker sz-1 stands still',
      do: 'freeze broker sz-1',
      forMs: 5_000,
      bounds: { failed: 0, p99Ms: 1_500, queues: 2 },
    },
    {
      name: 'it goes on',
      do: 'thaw broker sz-1',
      forMs: 5_000,
      bounds: { failed: 0, p99Ms: 500, ownerless: 0 },
    },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
