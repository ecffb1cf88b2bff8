/** What a refusal, a loss and a resend mean for a call that was sent more than once. */
import type { Plant } from './plant.ts'

const REQUESTER = 'rr-client/core/requester.js'
const RECOVERY = 'rr-client/core/recovery.js'
const RESPONDER = 'rr-client/core/responder.js'

/** Forgets every attempt that may still run. */
const FORGET_ATTEMPTS = `if (future.current !== undefined) freeAttempt(future, future.current);
        for (const earlier of future.earlier ?? []) releaseLoad(earlier);
        future.earlier = undefined;`

export const OF_ATTEMPTS: readonly Plant[] = [
  {
    name: 'C1 refusal speaks for the call',
    what: 'a refusal of one attempt lets the call go to another instance, whatever the others do',
    edits: [
      {
        file: REQUESTER,
        find: 'if (future.isOpen)\n            this.#recovery.onRefused',
        put: `${FORGET_ATTEMPTS}\n        if (future.isOpen)\n            this.#recovery.onRefused`,
      },
    ],
  },
  {
    name: 'C1 refusal of attempt n settles the call',
    what: 'the refusal of a resend is told to the caller although the first send may run',
    edits: [
      {
        file: REQUESTER,
        find: 'this.#recovery.onRefused(now, future, attempt);',
        put: `{
            ${FORGET_ATTEMPTS}
            this.#fail(now, future, verdictOf(future.refusal.reason).code);
        }`,
      },
    ],
  },
  {
    name: 'C3 nested code leaks',
    what: 'an error that escapes a handler leaves as a refusal, so that the call may go elsewhere',
    edits: [
      {
        file: RESPONDER,
        find: `mark.state = 'done';`,
        put: `if (reply.kind !== 0) {
            this.reject(now, mark, Reason.draining, '');
            return;
        }
        mark.state = 'done';`,
      },
    ],
  },
  {
    name: 'H1 recovery costs tokens',
    what: 'sending a call again to its own instance takes a token of the retry budget',
    edits: [
      {
        file: REQUESTER,
        find: 'write: (now, future, link) => this.#write(now, future, link, undefined),',
        put: `write: (now, future, link) => budgetOf(future.topic).take(now)
                ? this.#write(now, future, link, undefined)
                : this.#fail(now, future, 'broker_lost'),`,
      },
    ],
  },
  {
    name: 'H5 a lost link is a lost responder',
    what: 'one broker loses its link to the responder, and the call fails although others have theirs',
    edits: [
      {
        file: REQUESTER,
        find: `else if (!this.#goElsewhere(now, future))
            this.#recovery.start(now, future);`,
        put: `else if (!this.#goElsewhere(now, future))
            this.#fail(now, future, 'responder_lost');`,
      },
    ],
  },
  {
    name: 'H6 a pinned send needs a queue',
    what: 'a broker passes a pinned send on only to an owner of a queue with credit there',
    edits: [
      {
        file: 'broker/core/dispatch.js',
        find: 'else if (owner?.link === undefined || owner.link.outbox.isClogged) {',
        put: `else if (owner?.link === undefined || owner.link.outbox.isClogged ||
            ![...state.queues.values()].some((queue) => queue.owner === owner &&
                queue.state === 'writable' && queue.hasCredit(end - at))) {`,
      },
    ],
  },
  {
    name: 'M6 poison call',
    what: 'an idempotent call goes on to the next responder however many it has cost their link',
    edits: [
      {
        file: 'rr-client/core/attempts.js',
        find: 'const MAX_LOST = 1;',
        put: 'const MAX_LOST = 99;',
      },
    ],
  },
  {
    name: 'settle twice',
    what: 'a call that has failed stays in the table, and its late reply settles it again',
    edits: [
      {
        file: REQUESTER,
        find: `const error = errorOf(now, future, code, facts.instance, about);
        this.#remove(now, future);`,
        put: `const error = errorOf(now, future, code, facts.instance, about);
        if (future.current === undefined)
            this.#remove(now, future);
        future.wakeAt = Number.POSITIVE_INFINITY;`,
      },
    ],
  },
  {
    name: 'recovery to anyone',
    what: 'after a lost link a call is sent again as if it were new, to whoever is best',
    edits: [
      {
        file: RECOVERY,
        find: 'this.#acts.write(now, future, link);',
        put: `future.isRecovering = false;
            future.current = undefined;
            this.#acts.again(now, future);`,
      },
      {
        file: REQUESTER,
        find: 'wakeAt: (now, future, instant) => this.#open.wakeAt(now, future, instant),',
        put: `wakeAt: (now, future, instant) => this.#open.wakeAt(now, future, instant),
            again: (now, future) => this.#place(now, future),`,
      },
    ],
  },
]
