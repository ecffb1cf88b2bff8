import { defineDrill } from '../drill.ts'

/** A data centre that was lost comes back, and its callers return to it without an error. */
export const idcFailback = defineDrill({
  name: 'idc-failback',
  about:
    'A data centre returns, and its callers come home. IDC sz is killed and started again; ' +
    'nobody is told, no call fails on the way back, and what has only just started is not ' +
    'overrun.',
  cluster: {
    idcs: {
      sz: { brokers: 2, responders: 2, requesters: 1 },
      sh: { brokers: 1, responders: 2, requesters: 0 },
    },
  },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0, awayPercent: 1 } },
    { name: 'sz is lost', do: 'kill idc sz', forMs: 3_000, bounds: { recoveryMs: 1_000 } },
    { name: 'life without sz', forMs: 2_000, bounds: { failed: 0, homePercent: 0 } },
    {
      name: 'sz is back',
      do: ['restart brokers of sz', 'restart responders of sz'],
      forMs: 10_000,
      bounds: { failed: 0, p99Ms: 500 },
    },
    { name: 'home again', forMs: 4_000, bounds: { failed: 0, awayPercent: 1, p99Ms: 500 } },
  ],
  bounds: { ownerless: 0 },
})
