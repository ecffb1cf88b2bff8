/** Who is alive, who is sick, who may start, and how much at once. */
import type { Plant } from './plant.ts'

const HEARD = {
  file: 'bus/pulse.js',
  find: 'receive(now, number, ack) {',
  put: 'receive(now, number, ack) {\n        this.heardAt = now;',
}

export const OF_LIVENESS: readonly Plant[] = [
  {
    name: 'H2 a refusal is no news',
    what: 'a queue that has refused is asked again at once: it draws the calls to itself',
    edits: [
      {
        file: 'rr-client/core/requester.js',
        find: 'noteRefusal(now, future.topic, link, b, at);',
        put: '{}',
      },
      {
        file: 'rr-client/core/requester.js',
        find: 'future.refusedBy = [...(future.refusedBy ?? []), queue];',
        put: '{}',
      },
    ],
  },
  {
    name: 'H3 lease used beyond its end',
    what: 'an instance believes a vote for longer than its broker leaves it with it',
    edits: [
      {
        file: 'rr-client/core/candidacy.js',
        find: 'const LEASE_SHARE = 0.8;',
        put: 'const LEASE_SHARE = 1.6;',
      },
    ],
  },
  {
    name: 'H3 whatever is heard proves life',
    what: 'a link by which nothing arrives stands while something is heard from its other end',
    edits: [
      HEARD,
      {
        file: 'bus/heartbeat.js',
        find: 'const silentMs = now - Math.max(pulse.unackedSince,',
        put: 'const silentMs = now - Math.max(pulse.unackedSince, pulse.heardAt ?? 0,',
      },
    ],
  },
  {
    name: 'H8 credit for each broker',
    what: 'every broker is granted the whole credit of a registration',
    edits: [
      {
        file: 'rr-client/core/registrations.js',
        find: 'return Math.max(1, Math.ceil((concurrency + prefetch) / sharing));',
        put: 'return Math.max(1, concurrency + prefetch);',
      },
    ],
  },
  {
    name: 'H8 a lane for each broker',
    what: 'the handlers that run at once are counted for each broker alone',
    edits: [
      {
        file: 'scenarios/sim/world/client-node.js',
        find: 'const { lane, handler } = mark.registration.answerer;',
        put: `const { lane: first, handler } = mark.registration.answerer;
        const lanes = (mark.registration.answerer.lanes ??= [first]);
        const lane = (lanes[mark.way.link.index] ??= new Lane(mark.registration.concurrency));`,
      },
    ],
  },
  {
    name: 'H9 one broker speaks for all',
    what: 'nobody answers, says the first broker that has spoken, and the others are not waited for',
    edits: [
      {
        file: 'rr-client/core/failure.js',
        find: 'if (isAsked || state.links.some((link) => link.isFirstOpening)) {',
        put: 'if (isAsked && topic.heard.size === 0) {',
      },
    ],
  },
  {
    name: 'H10 hung responders are not isolated',
    what: 'a queue that answers nothing is neither isolated by requesters nor stalled at its broker',
    edits: [
      {
        file: 'rr-client/core/isolations.js',
        find: 'if (queue === undefined)\n            return;',
        put: 'if (now > 0)\n            return;',
      },
      {
        file: 'broker/core/stalls.js',
        find: 'const isSick = queue.isDoubtful || isSlow(now, queue);',
        put: 'const isSick = queue.isDoubtful;',
      },
    ],
  },
  {
    name: 'timers before sockets',
    what: 'what fell due goes before what is there to be read',
    edits: [
      {
        file: 'scenarios/sim/world/agenda.js',
        find: 'read: 0, due: 1,',
        put: 'read: 1, due: 0,',
      },
      {
        file: 'scenarios/sim/world/node.js',
        find: 'const piled = this.#piled;\n        this.#piled = [];',
        put: `const piled = this.#piled;
        this.#piled = [];
        this.step(this.#onDeadline);`,
      },
    ],
  },
  {
    name: 'probe never settled',
    what: 'the probe of an isolated queue never ends, so that the queue is never restored',
    edits: [
      {
        file: 'rr-client/core/isolation.js',
        find: 'if (!this.#isProbing || probe !== this.#probe)',
        put: 'if (now > 0)',
      },
      {
        file: 'rr-client/core/isolation.js',
        find: 'if (this.#isProbing && now >= this.#probeUntil)',
        put: 'if (now < 0)',
      },
    ],
  },
  {
    name: 'failback without ramp',
    what: 'all calls return home at once',
    edits: [
      {
        file: 'rr-client/core/homing.js',
        find: 'const RAMP_FROM = 0.1;',
        put: 'const RAMP_FROM = 1;',
      },
    ],
  },
  {
    name: 'routes shrink with the registry',
    what: 'a client forgets the routes of brokers that a registry does not name',
    edits: [
      {
        file: 'rr-client/core/followed-copy.js',
        find: "this.#state = 'known';",
        put: "this.#state = 'known';\n        this.#events.listed?.(list.brokers);",
      },
      {
        file: 'scenarios/sim/world/following.js',
        find: '{ found, refused, advise }',
        put: '{ found, refused, advise, listed: (brokers) => book.only(client.now, brokers) }',
      },
      {
        file: 'rr-client/core/broker-book.js',
        find: 'take(now, broker) {',
        put: `only(now, brokers) {
        for (const { id, link } of this.#byLink.values())
            if (!brokers.some((broker) => broker.id === id)) this.#core.requester.topics.onLinkDown(now, link);
    }
    take(now, broker) {`,
      },
    ],
  },
]
