import { defineDrill } from '../drill.ts'

/** The whole of a data centre dies, and its callers go on in the other one. */
export const idcFailover = defineDrill({
  name: 'idc-failover',
  about:
    'A data centre is lost, and its callers go on in the other. Every broker and responder of ' +
    'IDC sz is killed under load; within a second its callers are answered in sh. What was ' +
    'running is told as unknown, and nothing runs twice.',
  cluster: {
    idcs: {
      sz: { brokers: 2, responders: 2, requesters: 1 },
      sh: { brokers: 2, responders: 2, requesters: 1 },
    },
  },
  steps: [
    { name: 'calm', forMs: 3_000, bounds: { failed: 0, awayPercent: 1 } },
    {
      name: 'sz is lost',
      do: 'kill idc sz',
      forMs: 4_000,
      bounds: { recoveryMs: 1_000, failedPercent: 10 },
    },
    {
      name: 'life without sz',
      forMs: 6_000,
      // Half of the calls are made in sz, and not one of them is answered there.
      bounds: { failed: 0, homePercent: 50.5, p99Ms: 500, ownerless: 0, queues: 4 },
    },
  ],
  bounds: { ownerless: 0 },
})
