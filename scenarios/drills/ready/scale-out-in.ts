import { defineDrill } from '../drill.ts'

/** Too few responders, then enough, then few again: the queues follow. */
export const scaleOutIn = defineDrill({
  name: 'scale-out-in',
  about:
    'Too few responders, then enough, then few again. Two cannot take the load, and calls wait ' +
    'longer and longer; four more join and have their share within a second; later four leave, ' +
    'and not one call is lost on the way.',
  cluster: { idcs: { sz: { brokers: 1, responders: 2, requesters: 2 } } },
  load: { rate: 200, handlerMs: 50, concurrency: 8, timeoutMs: 3_000 },
  steps: [
    // 400 calls a second, of which 320 can be answered: the others wait for those to come.
    { name: 'too few', forMs: 4_000, bounds: { failed: 0, queues: 2 } },
    { name: 'four more', do: 'add 4 responders to sz', forMs: 3_000, bounds: { failed: 0 } },
    // Without them the wait would be longer than the calls' time by now.
    { name: 'enough', forMs: 4_000, bounds: { failed: 0, p99Ms: 400 } },
    { name: 'the load falls', do: 'load 100', forMs: 1_000, bounds: { failed: 0 } },
    {
      name: 'four leave',
      do: 'remove 4 responders from sz',
      forMs: 4_000,
      bounds: { failed: 0, p99Ms: 400, queues: 2, ownerless: 0 },
    },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
