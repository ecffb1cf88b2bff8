/** What a responder remembers of the calls it was sent, and for how long. */
import type { Plant } from './plant.ts'

const RESPONDER = 'rr-client/core/responder.js'

export const OF_MARKS: readonly Plant[] = [
  {
    name: 'C2 no mark after return',
    what: 'what a responder hands back unstarted leaves no mark: a late copy of it runs',
    edits: [
      {
        file: RESPONDER,
        find: `mark.others = undefined;
        this.#registrations.onLess(now, mark.registration);`,
        put: `mark.others = undefined;
        if (mark.forgetAt !== FORGOTTEN) {
            mark.peer.delete(mark);
            this.#marks.drop(mark);
        }
        this.#registrations.onLess(now, mark.registration);`,
      },
    ],
  },
  {
    name: 'C2 mark at the start',
    what: 'the mark is made when the handler begins: two copies can meet in the lane',
    edits: [
      {
        file: RESPONDER,
        find: `this.#marks.add(now, mark);
        this.#offer(`,
        put: 'this.#offer(',
      },
      {
        file: RESPONDER,
        find: `mark.state = 'running';`,
        put: `mark.state = 'running';
        this.#marks.add(now, mark);`,
      },
    ],
  },
  {
    name: 'C5 marks by session',
    what: 'a call is known by its broker and its number: a copy by another broker is a new call',
    edits: [
      {
        file: RESPONDER,
        find: 'const known = peer.find(counter, isLong);',
        put: `const found = peer.find(counter, isLong);
        const known = found?.way.link === link ? found : undefined;`,
      },
    ],
  },
  {
    name: 'C5 instance is its name',
    what: 'an instance that was started again goes by the id of the one before',
    edits: [
      {
        file: 'scenarios/sim/world/world.js',
        find: 'new ClientNode(this, name, instance,',
        put: `new ClientNode(this, name, 'instance-' + name,`,
      },
    ],
  },
  {
    name: 'C6 mark gone at the deadline',
    what: 'a mark is forgotten with the deadline, and a copy may be on its way for longer',
    edits: [
      {
        file: 'rr-client/core/mark.js',
        find: 'const KEEP_MS = 15_000;',
        put: 'const KEEP_MS = 0;',
      },
      {
        file: 'rr-client/core/mark.js',
        find: 'const KEEP_SHARE = 0.05;',
        put: 'const KEEP_SHARE = 0;',
      },
    ],
  },
  {
    name: 'C6 old batches are believed',
    what: 'what was under way for long is read as if it were new',
    edits: [
      {
        file: 'bus/batch.js',
        find: 'const isLongBusy = busySince',
        put: 'if (now > 0) return false;\n    const isLongBusy = busySince',
      },
    ],
  },
  {
    name: 'C8 floor by bit operators',
    what: 'counters are compared as numbers of 32 bits',
    edits: [
      {
        file: RESPONDER,
        find: 'if (counter < peer.floor(isLong)) {',
        put: 'if ((counter >>> 0) < (peer.floor(isLong) >>> 0)) {',
      },
    ],
  },
  {
    name: 'H11 work of a lost link starts',
    what: 'a responder starts what came by a link it has since lost, and what its lease is over for',
    edits: [
      {
        file: RESPONDER,
        find: `mark.state = 'never';
                mark.registration.waiting -= 1;
                mark.body = NO_BYTES;`,
        put: 'continue;',
      },
      {
        file: RESPONDER,
        find: 'const isHeld = now -',
        put: 'const isHeld = now > 0 || now -',
      },
      {
        file: RESPONDER,
        find: 'if (this.#state.stoppedMs > 0)\n            return false;',
        put: '',
      },
    ],
  },
  {
    name: 'floor too high',
    what: 'the floor that a requester tells lies one above its lowest open call',
    edits: [
      {
        file: 'rr-client/core/future.js',
        find: 'this.#ring.size === 0 ? this.#next : this.#ring.lowest',
        put: 'this.#ring.size === 0 ? this.#next : this.#ring.lowest + 1',
      },
    ],
  },
]
