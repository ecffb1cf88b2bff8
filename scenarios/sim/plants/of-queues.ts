/** Owners, epochs, depth, credit and the way of a request and its reply through a broker. */
import type { Plant } from './plant.ts'

const DISPATCH = 'broker/core/dispatch.js'
const RETURNS = 'broker/core/returns.js'

/** Where a broker finds again what its former lives had: all lives have the grants in common. */
const STORE = `const stored = new WeakMap();
const store = ({ limits, identity: { life } }, origin, until, b, at, end) => {
    const kept = stored.get(limits.grants) ?? [];
    kept.push({ life, origin: origin.instance, until, frame: Buffer.from(b.subarray(at, end)) });
    stored.set(limits.grants, kept);
};
`

export const OF_QUEUES: readonly Plant[] = [
  {
    name: 'C4 lives are not told apart',
    what: 'a client keeps its routes over a restart of the broker, and nobody checks life or target',
    edits: [
      {
        file: DISPATCH,
        find: 'u64(b, at + Request.life) !== state.identity.life ||',
        put: '',
      },
      {
        file: DISPATCH,
        find: 'u32(b, at + Request.target) !== queue.owner.handle ||',
        put: '',
      },
      {
        file: 'rr-client/core/addressee.js',
        find: 'if (u32(b, at + Request.target) !== link.handle || u64(b, at + Request.life) !== link.life) {',
        put: 'if (link.life === 0) {',
      },
      {
        file: 'rr-client/core/topic-book.js',
        find: 'topic.forgetLink(link);\n            topic.otherGroup.delete(link);',
        put: 'topic.asked.delete(link);\n            topic.otherGroup.delete(link);',
      },
    ],
  },
  {
    name: 'C4 epoch begins again',
    what: 'a queue that is given to an owner anew keeps its epoch',
    edits: [
      {
        file: 'broker/core/ownership.js',
        find: 'queue.epoch += 1;',
        put: '',
      },
    ],
  },
  {
    name: 'C7 requests are stored',
    what: 'a broker that was restarted sends out again what it had before',
    edits: [
      { file: DISPATCH, find: 'export class Dispatch {', put: `${STORE}export class Dispatch {` },
      {
        file: DISPATCH,
        find: 'const delivery = state.deliveries.take(origin, owner, queue);',
        put: `if (queue !== undefined)
            store(state, origin, now + remainingMs, b, at, end);
        const delivery = state.deliveries.take(origin, owner, queue);`,
      },
      {
        file: DISPATCH,
        find: 'pump(now, queue) {',
        put: `pump(now, queue) {
        const { identity, byInstance, limits } = this.#state;
        const left = stored.get(limits.grants) ?? [];
        stored.set(limits.grants, left.filter(({ life }) => life === identity.life));
        for (const { life, origin, until, frame } of left) {
            const session = byInstance.get(origin);
            if (life === identity.life || session === undefined || until <= now) continue;
            setU32(frame, Request.queue, queue.handle);
            setU32(frame, Request.target, queue.owner.handle);
            setU64(frame, Request.epoch, queue.epoch);
            setU64(frame, Request.life, identity.life);
            this.#forward(now, session, queue.owner, queue, frame, 0, frame.length, until - now);
        }`,
      },
      {
        file: DISPATCH,
        find: 'import { setU32, u16, u32, u64 }',
        put: 'import { setU32, setU64, u16, u32, u64 }',
      },
    ],
  },
  {
    name: 'H4 replies are fenced',
    what: 'a reply is dropped when its queue has another owner or epoch by now',
    edits: [
      {
        file: RETURNS,
        find: 'if (origin === undefined)\n            state.counters.repliesDropped += 1;',
        put: `const isFenced = b[at + 4] === Frame.reply && owned !== undefined && state.queues.get(owned.handle) !== owned;
        if (origin === undefined || isFenced)
            state.counters.repliesDropped += 1;`,
      },
      {
        file: RETURNS,
        find: 'let origin;',
        put: 'let origin;\n        const owned = delivery?.queue;',
      },
    ],
  },
  {
    name: 'H5 credit leak',
    what: 'what a responder that is back does not hold any more counts for ever',
    edits: [
      {
        file: RETURNS,
        find: 'if (!held.has(delivery.number)) {',
        put: 'if (held === undefined) {',
      },
    ],
  },
  {
    name: 'H7 a thawed broker is silent',
    what: 'a broker that was stopped drops what it had not sent on, and tells nobody',
    edits: [
      {
        file: 'broker/core/broker-core.js',
        find: `if (queue.waiting > 0)
                this.#dispatch.handBack(now, queue, Reason.moved);`,
        put: `if (queue.waiting > 0)
                this.#dispatch.handBack(now, queue, -1);`,
      },
      {
        file: DISPATCH,
        find: 'this.#refusals.waiting(now, message, reason);',
        put: 'if (reason !== -1) this.#refusals.waiting(now, message, reason);',
      },
    ],
  },
  {
    name: 'watermark off by one',
    what: 'a queue takes one request more than its depth',
    edits: [
      {
        file: 'broker/core/queue.js',
        find: 'if (this.depth < maxDepth &&',
        put: 'if (this.depth <= maxDepth &&',
      },
    ],
  },
  {
    name: 'reply to the wrong session',
    what: 'a reply goes to whoever was last sent one',
    edits: [
      {
        file: RETURNS,
        find: 'const link = to.link;\n        state.introduce(now, to, from);',
        put: `const other = this.last;
        this.last = to;
        if (other?.link !== undefined) to = other;
        const link = to.link;
        state.introduce(now, to, from);`,
      },
    ],
  },
]
