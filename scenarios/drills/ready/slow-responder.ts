import { defineDrill } from '../drill.ts'

/** One of three responders becomes two hundred times slower, and is left alone. */
export const slowResponder = defineDrill({
  name: 'slow-responder',
  about:
    'One of three responders takes a second for everything. Callers leave its queue alone; when ' +
    'it is quick again it gets its share back.',
  cluster: { idcs: { sz: { brokers: 1, responders: 3, requesters: 2 } } },
  load: { rate: 200, timeoutMs: 800, concurrency: 16 },
  steps: [
    { name: 'calm', forMs: 3_000, bounds: { failed: 0, p99Ms: 250 } },
    {
      name: 'responder sz-1 becomes slow',
      do: 'slow responder sz-1 by 1 s',
      forMs: 4_000,
      // Some do fail, or it was not slow at all; later ones are those that try whether it still is.
      bounds: { failedPercent: 5, answeredPercent: 99.95 },
    },
    { name: 'it is left alone', forMs: 4_000, bounds: { failedPercent: 1, p99Ms: 800 } },
    { name: 'it is quick again', do: 'heal', forMs: 8_000, bounds: { failedPercent: 1 } },
    { name: 'as before', forMs: 3_000, bounds: { failed: 0, p99Ms: 250, ownerless: 0 } },
  ],
  bounds: { failedPercent: 2 },
})
