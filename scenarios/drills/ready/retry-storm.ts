import { defineDrill } from '../drill.ts'

/** Callers that ask again at once, while there is too little capacity: it must not stay so. */
export const retryStorm = defineDrill({
  name: 'retry-storm',
  about:
    'Too little capacity, and callers that ask again at once. What cannot be served is refused ' +
    'early, nothing runs twice, and once the responders are quick again all is well: the storm ' +
    'does not feed itself.',
  cluster: { idcs: { sz: { brokers: 2, responders: 2, requesters: 2 } } },
  load: { rate: 200, handlerMs: 10, concurrency: 8, timeoutMs: 1_000, retries: 3 },
  steps: [
    { name: 'calm', forMs: 3_000, bounds: { failed: 0, p99Ms: 250 } },
    {
      name: 'all responders are slow',
      do: 'slow all responders by 200 ms',
      forMs: 6_000,
      // Of 400 calls a second 76 can be answered.
      bounds: { answeredPercent: 60, p99Ms: 1_200 },
    },
    {
      name: 'they are quick again',
      do: 'heal',
      forMs: 6_000,
      bounds: { recoveryMs: 5_000 },
    },
    { name: 'calm again', forMs: 4_000, bounds: { failed: 0, p99Ms: 250, ownerless: 0 } },
  ],
  bounds: { ownerless: 0 },
})
