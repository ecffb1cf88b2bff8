import { defineDrill } from '../drill.ts'

const RESPONDERS = ['sz-1', 'sz-2', 'sz-3', 'sz-4']
const BROKERS = ['sz-1', 'sz-2']

/** Everything is restarted, one after the other, and nobody notices. */
export const rollingRestart = defineDrill({
  name: 'rolling-restart',
  about:
    'Everything is restarted, one after the other. Four responders, then two brokers, as a new ' +
    'version is rolled out: no call fails, and queues do not wander about.',
  cluster: { idcs: { sz: { brokers: 2, responders: 4, requesters: 2 } } },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0 } },
    ...RESPONDERS.map((name) => ({
      name: `responder ${name}`,
      do: [`stop responder ${name}`, `restart responder ${name}`],
      forMs: 2_500,
      bounds: { failed: 0, p99Ms: 500 },
    })),
    ...BROKERS.map((name) => ({
      name: `broker ${name}`,
      do: [`stop broker ${name}`, `restart broker ${name}`],
      forMs: 5_000,
      bounds: { failed: 0, p99Ms: 1_000 },
    })),
  ],
  bounds: { failed: 0, moves: 12, ownerless: 0 },
})
