import { defineDrill } from '../drill.ts'

/** A broker with hundreds of clients restarts, and all of them are at its door at once. */
export const reconnectStorm = defineDrill({
  name: 'reconnect-storm',
  about:
    'Two hundred clients lose their broker at once. All of them are at its door when it is ' +
    'back; those who call in the meantime go by the other broker.',
  cluster: { idcs: { sz: { brokers: 2, responders: 2, requesters: 2, bystanders: 200 } } },
  steps: [
    { name: 'calm', forMs: 3_000, bounds: { failed: 0 } },
    {
      name: 'broker sz-1 dies',
      do: 'kill broker sz-1',
      forMs: 3_000,
      bounds: { failed: 0, p99Ms: 1_000, queues: 2 },
    },
    {
      name: 'all return at once',
      do: 'restart broker sz-1',
      forMs: 5_000,
      bounds: { failed: 0, p99Ms: 1_000 },
    },
    { name: 'calm again', forMs: 4_000, bounds: { failed: 0, p99Ms: 250, ownerless: 0 } },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
