import { defineDrill } from '../drill.ts'

/** Two data centres lose sight of each other: both go on, each for itself. */
export const splitBrain = defineDrill({
  name: 'split-brain',
  about:
    'Two data centres lose sight of each other. Nobody is told. Both serve their own callers; ' +
    'when sz loses its responders as well, its callers are told at once that nothing was done; ' +
    'when the network heals, sh helps out.',
  cluster: {
    idcs: {
      sz: { brokers: 1, responders: 2, requesters: 1 },
      sh: { brokers: 1, responders: 2, requesters: 1 },
    },
  },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0, awayPercent: 1 } },
    {
      name: 'the network is cut in two',
      do: [
        'cut idc sz from idc sh',
        'cut requesters of sz from brokers of sh',
        'cut requesters of sh from brokers of sz',
      ],
      forMs: 5_000,
      bounds: { failed: 0, awayPercent: 0, ownerless: 0 },
    },
    {
      name: 'sz loses its responders, and nobody can help',
      do: 'kill responders of sz',
      forMs: 4_000,
      // The half that is made in sz fails, in time: the cut is a real one. The other half does not.
      bounds: { answeredPercent: 52, failedPercent: 52, awayPercent: 0 },
    },
    { name: 'the network heals', do: 'heal', forMs: 5_000, bounds: { recoveryMs: 4_000 } },
    {
      name: 'sh helps out',
      forMs: 3_000,
      bounds: { failed: 0, homePercent: 52, ownerless: 0 },
    },
  ],
  bounds: { ownerless: 0 },
})
