import { defineDrill } from '../drill.ts'

/** The name servers die: nobody who runs needs them. */
export const registryLoss = defineDrill({
  name: 'registry-loss',
  about:
    'All name servers die, and nobody who runs needs them. Even when a broker dies and comes ' +
    'back meanwhile its clients find it again by themselves. When the registries are back, ' +
    'those who join learn from them who is there.',
  cluster: {
    idcs: { sz: { brokers: 2, responders: 2, requesters: 2 } },
    registries: 2,
  },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0 } },
    { name: 'no registry', do: 'kill all registries', forMs: 4_000, bounds: { failed: 0 } },
    {
      name: 'a broker dies meanwhile',
      do: 'kill broker sz-1',
      forMs: 3_000,
      bounds: { failed: 0, queues: 2 },
    },
    {
      name: 'and is back',
      do: 'restart broker sz-1',
      forMs: 4_000,
      bounds: { failed: 0, ownerless: 0 },
    },
    {
      name: 'the registries are back, and two more responders',
      do: ['restart all registries', 'add 2 responders to sz'],
      forMs: 3_000,
      bounds: { failed: 0, ownerless: 0 },
    },
    {
      name: 'only those who came last are left',
      do: ['stop responder sz-1', 'stop responder sz-2'],
      forMs: 3_000,
      // They learned from the new registries where the brokers are, or nobody would answer.
      bounds: { failed: 0, queues: 4, ownerless: 0 },
    },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
