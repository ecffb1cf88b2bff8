import { defineDrill } from '../drill.ts'

/** A broker hears nothing from a responder that hears it well. */
export const oneWayCut = defineDrill({
  name: 'one-way-cut',
  about:
    'A broker no longer hears a responder that hears it well. It is the worst kind of half-dead ' +
    'link: all the responder is sent arrives. Its replies go by the other broker, and the link ' +
    'is given up.',
  cluster: { idcs: { sz: { brokers: 2, responders: 2, requesters: 2 } } },
  steps: [
    { name: 'calm', forMs: 2_000, bounds: { failed: 0 } },
    {
      name: 'responder sz-1 is not heard at broker sz-1',
      do: 'cut responder sz-1 from broker sz-1 one way',
      forMs: 6_000,
      // Of four queues one has lost its owner.
      bounds: { failed: 0, p99Ms: 1_500, queues: 3, ownerless: 0 },
    },
    { name: 'healed', do: 'heal', forMs: 5_000, bounds: { failed: 0, ownerless: 0 } },
  ],
  bounds: { failed: 0, ownerless: 0 },
})
